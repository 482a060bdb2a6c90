/*
 * What programs ask about the heap and how they tune it: mallinfo, mallopt,
 * malloc_trim, malloc_stats, malloc_info.  In terms of the pinned heap, or
 * handed on to the next allocator.
 */
#include <errno.h>
#include <limits.h>
#include <malloc.h>
#include <stdio.h>

#include "base/log.h"
#include "base/sys.h"
#include "entry/hook.h"
#include "entry/libc_names.h"
#include "entry/process.h"
#include "heap/heap.h"
#include "heap/next.h"

static bool use_next(void)
{
  hook_thread();
  return process_mode() != PROCESS_PIN;
}

/* heap_get_stats takes locks of the heap: nested, nothing is known. */
static void get_stats(struct heap_stats *stats)
{
  struct hook h = hook_begin(HOOK_FRAME);

  *stats = (struct heap_stats){0};
  if (h.state == HOOK_READY)
    heap_get_stats(stats);
  hook_end(&h);
}

/* No brk area, no fast bins; the huge blocks are what glibc calls mmapped. */
EXPORT struct mallinfo2 mallinfo2(void)
{
  struct heap_stats s;
  struct mallinfo2 info = {0};

  if (use_next()) {
    struct heap_next_info next = {0};

    if (heap_next()->mallinfo2)
      next = heap_next()->mallinfo2();
    return (struct mallinfo2){next.arena,   next.ordblks, next.smblks,   next.hblks,    next.hblkhd,
                              next.usmblks, next.fsmblks, next.uordblks, next.fordblks, next.keepcost};
  }
  get_stats(&s);
  info.arena = s.mapped_bytes - s.large_bytes;
  info.ordblks = s.free_blocks;
  info.hblks = s.large_blocks;
  info.hblkhd = s.large_bytes;
  info.uordblks = s.live_bytes;
  info.fordblks = s.free_bytes;
  return info;
}

static int as_int(size_t value)
{
  return value > INT_MAX ? INT_MAX : (int)value;
}

EXPORT struct mallinfo mallinfo(void)
{
  struct mallinfo2 m;

  if (use_next())
    return heap_next()->mallinfo ? heap_next()->mallinfo() : (struct mallinfo){0};
  m = mallinfo2();
  return (struct mallinfo){.arena = as_int(m.arena),
                           .ordblks = as_int(m.ordblks),
                           .hblks = as_int(m.hblks),
                           .hblkhd = as_int(m.hblkhd),
                           .uordblks = as_int(m.uordblks),
                           .fordblks = as_int(m.fordblks)};
}

/* Every parameter is taken and none has an effect: there is nothing to tune that would not move addresses. */
EXPORT int mallopt(int parameter, int value)
{
  if (use_next())
    return heap_next()->mallopt ? heap_next()->mallopt(parameter, value) : 0;
  return 1;
}

EXPORT int malloc_trim(size_t pad)
{
  struct hook h;
  size_t given_back = 0;

  if (use_next())
    return heap_next()->malloc_trim ? heap_next()->malloc_trim(pad) : 0;
  h = hook_begin(HOOK_FRAME);
  if (h.state == HOOK_READY)
    given_back = heap_trim(0);
  hook_end(&h);
  return given_back > 0;
}

/* In glibc's words, which programs and scripts look for: one arena for all heaps. */
EXPORT void malloc_stats(void)
{
  struct heap_stats s;
  char text[512];
  int n;

  if (use_next()) {
    if (heap_next()->malloc_stats)
      heap_next()->malloc_stats();
    return;
  }
  get_stats(&s);
  n = text_format(text, sizeof text,
                  "Arena 0:\nsystem bytes     = %10lu\nin use bytes     = %10lu\n"
                  "Total (incl. mmap):\nsystem bytes     = %10lu\nin use bytes     = %10lu\n"
                  "max mmap regions = %10lu\nmax mmap bytes   = %10lu\n",
                  (unsigned long)(s.mapped_bytes - s.large_bytes), (unsigned long)(s.live_bytes - s.large_bytes),
                  (unsigned long)s.mapped_bytes, (unsigned long)s.live_bytes, (unsigned long)s.large_blocks_most,
                  (unsigned long)s.large_bytes_most);
  sys_write(2, text, (size_t)n);
}

/* stdio here is the caller's own stream, written as the caller asked. */
EXPORT int malloc_info(int options, FILE *stream)
{
  struct heap_stats s;
  char text[1024];

  if (use_next())
    return heap_next()->malloc_info ? heap_next()->malloc_info(options, stream) : (errno = ENOSYS, -1);
  if (options != 0)
    return EINVAL;
  get_stats(&s);
  text_format(text, sizeof text,
              "<malloc version=\"1\">\n<heap nr=\"0\">\n</heap>\n"
              "<total type=\"rest\" count=\"%lu\" size=\"%lu\"/>\n<total type=\"mmap\" count=\"%lu\" size=\"%lu\"/>\n"
              "<system type=\"current\" size=\"%lu\"/>\n</malloc>\n",
              (unsigned long)s.live_blocks, (unsigned long)s.live_bytes, (unsigned long)s.large_blocks,
              (unsigned long)s.large_bytes, (unsigned long)s.mapped_bytes);
  return fputs(text, stream) < 0 ? -1 : 0;
}
