/*
 * The library's own memory, all of it in [OWN_START, OWN_END): whole mappings
 * by own_map, small objects by own_alloc from per-size lists.  Addresses of
 * mappings are handed out once and never again: 2 TiB outlast any process.
 */
#include "base/own.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>

#include "base/layout.h"
#include "base/lock.h"
#include "base/sys.h"

#define PAGE UINT64_C(4096)
#define HUGE (UINT64_C(2) << 20)
#define MIN_SHIFT 6
#define MAX_SHIFT 16
#define GRAIN (UINT64_C(64) << 10) /* small objects are cut from pieces of this size */

#ifndef MAP_FIXED_NOREPLACE
#define MAP_FIXED_NOREPLACE 0x100000
#endif

struct own_object {
  struct own_object *next;
};

static uint64_t own_next = OWN_START;
static struct lock own_lock;
static struct own_object *own_lists[MAX_SHIFT + 1];
static uint8_t *grain_cur, *grain_end;

/* Maps at the next address of our range that is a multiple of align; addresses that are taken are passed over, in steps
 * that double. */
static void *map_next(size_t size, uint64_t align, int prot, int flags, int fd, int64_t offset)
{
  uint64_t step;

  size = (size + PAGE - 1) & ~(PAGE - 1);
  for (step = size + align - PAGE;; step *= 2) {
    uint64_t addr = __atomic_fetch_add(&own_next, step, __ATOMIC_RELAXED);
    void *p;

    addr = (addr + align - 1) & ~(align - 1);
    if (addr + size > OWN_END)
      return NULL;
    p = sys_mmap((void *)addr, size, prot, flags | MAP_FIXED_NOREPLACE, fd, offset);
    if ((uint64_t)p == addr)
      return p;
    if (!sys_failed(p)) {
      sys_munmap(p, size);
      continue;
    }
    if (sys_errno(p) != EEXIST)
      return NULL;
  }
}

void *own_map(size_t size)
{
  return map_next(size, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
}

void *own_map_huge(size_t size)
{
  void *p = map_next(size, HUGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

  if (p)
    sys_madvise(p, size, MADV_HUGEPAGE);
  return p;
}

void *own_map_alone(size_t size)
{
  void *p = own_map(size);

  if (p)
    sys_madvise(p, size, MADV_DONTFORK);
  return p;
}

void *own_map_file(size_t size, int fd, int64_t offset)
{
  return map_next(size, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, offset);
}

void own_unmap(void *p, size_t size)
{
  if (p)
    sys_munmap(p, (size + PAGE - 1) & ~(PAGE - 1));
}

static unsigned shift_of(size_t size)
{
  unsigned shift = MIN_SHIFT;

  while (((size_t)1 << shift) < size)
    shift++;
  return shift;
}

/* The lock is held. */
static void *cut(size_t size)
{
  void *p;

  if ((size_t)(grain_end - grain_cur) < size) {
    uint8_t *grain = own_map(GRAIN);

    if (!grain)
      return NULL;
    grain_cur = grain;
    grain_end = grain + GRAIN;
  }
  p = grain_cur;
  grain_cur += size;
  return p;
}

void *own_alloc(size_t size)
{
  unsigned shift = shift_of(size);
  struct own_object *object;
  bool used = false;
  uint64_t mask;

  if (shift > MAX_SHIFT)
    return own_map(size);
  mask = sys_block_signals();
  lock_take(&own_lock);
  object = own_lists[shift];
  if (object) {
    own_lists[shift] = object->next;
    used = true;
  } else {
    object = cut((size_t)1 << shift);
  }
  lock_release(&own_lock);
  sys_restore_signals(mask);
  /* What was just mapped is zero; its pages are left alone until they are needed. */
  if (used)
    memset(object, 0, (size_t)1 << shift);
  return object;
}

void own_free(void *p, size_t size)
{
  unsigned shift = shift_of(size);
  struct own_object *object = p;
  uint64_t mask;

  if (!p)
    return;
  if (shift > MAX_SHIFT) {
    own_unmap(p, size);
    return;
  }
  mask = sys_block_signals();
  lock_take(&own_lock);
  object->next = own_lists[shift];
  own_lists[shift] = object;
  lock_release(&own_lock);
  sys_restore_signals(mask);
}

void own_before_fork(void)
{
  lock_take(&own_lock);
}

void own_after_fork(bool child)
{
  if (child)
    lock_reset(&own_lock);
  else
    lock_release(&own_lock);
}
