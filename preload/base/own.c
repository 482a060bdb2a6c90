/*
 * The library's own memory, all of it in [OWN_START, OWN_END): whole mappings
 * by own_map, small objects by own_alloc from per-size lists.  The addresses of
 * a mapping that is given back serve the next one of the same size, so that a thread that ends leaves
 * nothing behind, however many there are.
 */
#include "base/own.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>

#include "base/layout.h"
#include "base/lock_table.h"
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

/* Addresses of ours where nothing is mapped any more. */
struct hole {
  struct hole *next;
  uint64_t start, size;
};

#define HOLE_BINS 64 /* by size in pages */
#define HOLE_LOOK 16 /* holes of other sizes in the same bin that a search passes over */

static uint64_t own_next = OWN_START;
static struct own_object *own_lists[MAX_SHIFT + 1];
static uint8_t *grain_cur, *grain_end;
static struct hole *holes[HOLE_BINS];

static uint64_t page_up(uint64_t size)
{
  return (size + PAGE - 1) & ~(PAGE - 1);
}

/* Maps at the next address of our range that is a multiple of align; addresses that are taken are passed over, in steps
 * that double. */
static void *map_next(size_t size, uint64_t align, int prot, int flags, int fd, int64_t offset)
{
  uint64_t step;

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

/* ---- small objects; the lock is held ---- */

static void *object_cut(size_t size)
{
  void *p;

  if ((size_t)(grain_end - grain_cur) < size) {
    uint8_t *grain = map_next(GRAIN, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    if (!grain)
      return NULL;
    grain_cur = grain;
    grain_end = grain + GRAIN;
  }
  p = grain_cur;
  grain_cur += size;
  return p;
}

/* *used: it was used before, and does not read as zero. */
static void *object_take(unsigned shift, bool *used)
{
  struct own_object *object = own_lists[shift];

  *used = object != NULL;
  if (!object)
    return object_cut((size_t)1 << shift);
  own_lists[shift] = object->next;
  return object;
}

static void object_give(void *p, unsigned shift)
{
  struct own_object *object = p;

  object->next = own_lists[shift];
  own_lists[shift] = object;
}

/* ---- holes ---- */

static struct hole **hole_bin(uint64_t size)
{
  return &holes[size / PAGE % HOLE_BINS];
}

/* Addresses of exactly that size; 0: there are none. */
static uint64_t hole_take(uint64_t size)
{
  struct hole **at = hole_bin(size), *hole;
  uint64_t start = 0, mask;

  if (!__atomic_load_n(at, __ATOMIC_RELAXED))
    return 0;
  mask = masked_lock_take(&lock_own);
  for (int i = 0; *at && (*at)->size != size && i < HOLE_LOOK; i++)
    at = &(*at)->next;
  hole = *at;
  if (hole && hole->size == size) {
    start = hole->start;
    __atomic_store_n(at, hole->next, __ATOMIC_RELAXED);
    object_give(hole, MIN_SHIFT);
  }
  masked_lock_release(&lock_own, mask);
  return start;
}

static void hole_put(uint64_t start, uint64_t size)
{
  struct hole **bin = hole_bin(size), *hole;
  uint64_t mask = masked_lock_take(&lock_own);
  bool used;

  hole = object_take(MIN_SHIFT, &used);
  if (hole) {
    *hole = (struct hole){*bin, start, size};
    __atomic_store_n(bin, hole, __ATOMIC_RELAXED);
  }
  masked_lock_release(&lock_own, mask);
}

_Static_assert(sizeof(struct hole) <= 1u << MIN_SHIFT, "a hole is one of the smallest objects");

/* ---- mappings ---- */

static void *map_somewhere(size_t size, int flags, int fd, int64_t offset)
{
  const int prot = PROT_READ | PROT_WRITE;
  uint64_t addr;
  void *p;

  size = page_up(size);
  addr = hole_take(size);
  if (!addr)
    return map_next(size, PAGE, prot, flags, fd, offset);
  p = sys_mmap((void *)addr, size, prot, flags | MAP_FIXED_NOREPLACE, fd, offset);
  if ((uint64_t)p == addr)
    return p;
  if (!sys_failed(p)) {
    sys_munmap(p, size);
    return map_next(size, PAGE, prot, flags, fd, offset);
  }
  /* Something of the program's may be there by now; then the hole is forgotten. */
  if (sys_errno(p) == EEXIST)
    return map_next(size, PAGE, prot, flags, fd, offset);
  hole_put(addr, size);
  return NULL;
}

void *own_map(size_t size)
{
  return map_somewhere(size, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
}

void *own_map_aligned(size_t size, size_t align)
{
  return map_next(page_up(size), align, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
}

void *own_map_huge(size_t size)
{
  void *p = own_map_aligned(size, HUGE);

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
  return map_somewhere(size, MAP_SHARED, fd, offset);
}

void own_unmap(void *p, size_t size)
{
  if (p && sys_munmap(p, page_up(size)) == 0)
    hole_put((uint64_t)p, page_up(size));
}

uint64_t own_end(void)
{
  uint64_t end = __atomic_load_n(&own_next, __ATOMIC_RELAXED);

  return end < OWN_END ? end : OWN_END;
}

static unsigned shift_of(size_t size)
{
  unsigned shift = MIN_SHIFT;

  while (((size_t)1 << shift) < size)
    shift++;
  return shift;
}

void *own_alloc(size_t size)
{
  unsigned shift = shift_of(size);
  void *object;
  uint64_t mask;
  bool used;

  if (shift > MAX_SHIFT)
    return own_map(size);
  mask = masked_lock_take(&lock_own);
  object = object_take(shift, &used);
  masked_lock_release(&lock_own, mask);
  /* What was just mapped is zero; its pages are left alone until they are needed. */
  if (used)
    memset(object, 0, (size_t)1 << shift);
  return object;
}

void own_free(void *p, size_t size)
{
  unsigned shift = shift_of(size);
  uint64_t mask;

  if (!p)
    return;
  if (shift > MAX_SHIFT) {
    own_unmap(p, size);
    return;
  }
  mask = masked_lock_take(&lock_own);
  object_give(p, shift);
  masked_lock_release(&lock_own, mask);
}

void own_orphaned(struct lock_state *lock)
{
  (void)lock;
  memset(own_lists, 0, sizeof own_lists);
  memset(holes, 0, sizeof holes);
  grain_cur = grain_end = NULL;
}
