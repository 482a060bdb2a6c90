/*
 * The image's start; see libunwind_image.h.  The places that need an address
 * were found at build time, so that nothing of ELF is read here.  Called by unwind_source.c.
 *
 * No page is ever writable and executable at once, and none becomes executable:
 * the data lies in pages of its own, which were text that nobody runs.
 */
#include "unwind/libunwind_image.h"

#include <stddef.h>
#include <stdint.h>
#include <sys/mman.h>

#include "base/sys.h"

/* Made by libunwind_image.awk.  Offsets are from the image's first byte, multiples of the largest page there may be. */
struct image_layout {
  uint64_t data, constant, constant_end, data_end; /* [constant, constant_end): not written after the start */
};

/* A word of the image that holds an address; where it is, and what is there relative to this record's own word. */
struct image_place {
  uint64_t offset;
  int64_t target;
};

extern const char libunwind_image[] __attribute__((visibility("hidden")));
extern const struct image_layout libunwind_image_layout __attribute__((visibility("hidden")));
extern const struct image_place libunwind_image_places[] __attribute__((visibility("hidden")));
extern const struct image_place libunwind_image_places_end[] __attribute__((visibility("hidden")));

int libunwind_image_start(void)
{
  const struct image_layout *at = &libunwind_image_layout;
  uint64_t image = (uint64_t)libunwind_image;
  int rc = sys_mprotect((void *)(image + at->data), at->data_end - at->data, PROT_READ | PROT_WRITE);

  if (rc != 0)
    return rc;
  for (const struct image_place *p = libunwind_image_places; p < libunwind_image_places_end; p++)
    *(uint64_t *)(image + p->offset) = (uint64_t)&p->target + (uint64_t)p->target;
  return sys_mprotect((void *)(image + at->constant), at->constant_end - at->constant, PROT_READ);
}
