/*
 * Hooks on mappings: mmap, munmap, mremap, mprotect, madvise.
 *
 * The system calls are made directly.  In pin mode map_place.c says where a mapping goes that leaves its
 * address to the kernel; whatever the program asks for itself (a hint, MAP_FIXED) is obeyed.
 */
#include <errno.h>
#include <stdarg.h>
#include <sys/mman.h>

#include "base/layout.h"
#include "base/sys.h"
#include "entry/hook.h"
#include "entry/map_place.h"
#include "entry/process.h"
#include "entry/program_call.h"
#include "heap/heap.h"
#include "unwind/unwind.h"

#ifndef MREMAP_DONTUNMAP
#define MREMAP_DONTUNMAP 4 /* Linux 5.7 */
#endif

#define ADDRESS(p) ((uint64_t)(uintptr_t)(p))

/* What a system call returned, as libc returns it. */
static void *as_libc(void *p)
{
  if (!sys_failed(p))
    return p;
  errno = sys_errno(p);
  return MAP_FAILED;
}

static int as_libc_int(int result)
{
  if (result >= 0)
    return result;
  errno = -result;
  return -1;
}

/* ---- mmap ---- */

HOT void *map(void *addr, size_t size, int prot, int flags, int fd, off_t offset, uintptr_t frame)
{
  struct hook h = hook_begin(frame);
  void *p = place_map(&h, addr, size, prot, flags, fd, offset);

  if (!sys_failed(p) && flags & MAP_FIXED)
    unwind_mappings_changed(h.thread->unwind, ADDRESS(p), place_pages(size));
  if (!sys_failed(p))
    HOOK_RECORD(&h, MMAP, ADDRESS(p), size, (uint64_t)prot, (uint64_t)(unsigned)flags, (uint64_t)(int64_t)fd,
                (uint64_t)offset);
  hook_end(&h);
  return as_libc(p);
}

EXPORT void *mmap(void *addr, size_t size, int prot, int flags, int fd, off_t offset)
{
  return map(addr, size, prot, flags, fd, offset, HOOK_FRAME);
}

EXPORT void *mmap64(void *addr, size_t size, int prot, int flags, int fd, off64_t offset)
{
  return map(addr, size, prot, flags, fd, offset, HOOK_FRAME);
}

/* ---- munmap ---- */

/* The library's own memory stays; what lies on either side of it goes. */
static int unmap_around(uint64_t start, uint64_t end)
{
  int result = 0;

  if (start < OWN_START)
    result = program_munmap((void *)start, OWN_START - start);
  if (!result && end > META_END)
    result = program_munmap((void *)META_END, end - META_END);
  return result;
}

static int unmap(const struct hook *h, uint64_t addr, size_t size)
{
  struct make_way way = {0};
  int result;

  if (addr % PLACE_PAGE == 0 && make_way(h, addr, size, &way))
    return unmap_around(addr, addr + place_pages(size));
  result = program_munmap((void *)addr, size);
  if (result == 0)
    make_way_done(&way);
  return result;
}

/* In next mode another thread may be given the range as soon as it is free: the record comes first, for all
 * arguments that the kernel does not refuse. */
EXPORT int munmap(void *addr, size_t size)
{
  struct hook h = hook_begin(HOOK_FRAME);
  bool first = process_mode() == PROCESS_NEXT && size && !(ADDRESS(addr) % PLACE_PAGE);
  int result;

  if (first)
    HOOK_RECORD(&h, MUNMAP, ADDRESS(addr), size);
  result = unmap(&h, ADDRESS(addr), size);
  if (result == 0 && !first)
    HOOK_RECORD(&h, MUNMAP, ADDRESS(addr), size);
  if (result == 0)
    unwind_mappings_changed(h.thread->unwind, ADDRESS(addr), place_pages(size));
  if (result == 0 && place_may_pin(&h))
    heap_range_release(h.thread->heap, ADDRESS(addr), place_pages(size));
  hook_end(&h);
  return as_libc_int(result);
}

/* ---- mremap ---- */

static void *remap(const struct hook *h, void *old, size_t old_size, size_t size, int flags, void *to)
{
  bool grows = place_pages(size) > place_pages(old_size) || !old_size;
  bool pinned = heap_covers(old);
  void *p;

  if (!place_may_pin(h) || flags & MREMAP_FIXED || !(grows || flags & MREMAP_DONTUNMAP))
    return program_mremap(old, old_size, size, flags, to);
  if (!(flags & MREMAP_MAYMOVE))
    return pinned ? place_grow(h, old, old_size, size, flags) : program_mremap(old, old_size, size, flags, to);
  if (!pinned && old_size && !(flags & MREMAP_DONTUNMAP)) {
    p = sys_mremap(old, old_size, size, flags & ~MREMAP_MAYMOVE, NULL);
    if (!sys_failed(p))
      return p;
  }
  return place_remap(h, old, old_size, size, flags);
}

