/*
 * Misuse of the heap that the library saw and recorded: double frees and the
 * like, each with the call stacks of the error, of the block's allocation and of its first free.
 */
#ifndef VMTRACE_HEAP_ERRORS_H
#define VMTRACE_HEAP_ERRORS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "symbols/modules.h"
#include "symbols/symbols.h"
#include "track/id_table.h"

#define HEAP_ERRORS_KEPT 1000  /* further ones are only counted */
#define HEAP_ERRORS_DEPTH 1024 /* frames of a stack that are told: the library keeps no more (VMTRACE_STACK) */

struct heap_error {
  uint32_t kind; /* enum vt_heap_error, or a later version's */
  uint32_t thread;
  uint64_t time_ns;
  uint64_t addr;
  uint64_t block;                          /* where the block concerned starts; 0: not known */
  uint32_t stack, alloc_stack, free_stack; /* call stack ids; 0: not known */
};

struct heap_errors {
  struct id_table nodes; /* struct stack_node by call stack id */
  struct modules modules;
  struct symbols *symbols; /* opened when the first name is asked for */
  struct heap_error *error;
  size_t count, room;
  uint64_t seen;
  bool failed; /* out of memory: what there is is not all */
};

/* For the trace of r.  NULL when out of memory. */
struct heap_errors *heap_errors_new(const struct reader *r);
void heap_errors_free(struct heap_errors *h);

/* Takes the events that matter here; ignores all others. */
void heap_errors_event(struct heap_errors *h, const struct event *e);

/* Calls fn for the frames of a call stack, innermost first; how many there were (0: the stack is not known).  The
 * strings live as long as h. */
typedef void (*heap_errors_frame_fn)(void *arg, const struct symbol *frame);
unsigned heap_errors_frames(struct heap_errors *h, uint32_t stack, heap_errors_frame_fn fn, void *arg);

/* "double free" ..., "misuse" for kinds of later versions. */
const char *heap_errors_kind(uint32_t kind);

#endif
