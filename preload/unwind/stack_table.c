/*
 * The table of stack nodes: open addressing, linear probing.  Readers follow
 * the published table without a lock; writers hold the lock.  A table that is
 * half full is replaced by one of twice the size; the old one stays readable
 * for ever (all old ones together are no larger than the present one).
 */
#include "unwind/stack_table.h"

#include "base/lock.h"
#include "base/own.h"
#include "vmtrace/format.h"

#define FIRST_SLOTS 4096u

struct slot {
  uint64_t pc;
  uint32_t parent;
  uint32_t id; /* 0: empty; stored last, so that a reader that sees it sees the rest */
};

struct table {
  uint32_t mask;
  uint32_t used;
  struct slot slots[];
};

static struct table *current;
static struct lock writers;
static uint32_t next_id = VT_STACK_FIRST; /* never reused, not even after fork */

static inline uint32_t hash_of(uint32_t parent, uint64_t pc)
{
  /* Multiplicative hashing (Knuth); the high bits are the good ones. */
  return (uint32_t)((pc ^ (uint64_t)parent << 40 ^ parent) * UINT64_C(0x9e3779b97f4a7c15) >> 32);
}

static struct table *table_new(uint32_t slots)
{
  struct table *t = own_map(sizeof *t + (size_t)slots * sizeof t->slots[0]);

  if (t)
    t->mask = slots - 1;
  return t;
}

bool stack_table_start(void)
{
  if (!current)
    current = table_new(FIRST_SLOTS);
  return current != NULL;
}

/* The slot of the pair, or the empty one where it belongs. */
static inline struct slot *find(struct table *t, uint32_t parent, uint64_t pc, uint32_t *id)
{
  for (uint32_t i = hash_of(parent, pc);; i++) {
    struct slot *s = &t->slots[i & t->mask];

    *id = __atomic_load_n(&s->id, __ATOMIC_ACQUIRE);
    if (!*id || (__atomic_load_n(&s->pc, __ATOMIC_RELAXED) == pc && s->parent == parent))
      return s;
  }
}

static void put(struct slot *s, uint32_t parent, uint64_t pc, uint32_t id)
{
  s->pc = pc;
  s->parent = parent;
  __atomic_store_n(&s->id, id, __ATOMIC_RELEASE);
}

/* The lock is held.  A table with room for one more, or NULL. */
static struct table *grown(struct table *t)
{
  struct table *bigger;

  if (t->used <= t->mask / 2)
    return t;
  bigger = table_new((t->mask + 1) * 2);
  if (!bigger)
    return t->used < t->mask ? t : NULL;
  for (uint32_t i = 0; i <= t->mask; i++) {
    const struct slot *s = &t->slots[i];
    uint32_t id;

    if (s->id)
      put(find(bigger, s->parent, s->pc, &id), s->parent, s->pc, s->id);
  }
  bigger->used = t->used;
  __atomic_store_n(&current, bigger, __ATOMIC_RELEASE);
  return bigger;
}

static uint32_t add(uint32_t parent, uint64_t pc, bool *made)
{
  struct table *t;
  struct slot *s;
  uint32_t id = 0;

  lock_take(&writers);
  t = grown(current);
  if (t) {
    s = find(t, parent, pc, &id);
    if (!id && next_id != UINT32_MAX) {
      id = next_id++;
      put(s, parent, pc, id);
      t->used++;
      *made = true;
    }
  }
  lock_release(&writers);
  return id;
}

uint32_t stack_table_intern(uint32_t parent, uint64_t pc, bool *made)
{
  uint32_t id;

  *made = false;
  find(__atomic_load_n(&current, __ATOMIC_ACQUIRE), parent, pc, &id);
  return likely(id) ? id : add(parent, pc, made);
}

/* No pc of user code: the slot stays in its chain, but matches nothing. */
#define DEAD_PC UINT64_MAX

void stack_table_forget(uint64_t start, uint64_t end)
{
  lock_take(&writers);
  for (uint32_t i = 0; current && i <= current->mask; i++) {
    struct slot *s = &current->slots[i];

    if (s->id && s->pc >= start && s->pc <= end)
      __atomic_store_n(&s->pc, DEAD_PC, __ATOMIC_RELAXED);
  }
  lock_release(&writers);
}

void stack_table_before_fork(void)
{
  lock_take(&writers);
}

void stack_table_after_fork(bool child)
{
  if (!child) {
    lock_release(&writers);
    return;
  }
  lock_reset(&writers);
  /* The child's trace is a file of its own: it must hold every node that its stacks use. */
  if (current) {
    struct table *fresh = table_new(FIRST_SLOTS);

    if (fresh)
      current = fresh;
  }
}
