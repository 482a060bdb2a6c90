/*
 * Hooks on mappings: mmap, munmap, mremap, mprotect, madvise.
 *
 * The system calls are made directly.  In pin mode a mapping that leaves its
 * address to the kernel gets one out of the calling thread's region; whatever
 * the program asks for itself (a hint, MAP_FIXED, MAP_32BIT) is obeyed.  Should a pinned
 * address not do, for whatever reason, the kernel chooses as it would have without us, so that
 * errors are the kernel's own.
 */
#include <errno.h>
#include <stdarg.h>
#include <sys/mman.h>

#include "base/sys.h"
#include "entry/hook.h"
#include "entry/process.h"
#include "heap/heap.h"
#include "unwind/unwind.h"

#ifndef MAP_FIXED_NOREPLACE
#define MAP_FIXED_NOREPLACE 0x100000 /* Linux 4.17 */
#endif
#ifndef MAP_SHARED_VALIDATE
#define MAP_SHARED_VALIDATE 3
#endif
#ifndef MREMAP_DONTUNMAP
#define MREMAP_DONTUNMAP 4 /* Linux 5.7 */
#endif

#ifndef MAP_32BIT
#define MAP_32BIT 0 /* x86 alone has it */
#endif

#define PAGE UINT64_C(4096)
#define HUGE_PAGE (UINT64_C(2) << 20)
#define ADDRESS(p) ((uint64_t)(uintptr_t)(p))

/* The kernel's word on the address, or its rules for it. */
#define MAP_NOT_PINNED (MAP_FIXED | MAP_FIXED_NOREPLACE | MAP_32BIT | MAP_GROWSDOWN | MAP_HUGETLB)

static uint64_t whole_pages(uint64_t size)
{
  return (size + PAGE - 1) & ~(PAGE - 1);
}

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

/* Whether h may take addresses out of its thread's region. */
static bool may_pin(const struct hook *h)
{
  return h->state == HOOK_READY && process_mode() == PROCESS_PIN;
}

/* An address for size bytes out of the thread's region; 0: none. */
static uint64_t reserve(const struct hook *h, uint64_t size)
{
  if (!size || size > ADDRESS(PTRDIFF_MAX))
    return 0;
  size = whole_pages(size);
  return heap_range_reserve(h->thread->heap, size, size >= HUGE_PAGE ? HUGE_PAGE : PAGE);
}

/* ---- mmap ---- */

/* A mapping at an address of the thread's region; an error when that does not work. */
static void *map_pinned(const struct hook *h, size_t size, int prot, int flags, int fd, off_t offset)
{
  uint64_t addr = reserve(h, size);
  void *p;

  if (!addr)
    return (void *)-ENOMEM;
  p = sys_mmap((void *)addr, size, prot, flags | MAP_FIXED_NOREPLACE, fd, offset);
  if (ADDRESS(p) == addr)
    return p;
  heap_range_failed(h->thread->heap, addr, whole_pages(size));
  if (!sys_failed(p)) {
    /* Before 4.17 the address was only a hint. */
    sys_munmap(p, size);
    return (void *)-EEXIST;
  }
  return p;
}

