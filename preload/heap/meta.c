/*
 * Maps and gives back metadata slots.  Knows addresses only; what the
 * metadata means is the business of segment.c, slab.c and huge.c, which call it.
 */
#include "heap/meta.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#include "base/own.h"
#include "base/sys.h"

static uint8_t *slot_states; /* one byte per grain: META_*; then a bit per grain: meta_mark */

bool meta_init(void)
{
  if (!slot_states)
    slot_states = own_map(GRAINS + GRAINS / 8);
  return slot_states;
}

static uint8_t *state_of(uintptr_t addr)
{
  return slot_states + (addr >> GRAIN_SHIFT & (GRAINS - 1));
}

unsigned meta_state(uintptr_t addr)
{
  return slot_states ? __atomic_load_n(state_of(addr), __ATOMIC_ACQUIRE) : 0;
}

bool meta_slot_is_mapped(uintptr_t slot)
{
  unsigned state = slot_states ? __atomic_load_n(slot_states + (slot - META_START) / META_SLOT, __ATOMIC_ACQUIRE) : 0;

  return state & META_HEADS;
}

static uint8_t *mark_of(uintptr_t addr, uint8_t *bit)
{
  uint64_t grain = addr >> GRAIN_SHIFT & (GRAINS - 1);

  *bit = (uint8_t)(1u << grain % 8);
  return slot_states + GRAINS + grain / 8;
}

void meta_mark(uintptr_t addr, uint64_t size)
{
  for (uintptr_t at = addr & ~(GRAIN_SIZE - 1); at < addr + size; at += GRAIN_SIZE) {
    uint8_t bit, *mark = mark_of(at, &bit);

    if (!(__atomic_load_n(mark, __ATOMIC_RELAXED) & bit))
      __atomic_fetch_or(mark, bit, __ATOMIC_RELEASE);
  }
}

bool meta_is_marked(uintptr_t addr)
{
  uint8_t bit, *mark;

  if (!slot_states)
    return false;
  mark = mark_of(addr, &bit);
  return __atomic_load_n(mark, __ATOMIC_ACQUIRE) & bit;
}

int meta_map(uintptr_t addr, unsigned need)
{
  unsigned state = meta_state(addr);
  uintptr_t slot = meta_slot(addr);
  int error = 0;

  if ((state & need) == need)
    return 0;
  if (need == META_HEADS)
    error = sys_map_at(slot + META_SEGMENTS, HEAP_PAGE, PROT_READ | PROT_WRITE);
  else if (state == META_HEADS)
    error = sys_map_at(slot, META_SEGMENTS, PROT_READ | PROT_WRITE);
  else
    error = sys_map_at(slot, META_USED, PROT_READ | PROT_WRITE);
  if (error)
    return error;
  __atomic_store_n(state_of(addr), (uint8_t)(state | need), __ATOMIC_RELEASE);
  return 0;
}

void meta_drop(uintptr_t addr)
{
  uintptr_t segment = addr & ~(SEGMENT_SIZE - 1);

  sys_madvise(meta_pair(segment), SEGMENT_SIZE >> 6, MADV_DONTNEED);
  sys_madvise(meta_run(segment), SEGMENT_PAGES * sizeof(struct run), MADV_DONTNEED);
  memset(meta_class(segment), 0, SEGMENT_PAGES);
}

void meta_unmap(uintptr_t addr, unsigned state)
{
  unsigned was = meta_state(addr);

  __atomic_store_n(state_of(addr), (uint8_t)state, __ATOMIC_RELEASE);
  if (was == META_FULL)
    sys_munmap((void *)meta_slot(addr), META_USED);
  else if (was == META_HEADS)
    sys_munmap((void *)(meta_slot(addr) + META_SEGMENTS), HEAP_PAGE);
}

void meta_keep(uintptr_t addr, struct meta_spares *spares)
{
  uintptr_t slot = meta_slot(addr);

  for (unsigned i = 0; i < META_SPARES && meta_state(addr) == META_FULL; i++) {
    if (spares->slot[i])
      continue;
    __atomic_store_n(state_of(addr), META_GONE, __ATOMIC_RELEASE);
    memset((void *)slot, 0, META_USED);
    spares->slot[i] = slot;
    return;
  }
  meta_unmap(addr, META_GONE);
}

static uintptr_t take_spare(struct meta_spares *spares)
{
  uintptr_t slot = 0;

  for (unsigned i = 0; i < META_SPARES && !slot; i++) {
    slot = spares->slot[i];
    spares->slot[i] = 0;
  }
  return slot;
}

int meta_map_full(uintptr_t addr, struct meta_spares *spares, bool *resident)
{
  uintptr_t slot = meta_slot(addr), from = meta_state(addr) ? 0 : take_spare(spares);
  int error;

  *resident = false;
  if (!from)
    return meta_map(addr, META_FULL);
  /* MREMAP_FIXED replaces whatever is there: claim the place first. */
  error = sys_map_at(slot, META_USED, PROT_READ | PROT_WRITE);
  if (!error &&
      !sys_failed(sys_mremap((void *)from, META_USED, META_USED, MREMAP_MAYMOVE | MREMAP_FIXED, (void *)slot))) {
    __atomic_store_n(state_of(addr), META_FULL, __ATOMIC_RELEASE);
    *resident = true;
    return 0;
  }
  sys_munmap((void *)from, META_USED);
  if (error)
    return error;
  /* The kernel may have unmapped the claim before it failed. */
  sys_munmap((void *)slot, META_USED);
  return meta_map(addr, META_FULL);
}

void meta_drop_spares(struct meta_spares *spares)
{
  uintptr_t slot;

  while ((slot = take_spare(spares)))
    sys_munmap((void *)slot, META_USED);
}
