/*
 * What a thread remembers of its latest stack, and the walk by rules that makes use of it.
 *
 * A frame's state (pc, sp, bp) and the words of memory that its rule reads
 * determine its caller's state.  So when a frame of the present walk equals a
 * kept frame, and every word that the kept walk read from there on still holds what it held, the rest is equal.
 * rbp is part of that only where it matters: when a frame further out takes its CFA from it before it is
 * read from memory again.  Code without frame pointers has few such frames.
 *
 * Used by unwind.c alone.
 */
#ifndef VMTRACE_STACK_WALK_H
#define VMTRACE_STACK_WALK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/lock.h"
#include "base/peek.h"
#include "unwind/frame_rule.h"
#include "unwind/stack_check.h"
#include "unwind/stack_path.h"
#include "unwind/stack_table.h"

#define EXTRAS_PER_FRAME 3

/* A frame's state stays in registers only in code that is taken in. */
#define WALK_HOT static inline __attribute__((always_inline))

/* A frame of the kept stack.  Its pc is in pcs[]. */
struct kept_frame {
  uint64_t sp, bp;
  struct stack_node node;
  uint16_t extras; /* so many of extras[] prove the way from here to the end */
  bool exact;
  bool needs_bp; /* bp matters here or further out */
};

/* A frame of a walk under way.  Places that the caller's values were read from are NULL where they were computed. */
struct walk_frame {
  struct frame_state state;
  const uint64_t *place; /* where its pc was read */
  const uint64_t *sp_place, *bp_place;
  bool uses_bp; /* its own CFA is found from bp */
};

struct unwind_thread {
  void *user;
  /* Where the own stack begins, and up to where a word may begin on it: low + size.  size is 0 where its bounds are not
   * known. */
  uint64_t stack_low, stack_size;
  uint32_t generation; /* of what is kept; differs from the process's: forget it */
  uint64_t kept;       /* counts the stacks that were kept */
  uint32_t root;       /* how the kept walk ended */
  unsigned count;      /* kept frames, outermost first */
  unsigned own;        /* so many of them were read from the own stack, which stays readable */
  unsigned limit;
  struct walk_frame *fresh;  /* frames of the present walk, innermost first */
  struct frame_state *plain; /* frames of a plain walk; the same memory */
  /* pcs[i]: where frame i's pc was read (by the step from frame i + 1), and the pc. */
  struct check *pcs;
  struct check *extras; /* all other words, outermost first */
  struct kept_frame *frames;
  struct peek peek;
  struct stack_paths paths;
  bool compares; /* each walk by rules with libunwind's */
};

/* What a walk found: count new frames in u->fresh, below the outermost `prefix` kept ones. */
struct walk {
  unsigned count, prefix;
  uint32_t root;
  const uint64_t *end_place; /* the null return address that ended it, or NULL */
  bool elsewhere;            /* places outside the thread's own stack were read */
};

/* False: w->count frames are known, and only libunwind can tell what is outside of the last one, in
 * fresh[w->count].  Reads memory only where it is readable; u->peek has the reach of this walk afterwards. */
bool stack_walk(struct unwind_thread *u, struct frame_state state, const uint64_t *place, struct walk *w);

/* Bytes of a thread's state, and its set-up in zeroed memory of that size. */
size_t stack_walk_size(unsigned limit);
struct unwind_thread *stack_walk_init(void *memory, unsigned limit);

/* Forgets all stacks: the rules or the nodes behind them have changed. */
void stack_walk_forget(struct unwind_thread *u);
/* The same in the child of a fork, without copying the parent's pages to clear them. */
void stack_walk_forget_pages(struct unwind_thread *u);

/* The present stack is one of the known paths to a kept frame that has not changed.  Its node, or 0. */
uint32_t stack_walk_path(struct unwind_thread *u, const struct frame_state *s);

/* The walk w, which is kept now, began with frames that a path can remember. */
void stack_walk_note_path(struct unwind_thread *u, const struct walk *w);

/* Whether a place that was read lies on the thread's own stack. */
static inline bool stack_walk_own(const struct unwind_thread *u, const uint64_t *place)
{
  uint64_t addr = (uint64_t)place;

  return addr - u->stack_low < u->stack_size && addr % 8 == 0;
}

/*
 * The innermost of the kept frames `from` (which is the present one's, and is
 * among the `own` ones) and further out that is not what it was; -1: all are.
 */
WALK_HOT long stack_walk_changed(const struct unwind_thread *u, unsigned from)
{
  const struct check *pc = u->pcs + from, *extra = u->extras + u->frames[from].extras;

  while (extra > u->extras) {
    extra -= CHECKS_AT_ONCE;
    if (unlikely(checks_differ(extra)))
      return (long)from - 1;
  }
  while (pc > u->pcs) {
    pc -= CHECKS_AT_ONCE;
    if (likely(!checks_differ(pc)))
      continue;
    for (pc += CHECKS_AT_ONCE - 1; *pc->place == pc->value; pc--)
      ;
    return pc - u->pcs;
  }
  return -1;
}

/* The present stack is the kept one, all of it.  Its node, or 0. */
WALK_HOT uint32_t stack_walk_same(const struct unwind_thread *u, const struct frame_state *s)
{
  unsigned top = u->count - 1;
  const struct kept_frame *k = &u->frames[top];

  if (unlikely(top >= u->own) || k->sp != s->sp || u->pcs[top].value != s->pc || (k->needs_bp && k->bp != s->bp) ||
      stack_walk_changed(u, top) >= 0)
    return 0;
  return k->node.id;
}

/* Whether the present stack is that path to a kept frame that has not changed. */
WALK_HOT bool stack_walk_is_path(const struct unwind_thread *u, struct path *p, const struct frame_state *s)
{
  const struct kept_frame *k;

  if (p->sp != s->sp || p->pc != s->pc)
    return false;
  if (unlikely(p->kept != u->kept)) {
    k = &u->frames[p->outer];
    if (p->outer >= u->own || p->outer_node != k->node.id || p->outer_sp != k->sp ||
        (p->needs_bp && p->outer_bp != k->bp))
      return false;
    p->kept = u->kept;
  }
  return !checks_differ(p->check) && (likely(!p->more) || !checks_differ(p->check + CHECKS_AT_ONCE)) &&
         (likely(!p->needs_bp) || p->bp == s->bp) && stack_walk_changed(u, p->outer) < 0;
}

/* The present stack is the path that came next the latest time.  Its node, or 0. */
WALK_HOT uint32_t stack_walk_next_path(struct unwind_thread *u, const struct frame_state *s)
{
  struct path *p = &u->paths.paths[u->paths.latest->next];

  if (!stack_walk_is_path(u, p, s))
    return 0;
  u->paths.latest = p;
  u->paths.credit = PATH_CREDIT;
  return p->node;
}

#endif
