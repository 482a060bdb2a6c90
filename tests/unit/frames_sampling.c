/*
 * See frames_sampling.h.  Called by check_frames_sample.c and check_frames_source.c.
 */
#include "frames_sampling.h"

#include <check.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/layout.h"
#include "base/own.h"
#include "frames/page_entry.h"
#include "frames_sink.h"

struct sampling *sampling;
struct proc_files files;
int pagemap;

void sampling_renew(void)
{
  sampling = own_map(sizeof *sampling);
  sample_init(sampling, &sink_table);
  sampling->vmas.skip_start = OWN_START;
  sampling->vmas.skip_end = META_END;
  sampling->skip_tables = META_START;
}

void set_up(void)
{
  sink_reset();
  sampling_renew();
  ck_assert(proc_files_open(&files));
  pagemap = open("/proc/self/pagemap", O_RDONLY);
  ck_assert_int_ge(pagemap, 0);
}

void tear_down(void)
{
  proc_files_close(&files);
  close(pagemap);
}

void sample_by(const struct proc_files *by)
{
  struct sample_request request = {.reason = VT_SAMPLE_MARK};

  for (int i = 0; i == 0 || (sampling->cursor && i < 10000); i++)
    sample_take(sampling, by, &request);
  ck_assert_uint_eq(sampling->cursor, 0);
}

void sample(void)
{
  sample_by(&files);
}

char *map(size_t pages, int prot, int flags)
{
  char *p = mmap(NULL, pages * FRAME_SIZE, prot, flags, -1, 0);

  ck_assert_ptr_ne(p, MAP_FAILED);
  return p;
}

void assert_agrees(const char *base, size_t n)
{
  for (size_t i = 0; i < n; i++) {
    uint64_t word = pagemap_word(pagemap, PAGE_AT(base, i));
    unsigned state =
        (word >> 63 ? VT_PG_PRESENT : 0) | (word >> 56 & 1 ? VT_PG_EXCLUSIVE : 0) | (word >> 61 & 1 ? VT_PG_FILE : 0);

    ck_assert_uint_eq(sink_state(PAGE_AT(base, i)) & LIVE, state);
    ck_assert_uint_eq(sink_pfn(PAGE_AT(base, i)), word >> 63 ? word & ENTRY_PFN_MASK : 0);
  }
}
