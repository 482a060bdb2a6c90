/*
 * Call stacks.  libunwind is the unwinder; two things make it cheap enough to
 * run at every allocation:
 *
 *  - frame rules: what libunwind found out about one return address (how the
 *    caller's frame is computed from rsp or rbp, where rbp was saved) is kept
 *    per pc, proven by probing libunwind with shifted registers;
 *  - the verified prefix: the previous stack of the thread is kept with the
 *    place of every value the walk read.  When a new walk reaches a kept frame
 *    and all kept places further out still hold the same values, the rest of the stack is proven the same.
 *
 * The result equals a plain libunwind walk, which ends where code has no unwind information; mode compare checks that
 * at every capture, mode plain takes no other walk.  Nothing here takes a lock shared by threads on the usual path,
 * allocates from the heap, or calls into the dynamic loader once a pc is known.
 *
 * Stacks are interned into a table of (parent, pc) nodes; a stack is the id of
 * its innermost node.  Ids below STACK_FIRST are roots: they say how the walk ended.
 */
#ifndef VMTRACE_UNWIND_H
#define VMTRACE_UNWIND_H

#include <stdbool.h>
#include <stdint.h>

#include "vmtrace/format.h"

enum unwind_mode { UNWIND_CACHED, UNWIND_PLAIN, UNWIND_COMPARE };

/* Told of every new node once, in the thread that met it first; another thread may be given the id a moment earlier. */
typedef void (*unwind_node_fn)(void *user, uint32_t id, uint32_t parent, uint64_t pc);

struct unwind_config {
  unsigned max_frames; /* innermost frames kept, 1 to 1024 */
  enum unwind_mode mode;
  unwind_node_fn node;
};

/*
 * Prepares libunwind, which is a part of this library, and the tables.  Called
 * once, while the process has one thread.  Neither the dynamic loader nor anything of the program's is called.
 * 0, or -errno: unwind_capture then gives no stacks.
 */
int unwind_start(const struct unwind_config *config);
bool unwind_ready(void);

struct unwind_thread;

/*
 * State of one thread; user is passed to the node function.  NULL: out of
 * memory, or not started.  [stack_low, stack_top) is where the thread's own stack
 * lies: once a frame is in it, everything from there to stack_top is readable without asking.
 */
struct unwind_thread *unwind_thread_open(void *user, const void *stack_low, const void *stack_top);
void unwind_thread_close(struct unwind_thread *u);

/*
 * The stack of the function that called the hook whose frame address
 * (__builtin_frame_address(0)) is frame.  The hook must be compiled with a
 * frame pointer, and may not end in a tail call: its frame must be there until this returns.  0: no stack.  Only for
 * the thread that u belongs to; not reentrant.
 */
uint32_t unwind_capture(struct unwind_thread *u, const void *frame);

/* Of rules and nodes, atomic: ids that were given under another one may stand for code that is gone. */
extern uint32_t unwind_generation __attribute__((visibility("hidden")));

/*
 * The caller of that hook alone, as a stack of one frame whose outer frames
 * are not kept: for events that come too fast to walk the stack at each of them.
 */
uint32_t unwind_caller(struct unwind_thread *u, const void *frame);

/* The stacks captured next are of other places than those before: the kept one is no guess any more. */
void unwind_change_place(struct unwind_thread *u);

/*
 * What an id stands for: the frame at *pc, called by stack *parent.  False for
 * a root, for an id of before fork, and where the code was unloaded.  Slow; any thread.
 */
bool unwind_node(uint32_t id, uint32_t *parent, uint64_t *pc);

/* [start, end) was unmapped, or may hold other code than before: what is known about it is forgotten. */
void unwind_forget(uint64_t start, uint64_t end);
/* Mappings in that range went away, were replaced or may not be read any more: other places than the stacks of threads
 * are asked about anew before they are read, and so is the stack of the calling thread u if it is that.  u may be NULL.
 */
void unwind_mappings_changed(struct unwind_thread *u, uint64_t start, uint64_t size);

struct unwind_stats {
  uint64_t plain_walks, learned, differences;
};
void unwind_get_stats(struct unwind_stats *stats);

/* Around a fork.  announce comes before any lock is taken: it waits until no thread is inside libunwind. */
void unwind_announce_fork(void);
void unwind_after_fork(bool child);
/* For the thread that is left in the child, after that: what it kept is forgotten.  u may be NULL. */
void unwind_thread_after_fork(struct unwind_thread *u);

#endif
