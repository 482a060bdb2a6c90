/*
 * Making and growing the tables of slot_table.h.  Cold: called by their owners when they add something.
 */
#include "unwind/slot_table.h"

#include <stddef.h>
#include <sys/mman.h>

#include "base/own.h"
#include "base/sys.h"

#define PAGE ((uintptr_t)4096)
/* Entries lie all over a table: in small pages most lookups in a large one would need an address translation anew. */
#define HUGE_FROM ((size_t)2 << 20)

static size_t size_of(uint32_t slots)
{
  return sizeof(struct slot_table) + (size_t)slots * sizeof(struct slot);
}

struct slot_table *slot_table_new(uint32_t slots)
{
  size_t size = size_of(slots);
  struct slot_table *t = size < HUGE_FROM ? own_map(size) : own_map_huge(size);

  if (t)
    t->mask = slots - 1;
  return t;
}

/* Its pages read as zeros from now on; the first one, which has the mask, stays. */
static void empty(struct slot_table *t)
{
  uintptr_t from = ((uintptr_t)t->slots + PAGE - 1) & ~(PAGE - 1), end = (uintptr_t)(t->slots + t->mask + 1);

  sys_madvise((void *)from, end - from, MADV_DONTNEED);
}

void slot_table_move(struct slot_table *to, const struct slot *slot, uint32_t index)
{
  while (to->slots[index & to->mask].key)
    index++;
  slot_put(&to->slots[index & to->mask], slot->key, slot->value);
  to->used++;
}

struct slot_table *slot_table_grown(struct slot_table **current,
                                    bool (*move)(const struct slot_table *from, struct slot_table *to))
{
  struct slot_table *t = *current, *larger;
  uint32_t slots = t->mask + 1;

  if (t->used <= t->mask / 2)
    return t;
  larger = slot_table_new(2 * slots);
  if (larger && !move(t, larger)) {
    own_unmap(larger, size_of(2 * slots));
    larger = NULL;
  }
  if (!larger)
    return t->used < t->mask ? t : NULL;
  __atomic_store_n(current, larger, __ATOMIC_RELEASE);
  empty(t);
  return larger;
}