HOT void *map(void *addr, size_t size, int prot, int flags, int fd, off_t offset, uintptr_t frame)
{
  struct hook h = hook_begin(frame);
  bool pin = !addr && may_pin(&h) && !(flags & MAP_NOT_PINNED) && (flags & MAP_TYPE) != MAP_SHARED_VALIDATE;
  void *p = pin ? map_pinned(&h, size, prot, flags, fd, offset) : (void *)-EINVAL;

  if (sys_failed(p)) {
    p = sys_mmap(addr, size, prot, flags, fd, offset);
    if (pin && !sys_failed(p))
      process_note_nondet(VT_NONDET_TAKEN, ADDRESS(p));
  }
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

/* In next mode another thread may be given the range as soon as it is free: the record comes first, for all
 * arguments that the kernel does not refuse. */
EXPORT int munmap(void *addr, size_t size)
{
  struct hook h = hook_begin(HOOK_FRAME);
  bool first = process_mode() == PROCESS_NEXT && size && !(ADDRESS(addr) % PAGE);
  int result;

  if (first)
    HOOK_RECORD(&h, MUNMAP, ADDRESS(addr), size);
  result = sys_munmap(addr, size);
  if (result == 0 && !first)
    HOOK_RECORD(&h, MUNMAP, ADDRESS(addr), size);
  if (result == 0)
    unwind_mappings_changed();
  if (result == 0 && may_pin(&h))
    heap_range_release(h.thread->heap, ADDRESS(addr), whole_pages(size));
  hook_end(&h);
  return as_libc_int(result);
}

/* ---- mremap ---- */

/*
 * A pinned mapping never grows in place: the addresses behind it may be
 * promised to others.  It moves to a range of its own, which is claimed
 * first, because MREMAP_FIXED replaces what it finds.
 */
static void *remap_pinned(const struct hook *h, void *old, size_t old_size, size_t size, int flags)
{
  uint64_t addr = reserve(h, size), bytes = whole_pages(size);
  void *p;

  if (!addr)
    return (void *)-ENOMEM;
  if (sys_map_at(addr, bytes, PROT_NONE) != 0) {
    heap_range_failed(h->thread->heap, addr, bytes);
    return (void *)-ENOMEM;
  }
  p = sys_mremap(old, old_size, size, flags | MREMAP_MAYMOVE | MREMAP_FIXED, (void *)addr);
  if (sys_failed(p)) {
    sys_munmap((void *)addr, bytes);
    heap_range_failed(h->thread->heap, addr, bytes);
  }
  return p;
}

/* The kernel might grow a pinned mapping over addresses that are promised to others, so it is only asked whether the
 * rest of the arguments is right. */
static void *refuse_growth(void *old, size_t old_size, int flags)
{
  void *p = sys_mremap(old, old_size, old_size, flags, NULL);

  return sys_failed(p) ? p : (void *)-ENOMEM;
}

static void *remap(const struct hook *h, void *old, size_t old_size, size_t size, int flags, void *to)
{
  bool grows = whole_pages(size) > whole_pages(old_size) || !old_size;
  bool pinned = heap_covers(old);
  void *p = (void *)-EINVAL;

  if (!may_pin(h) || flags & MREMAP_FIXED || !(grows || flags & MREMAP_DONTUNMAP))
    return sys_mremap(old, old_size, size, flags, to);
  if (!(flags & MREMAP_MAYMOVE))
    return pinned ? refuse_growth(old, old_size, flags) : sys_mremap(old, old_size, size, flags, to);
  if (!pinned && old_size && !(flags & MREMAP_DONTUNMAP))
    p = sys_mremap(old, old_size, size, flags & ~MREMAP_MAYMOVE, NULL);
  if (sys_failed(p))
    p = remap_pinned(h, old, old_size, size, flags);
  if (!sys_failed(p))
    return p;
  p = sys_mremap(old, old_size, size, flags, to);
  if (!sys_failed(p))
    process_note_nondet(VT_NONDET_TAKEN, ADDRESS(p));
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
  p = remap(&h, old, old_size, size, flags, to);
  if (!sys_failed(p)) {
    unwind_mappings_changed();
    HOOK_RECORD(&h, MREMAP, ADDRESS(old), old_size, ADDRESS(p), size, (uint64_t)(unsigned)flags);
    if (may_pin(&h))
      release_old(&h, ADDRESS(old), whole_pages(old_size), ADDRESS(p), whole_pages(size), flags);
  }
  hook_end(&h);
  return as_libc(p);
}

/* ---- the rest ---- */

EXPORT int mprotect(void *addr, size_t size, int prot)
{
  struct hook h = hook_begin(HOOK_FRAME);
  int result = sys_mprotect(addr, size, prot);

  if (result == 0)
    HOOK_RECORD(&h, MPROTECT, ADDRESS(addr), size, (uint64_t)(unsigned)prot);
  hook_end(&h);
  return as_libc_int(result);
}

EXPORT int madvise(void *addr, size_t size, int advice)
{
  struct hook h = hook_begin(HOOK_FRAME);
  int result = sys_madvise(addr, size, advice);

  if (result == 0)
    HOOK_RECORD(&h, MADVISE, ADDRESS(addr), size, (uint64_t)(unsigned)advice);
  hook_end(&h);
  return as_libc_int(result);
}
