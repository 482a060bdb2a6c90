/*
 * Call stacks in numbers: how many events carry one, how deep they are, and
 * how the walks ended.  Memory grows with distinct call stacks.
 */
#ifndef VMTRACE_STACK_DIGEST_H
#define VMTRACE_STACK_DIGEST_H

#include "reader/reader.h"
#include "track/id_table.h"

struct stack_digest {
  struct id_table nodes;            /* struct node (stack_digest.c) by call stack id */
  uint64_t events;                  /* that carry a call stack */
  uint64_t without;                 /* that could, and do not */
  uint64_t distinct;                /* call stacks that an event carries */
  uint32_t depth_median, depth_max; /* frames, over events */
  uint64_t ended[VT_STACK_FIRST];   /* events by how the walk ended: enum vt_stack_root */
  bool failed;                      /* out of memory: the numbers are too low */
};

/* False when out of memory. */
bool stack_digest_init(struct stack_digest *s);
void stack_digest_release(struct stack_digest *s);

void stack_digest_event(struct stack_digest *s, const struct event *e);

/* After the last event: only now is it known what the ids stand for. */
void stack_digest_finish(struct stack_digest *s);

/* "complete", "limit", "broken": a key of the reports; NULL for what this version does not know. */
const char *stack_digest_end(uint32_t root);
/* The same in words. */
const char *stack_digest_end_words(uint32_t root);

#endif