/* What it moves away from, cuts off, or moves over, may be the heap's. */
static void *remap_making_way(const struct hook *h, void *old, size_t old_size, size_t size, int flags, void *to)
{
  uint64_t from = ADDRESS(old), kept = 0, had = place_pages(old_size);
  struct make_way source = {0}, target = {0};
  void *p;

  if (flags & MREMAP_DONTUNMAP)
    kept = had;
  else if (!(flags & MREMAP_FIXED) && place_pages(size) <= had)
    kept = place_pages(size);
  else if (!(flags & MREMAP_MAYMOVE))
    kept = had;
  if (from % PLACE_PAGE == 0 && had > kept && make_way(h, from + kept, had - kept, &source))
    return (void *)-EFAULT;
  if (flags & MREMAP_FIXED && ADDRESS(to) % PLACE_PAGE == 0 && make_way(h, ADDRESS(to), size, &target))
    return (void *)-ENOMEM;
  p = remap(h, old, old_size, size, flags, to);
  if (!sys_failed(p)) {
    make_way_done(&source);
    make_way_done(&target);
    if (flags & MREMAP_FIXED && place_may_pin(h))
      heap_range_claim(h->thread->heap, ADDRESS(p), place_pages(size));
  }
  return p;
}

/* What of the old place is not in use any more goes back to its region. */
static void release_old(const struct hook *h, uint64_t old, uint64_t old_size, uint64_t addr, uint64_t size, int flags)
{
  if (addr != old && !(flags & MREMAP_DONTUNMAP) && old_size)
    heap_range_release(h->thread->heap, old, old_size);
  else if (addr == old && size < old_size)
    heap_range_release(h->thread->heap, old + size, old_size - size);
}

EXPORT void *mremap(void *old, size_t old_size, size_t size, int flags, ...)
{
  struct hook h = hook_begin(HOOK_FRAME);
  void *to = NULL, *p;

  if (flags & MREMAP_FIXED) {
    va_list args;

    va_start(args, flags);
    to = va_arg(args, void *);
    va_end(args);
  }
  p = remap_making_way(&h, old, old_size, size, flags, to);
  if (!sys_failed(p)) {
    unwind_mappings_changed(h.thread->unwind, ADDRESS(old), place_pages(old_size));
    HOOK_RECORD(&h, MREMAP, ADDRESS(old), old_size, ADDRESS(p), size, (uint64_t)(unsigned)flags);
    if (place_may_pin(&h))
      release_old(&h, ADDRESS(old), place_pages(old_size), ADDRESS(p), place_pages(size), flags);
  }
  hook_end(&h);
  return as_libc(p);
}

/* ---- the rest ---- */

/* A program may protect blocks of its own, if it makes them whole again before it frees them.  Where other blocks would
 * be on protected pages, the heap leaves. */
static int protect(const struct hook *h, uint64_t addr, size_t size, int prot)
{
  bool harms = (prot & (PROT_READ | PROT_WRITE)) != (PROT_READ | PROT_WRITE) && addr % PLACE_PAGE == 0 && size;
  struct make_way way = {0};
  int result;

  if (harms && !heap_block_covers(addr, place_pages(size), true) && make_way(h, addr, size, &way))
    return -ENOMEM;
  result = program_mprotect((void *)addr, size, prot);
  if (result == 0)
    make_way_done(&way);
  return result;
}

EXPORT int mprotect(void *addr, size_t size, int prot)
{
  struct hook h = hook_begin(HOOK_FRAME);
  int result = protect(&h, ADDRESS(addr), size, prot);

  if (result == 0 && !(prot & PROT_READ))
    unwind_mappings_changed(h.thread->unwind, ADDRESS(addr), place_pages(size));
  if (result == 0)
    HOOK_RECORD(&h, MPROTECT, ADDRESS(addr), size, (uint64_t)(unsigned)prot);
  hook_end(&h);
  return as_libc_int(result);
}

EXPORT int madvise(void *addr, size_t size, int advice)
{
  struct hook h = hook_begin(HOOK_FRAME);
  int result = program_madvise(addr, size, advice);

  if (result == 0)
    HOOK_RECORD(&h, MADVISE, ADDRESS(addr), size, (uint64_t)(unsigned)advice);
  hook_end(&h);
  return as_libc_int(result);
}
