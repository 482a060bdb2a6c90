/*
 * Making and growing the tables of slot_table.h.  Cold: called by their owners when they add something.
 */
#include "unwind/slot_table.h"

#include <stddef.h>
#include <sys/mman.h>

#include "base/own.h"
#include "base/sys.h"

#define PAGE ((uintptr_t)4096)

struct slot_table *slot_table_new(uint32_t slots)
{
  struct slot_table *t = own_map(sizeof *t + (size_t)slots * sizeof t->slots[0]);

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

struct slot_table *slot_table_grown(struct slot_table **current, uint32_t (*hash)(const struct slot *slot))
{
  struct slot_table *t = *current, *bigger;

  if (t->used <= t->mask / 2)
    return t;
  bigger = slot_table_new((t->mask + 1) * 2);
  if (!bigger)
    return t->used < t->mask ? t : NULL;
  for (uint32_t i = 0; i <= t->mask; i++) {
    const struct slot *s = &t->slots[i];
    uint32_t at = hash(s);

    if (!s->value)
      continue;
    while (bigger->slots[at & bigger->mask].key)
      at++;
    bigger->slots[at & bigger->mask] = *s;
    bigger->used++;
  }
  __atomic_store_n(current, bigger, __ATOMIC_RELEASE);
  empty(t);
  return bigger;
}
