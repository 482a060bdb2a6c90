/*
 * The table of frame rules: open addressing, linear probing, two words per
 * slot.  As in stack_table.c, readers take no lock, and a table that is half full is
 * replaced by one of twice the size.  A rule is one word, so that a reader sees all of it or nothing.
 */
#include "unwind/frame_rule.h"

#include <string.h>

#include "base/lock.h"
#include "base/own.h"

#define FIRST_SLOTS 4096u

struct slot {
  uint64_t key;  /* pc << 1 | exact; 0: empty */
  uint64_t rule; /* struct frame_rule as a word; 0: unknown */
};

struct table {
  uint32_t mask;
  uint32_t used;
  struct slot slots[];
};

static struct table *current;
static struct lock writers;

_Static_assert(sizeof(struct frame_rule) == sizeof(uint64_t), "a rule is one word");

static uint64_t word_of(struct frame_rule rule)
{
  uint64_t word;

  memcpy(&word, &rule, sizeof word);
  return word;
}

static struct frame_rule rule_of(uint64_t word)
{
  struct frame_rule rule;

  memcpy(&rule, &word, sizeof rule);
  return rule;
}

static struct table *table_new(uint32_t slots)
{
  struct table *t = own_map(sizeof *t + (size_t)slots * sizeof t->slots[0]);

  if (t)
    t->mask = slots - 1;
  return t;
}

bool frame_rules_start(void)
{
  if (!current)
    current = table_new(FIRST_SLOTS);
  return current != NULL;
}

static inline struct slot *find(struct table *t, uint64_t key)
{
  for (uint32_t i = (uint32_t)(key * UINT64_C(0x9e3779b97f4a7c15) >> 32);; i++) {
    struct slot *s = &t->slots[i & t->mask];
    uint64_t there = __atomic_load_n(&s->key, __ATOMIC_ACQUIRE);

    if (there == key || !there)
      return s;
  }
}

struct frame_rule frame_rule_find(uint64_t pc, bool exact)
{
  uint64_t key = pc << 1 | exact;
  const struct slot *s = find(__atomic_load_n(&current, __ATOMIC_ACQUIRE), key);

  if (unlikely(!__atomic_load_n(&s->key, __ATOMIC_RELAXED)))
    return (struct frame_rule){.kind = RULE_UNKNOWN};
  return rule_of(__atomic_load_n(&s->rule, __ATOMIC_RELAXED));
}

/* The lock is held. */
static struct table *grown(struct table *t)
{
  struct table *bigger;

  if (t->used <= t->mask / 2)
    return t;
  bigger = table_new((t->mask + 1) * 2);
  if (!bigger)
    return t->used < t->mask ? t : NULL;
  for (uint32_t i = 0; i <= t->mask; i++) {
    if (!t->slots[i].rule)
      continue;
    *find(bigger, t->slots[i].key) = t->slots[i];
    bigger->used++;
  }
  __atomic_store_n(&current, bigger, __ATOMIC_RELEASE);
  return bigger;
}

void frame_rule_add(uint64_t pc, bool exact, struct frame_rule rule)
{
  uint64_t key = pc << 1 | exact;
  struct table *t;

  lock_take(&writers);
  t = grown(current);
  if (t) {
    struct slot *s = find(t, key);

    if (!s->key)
      t->used++;
    __atomic_store_n(&s->rule, word_of(rule), __ATOMIC_RELAXED);
    __atomic_store_n(&s->key, key, __ATOMIC_RELEASE);
  }
  lock_release(&writers);
}

void frame_rules_forget(uint64_t start, uint64_t end)
{
  lock_take(&writers);
  if (current) {
    for (uint32_t i = 0; i <= current->mask; i++) {
      struct slot *s = &current->slots[i];

      /* A return address may be one past the range when its call is the last instruction in it. */
      if (s->key >> 1 >= start && s->key >> 1 <= end)
        __atomic_store_n(&s->rule, 0, __ATOMIC_RELAXED);
    }
  }
  lock_release(&writers);
}

void frame_rules_before_fork(void)
{
  lock_take(&writers);
}

void frame_rules_after_fork(bool child)
{
  if (child)
    lock_reset(&writers);
  else
    lock_release(&writers);
}
