/*
 * Opening and probing the files of /proc that the sampler reads, see
 * proc_files.h.  Must not keep state.  Called by helper.c, sampler.c and present.c.
 */
#include "frames/proc_files.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/syscall.h>

#include "base/sys.h"
#include "frames/page_entry.h"

_Static_assert(sizeof(struct scan_arg) == 96, "as the kernel has it");
_Static_assert(sizeof(struct scan_region) == 24, "as the kernel has it");
_Static_assert(sizeof(struct map_query) == 104, "as the kernel has it");

#define COUNT_REGIONS 64
#define COUNT_PAGES 32768u /* a millisecond under the lock of the memory map, then others get it */

static uint64_t parse_number(const char *p)
{
  uint64_t number = 0;

  for (; *p >= '0' && *p <= '9'; p++)
    number = number * 10 + (uint64_t)(*p - '0');
  return number;
}

/* The second number of a statm. */
static uint64_t parse_resident(const char *p)
{
  while (*p && *p != ' ')
    p++;
  while (*p == ' ')
    p++;
  return parse_number(p);
}

static uint64_t read_resident(int statm)
{
  char text[128];
  long n = statm < 0 ? -1 : sys_call(SYS_pread64, statm, (long)text, sizeof text - 1, 0, 0, 0);

  if (n <= 0)
    return 0;
  text[n] = '\0';
  return parse_resident(text);
}

/* Unlike maps and pagemap, statm asks for the memory at each reading: the first thread may have ended since. */
uint64_t proc_resident(const struct proc_files *files)
{
  uint64_t pages = read_resident(files->statm);
  char text[128];

  if (!pages && files->statm >= 0 && sys_read_file("/proc/thread-self/statm", text, sizeof text) > 0)
    pages = parse_resident(text);
  return pages;
}

uint64_t proc_merged(const struct proc_files *files)
{
  char text[32];
  ssize_t n = files->merged < 0 ? -1 : sys_pread(files->merged, text, sizeof text - 1, 0);

  if (n <= 0)
    return 0;
  text[n] = '\0';
  return parse_number(text);
}

static int open_here(const char *path)
{
  return sys_open(path, O_RDONLY | O_CLOEXEC, 0);
}

/*
 * By the process.  By the thread they would add entries of its own to the
 * kernel's cache of names: the parent's wait for a process that ends drops them while the ending helper does the same,
 * and the one that comes second spins until the other is done, for milliseconds when that one lost its CPU.
 */
static void open_own(struct proc_files *files)
{
  files->statm = open_here("/proc/self/statm");
  if (files->statm >= 0 && read_resident(files->statm) == 0) {
    /* The first thread has ended before the others, and with it the memory that /proc/self shows (Linux 3.17 has the
     * other name). */
    sys_close(files->statm);
    files->statm = open_here("/proc/thread-self/statm");
    files->maps = open_here("/proc/thread-self/maps");
    files->pagemap = open_here("/proc/thread-self/pagemap");
    return;
  }
  files->maps = open_here("/proc/self/maps");
  files->pagemap = open_here("/proc/self/pagemap");
}

long proc_scan(int pagemap, uint64_t start, uint64_t end, uint64_t pages, struct scan_region *regions, unsigned max,
               uint64_t *walked)
{
  struct scan_arg arg = {
      .size = sizeof arg,
      .start = start,
      .end = end,
      .vec = (uint64_t)(uintptr_t)regions,
      .vec_len = max,
      .max_pages = pages,
      .category_anyof_mask = SCAN_PRESENT | SCAN_SWAPPED,
      .return_mask = SCAN_ZERO | SCAN_HUGE,
  };
  long found;

  do
    found = sys_call(SYS_ioctl, pagemap, (long)SCAN_IOCTL, (long)&arg, 0, 0, 0);
  while (found == -EINTR);
  *walked = arg.walk_end;
  return found;
}

