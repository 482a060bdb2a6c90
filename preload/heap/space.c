/*
 * The bounded pool of memory that other threads' frees left behind, and the
 * mapping of fresh memory.  Decides nothing about addresses.  Called by
 * segment.c, huge.c and retire.c, under a region's lock or under none.
 */
#include "heap/space.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#include "base/lock_table.h"
#include "base/sys.h"
#include "heap/meta.h"

#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23 /* Linux 5.14 */
#endif

#define POOL_ENTRIES 32
#define POOL_BYTES (UINT64_C(32) << 20)

/* Each moved piece is a mapping of its own, and a process may have 65,530: no more than this many at a time. */
#define MOVED_MAX 8192

struct spare {
  uint64_t addr, size;
  bool huge;
};

static struct spare pool[POOL_ENTRIES]; /* the latest last */
static unsigned pool_count;
static uint64_t pool_bytes;
static uint32_t moved_count; /* atomic */

static bool may_move(void)
{
  return __atomic_load_n(&moved_count, __ATOMIC_RELAXED) < MOVED_MAX;
}

/* Takes size bytes out of the pool: the latest piece of the kind that is large enough.  0: there is none. */
static uint64_t pool_take(uint64_t size, bool huge)
{
  uint64_t addr = 0, mask;

  if (__atomic_load_n(&pool_bytes, __ATOMIC_RELAXED) < size)
    return 0;
  mask = masked_lock_take(&lock_spares);
  for (unsigned i = pool_count; i-- > 0 && !addr;) {
    if (pool[i].size < size || pool[i].huge != huge)
      continue;
    addr = pool[i].addr;
    pool[i].addr += size;
    pool[i].size -= size;
    __atomic_store_n(&pool_bytes, pool_bytes - size, __ATOMIC_RELAXED);
    if (!pool[i].size)
      memmove(&pool[i], &pool[i + 1], (--pool_count - i) * sizeof *pool);
  }
  masked_lock_release(&lock_spares, mask);
  return addr;
}

static bool pool_put(uint64_t addr, uint64_t size, bool huge)
{
  uint64_t mask = masked_lock_take(&lock_spares);
  bool kept;

  kept = pool_count < POOL_ENTRIES && pool_bytes + size <= POOL_BYTES;
  if (kept) {
    pool[pool_count++] = (struct spare){addr, size, huge};
    __atomic_store_n(&pool_bytes, pool_bytes + size, __ATOMIC_RELAXED);
  }
  masked_lock_release(&lock_spares, mask);
  return kept;
}

static int map_fresh(uint64_t addr, uint64_t size, enum space_kind kind)
{
  int error = sys_map_at(addr, size, PROT_READ | PROT_WRITE);

  if (!error && kind == SPACE_HUGE)
    sys_madvise((void *)addr, size, MADV_HUGEPAGE);
  return error;
}

int space_map(uint64_t addr, uint64_t size, enum space_kind kind, bool *moved)
{
  uint64_t spare = kind != SPACE_FRESH && may_move() ? pool_take(size, kind == SPACE_HUGE) : 0;
  int error;
  void *p;

  *moved = false;
  /* MREMAP_FIXED replaces whatever is there: claim the place first. */
  if (!spare)
    return map_fresh(addr, size, kind);
  error = sys_map_at(addr, size, PROT_READ | PROT_WRITE);
  if (!error) {
    p = sys_mremap((void *)spare, size, size, MREMAP_MAYMOVE | MREMAP_FIXED, (void *)addr);
    if (!sys_failed(p)) {
      __atomic_fetch_add(&moved_count, 1, __ATOMIC_RELAXED);
      *moved = true;
      return 0;
    }
    /* The kernel may have unmapped the claim before it failed. */
    sys_munmap((void *)addr, size);
    error = map_fresh(addr, size, kind);
  }
  sys_munmap((void *)spare, size);
  if (error == -ENOMEM)
    error = map_fresh(addr, size, kind);
  return error;
}

void space_give(uint64_t addr, uint64_t size, enum space_kind kind, bool moved)
{
  if (moved)
    __atomic_fetch_sub(&moved_count, 1, __ATOMIC_RELAXED);
  if (!pool_put(addr, size, kind == SPACE_HUGE))
    sys_munmap((void *)addr, size);
}

void space_unmap(uint64_t addr, uint64_t size, bool moved)
{
  if (moved)
    __atomic_fetch_sub(&moved_count, 1, __ATOMIC_RELAXED);
  sys_munmap((void *)addr, size);
}

void space_populate(uint64_t addr, uint64_t size)
{
  sys_madvise((void *)addr, size, MADV_POPULATE_WRITE);
}

/* Unmaps what of a spare lies outside of [start, end). */
static void keep_only(const struct spare *spare, uint64_t start, uint64_t end)
{
  uint64_t spare_end = spare->addr + spare->size;

  if (spare->addr < start)
    sys_munmap((void *)spare->addr, start - spare->addr);
  if (spare_end > end)
    sys_munmap((void *)end, spare_end - end);
}

void space_withdraw(uint64_t start, uint64_t end)
{
  uint64_t mask = masked_lock_take(&lock_spares);
  unsigned kept = 0;

  for (unsigned i = 0; i < pool_count; i++) {
    if (pool[i].addr >= end || pool[i].addr + pool[i].size <= start) {
      pool[kept++] = pool[i];
      continue;
    }
    keep_only(&pool[i], start, end);
    __atomic_store_n(&pool_bytes, pool_bytes - pool[i].size, __ATOMIC_RELAXED);
  }
  pool_count = kept;
  masked_lock_release(&lock_spares, mask);
}

uint64_t space_trim(void)
{
  uint64_t bytes, mask = masked_lock_take(&lock_spares);

  for (unsigned i = 0; i < pool_count; i++)
    sys_munmap((void *)pool[i].addr, pool[i].size);
  bytes = pool_bytes;
  __atomic_store_n(&pool_bytes, 0, __ATOMIC_RELAXED);
  pool_count = 0;
  masked_lock_release(&lock_spares, mask);
  return bytes;
}

void space_orphaned(struct lock_state *lock)
{
  (void)lock;
  pool_count = 0;
  __atomic_store_n(&pool_bytes, 0, __ATOMIC_RELAXED);
}

void space_forget_moved(void)
{
  __atomic_fetch_sub(&moved_count, 1, __ATOMIC_RELAXED);
}
