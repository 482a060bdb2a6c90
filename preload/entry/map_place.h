/*
 * Where the program's mappings go in pin mode: out of the calling thread's
 * region, unless the program said where.  Called by the hooks of hook_map.c and hook_brk.c, within their guard.
 *
 * The results of functions that return a pointer are the kernel's: an address, or -errno (sys_failed).  Should no
 * address of the plan do, for whatever reason, the kernel chooses as it would have without us, so that errors
 * are its own; that is reported (VT_NONDET_PLACED).
 */
#ifndef VMTRACE_MAP_PLACE_H
#define VMTRACE_MAP_PLACE_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "entry/hook.h"

#define PLACE_PAGE UINT64_C(4096)

static inline uint64_t place_pages(uint64_t size)
{
  return (size + PLACE_PAGE - 1) & ~(PLACE_PAGE - 1);
}

/* Whether h may take addresses out of its thread's region. */
bool place_may_pin(const struct hook *h);

/*
 * Before a call that maps over [addr, addr + size), unmaps it, or moves it away: the heap leaves the place.
 * 0, or -ENOMEM: the library's own memory is there, and the call must not be made.  Afterwards, if the call was
 * done, make_way_done says so to the user and to the trace.
 */
struct make_way {
  uint64_t addr;
  bool used; /* memory of the heap was in use there */
};
int make_way(const struct hook *h, uint64_t addr, uint64_t size, struct make_way *way);
void make_way_done(const struct make_way *way);

/* mmap. */
void *place_map(const struct hook *h, void *addr, size_t size, int prot, int flags, int fd, off_t offset);

/* mremap with MREMAP_MAYMOVE: to a range of its own, which is claimed first, because MREMAP_FIXED replaces what it
 * finds.  A mapping of the plan never grows in place: it always moves. */
void *place_remap(const struct hook *h, void *old, size_t old_size, size_t size, int flags);

/* mremap without it, of a mapping of the plan: succeeds where the addresses behind it are nobody's and the thread's to
 * give. */
void *place_grow(const struct hook *h, void *old, size_t old_size, size_t size, int flags);

/* An address for size bytes that are mapped elsewhere (shmat); 0: none.  Given back by heap_range_release. */
uint64_t place_reserve(const struct hook *h, uint64_t size);

/* The kernel chose p: reported, in pin mode. */
void place_note_kernel(const struct hook *h, uint64_t p);

#endif