uint64_t proc_page_size(int maps, uint64_t addr)
{
  struct map_query query = {.size = sizeof query, .addr = addr};

  return !sys_filtered() && sys_call(SYS_ioctl, maps, (long)MAP_QUERY_IOCTL, (long)&query, 0, 0, 0) == 0
             ? query.page_size
             : 0;
}

uint64_t proc_count(const struct proc_files *files, uint64_t start, uint64_t end)
{
  struct scan_region regions[COUNT_REGIONS];
  uint64_t pages = 0;

  while (files->flags & VT_SAMPLE_SCAN && start < end) {
    struct scan_arg arg = {
        .size = sizeof arg,
        .start = start,
        .end = end,
        .vec = (uint64_t)(uintptr_t)regions,
        .vec_len = COUNT_REGIONS,
        .max_pages = COUNT_PAGES,
        .category_inverted = SCAN_ZERO,
        .category_mask = SCAN_PRESENT | SCAN_ZERO,
        .return_mask = SCAN_PRESENT,
    };
    long found = sys_call(SYS_ioctl, files->pagemap, (long)SCAN_IOCTL, (long)&arg, 0, 0, 0);

    if (found == -EINTR)
      continue;
    if (found < 0)
      return 0;
    for (long i = 0; i < found; i++)
      pages += (regions[i].end - regions[i].start) >> FRAME_SHIFT;
    if (arg.walk_end <= start)
      break;
    start = arg.walk_end;
  }
  return pages;
}

static bool shows_frames(int pagemap, uint64_t page)
{
  uint64_t entry = 0;

  return sys_pread(pagemap, &entry, sizeof entry, (off_t)(page >> FRAME_SHIFT << 3)) == (ssize_t)sizeof entry &&
         entry >> 63 && entry_pfn(entry);
}

/* Looks at one page that is surely present: the one that the variable is in. */
static unsigned probe_pagemap(int pagemap)
{
  volatile uint64_t here = 1;
  uint64_t page = (uint64_t)(uintptr_t)&here & ~(FRAME_SIZE - 1), walked;
  struct scan_region region;
  unsigned flags = shows_frames(pagemap, page) ? VT_SAMPLE_PFN : 0;

  if (proc_scan(pagemap, page, page + FRAME_SIZE, 0, &region, 1, &walked) >= 0)
    flags |= VT_SAMPLE_SCAN;
  return flags + (unsigned)(here - 1);
}

bool proc_sees_frames(void)
{
  volatile uint64_t here = 1;
  int pagemap = open_here("/proc/self/pagemap");
  bool shown = pagemap >= 0 && shows_frames(pagemap, (uint64_t)(uintptr_t)&here & ~(FRAME_SIZE - 1)) && here;

  if (pagemap >= 0)
    sys_close(pagemap);
  return shown;
}

bool proc_files_open(struct proc_files *files)
{
  uint64_t word;

  files->flags = 0;
  files->error = 0;
  files->kpageflags = files->merged = -1;
  open_own(files);
  if (files->pagemap < 0) {
    files->error = files->pagemap;
    return false;
  }
  files->flags = probe_pagemap(files->pagemap);
  if (!(files->flags & VT_SAMPLE_PFN))
    return true; /* without frame numbers there is nothing to look up */
  files->kpageflags = sys_open("/proc/kpageflags", O_RDONLY | O_CLOEXEC, 0);
  if (files->kpageflags < 0)
    return true;
  if (sys_pread(files->kpageflags, &word, sizeof word, 0) == (ssize_t)sizeof word) {
    files->flags |= VT_SAMPLE_FLAGS;
    files->merged = open_here("/sys/kernel/mm/ksm/pages_shared");
    return true;
  }
  sys_close(files->kpageflags);
  files->kpageflags = -1;
  return true;
}

void proc_files_close(struct proc_files *files)
{
  int *fds[] = {&files->maps, &files->pagemap, &files->kpageflags, &files->statm, &files->merged};

  for (unsigned i = 0; i < sizeof fds / sizeof *fds; i++) {
    if (*fds[i] >= 0)
      sys_close(*fds[i]);
    *fds[i] = -1;
  }
}
