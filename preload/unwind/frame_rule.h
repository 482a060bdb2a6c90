/*
 * What is known about one pc: how to get from the state of a frame
 * (pc, sp, bp) to that of its caller.  Rules come from frame_probe.c and are kept
 * in a table that readers use without a lock.
 */
#ifndef VMTRACE_FRAME_RULE_H
#define VMTRACE_FRAME_RULE_H

#include <stdbool.h>
#include <stdint.h>

#include "unwind/slot_table.h"

/* Unwinding state of one frame.  exact: pc is where the frame was interrupted, not a return address. */
struct frame_state {
  uint64_t pc, sp, bp;
  bool exact;
};

enum frame_rule_kind {
  RULE_UNKNOWN = 0,
  RULE_SP,       /* CFA = sp + cfa */
  RULE_BP,       /* CFA = bp + cfa */
  RULE_BP_DEREF, /* CFA = *(bp + cfa): functions that realign the stack */
  RULE_SIGNAL,   /* a signal frame: the interrupted state is in the ucontext at sp */
  RULE_END,      /* the outermost frame */
  RULE_STOP,     /* there is no unwind information: the walk ends here */
  RULE_PLAIN     /* only libunwind itself can walk this one */
};

/* In all kinds with a CFA the return address is at CFA - 8. */
enum frame_saved_bp { BP_SAME = 0, BP_AT_CFA, BP_AT_BP };

struct frame_rule {
  int32_t cfa;
  int16_t bp;       /* where the caller's rbp is, in units of 8 bytes from CFA or bp (saved_bp) */
  uint8_t kind;     /* enum frame_rule_kind */
  uint8_t saved_bp; /* enum frame_saved_bp */
};

/* False: out of memory. */
bool frame_rules_start(void);

void frame_rule_add(uint64_t pc, bool exact, struct frame_rule rule);

/* Forgets the rules of [start, end). */
void frame_rules_forget(uint64_t start, uint64_t end);

/* ---- the readers' side: no lock, any thread ---- */

extern struct slot_table *frame_rules_current __attribute__((visibility("hidden")));

static inline uint64_t frame_rule_key(uint64_t pc, bool exact)
{
  return pc << 1 | exact;
}

static inline uint32_t frame_rule_hash(uint64_t key)
{
  return (uint32_t)(key * SLOT_HASH_FACTOR >> 32);
}

/* The rule of a pc; kind RULE_UNKNOWN when it was not probed yet. */
static inline struct frame_rule frame_rule_find(uint64_t pc, bool exact)
{
  struct slot_table *t = slot_table_get(&frame_rules_current);
  uint64_t key = frame_rule_key(pc, exact);
  struct frame_rule rule = {.kind = RULE_UNKNOWN};

  for (uint32_t at = frame_rule_hash(key);; at++) {
    const struct slot *s = &t->slots[at & t->mask];
    uint64_t there = __atomic_load_n(&s->key, __ATOMIC_ACQUIRE), word;

    if (likely(there == key)) {
      word = __atomic_load_n(&s->value, __ATOMIC_RELAXED);
      __builtin_memcpy(&rule, &word, sizeof rule);
      return rule;
    }
    if (!there)
      return rule;
  }
}

#endif
