/*
 * Inner paths of a thread: ways from an innermost frame to a frame of the kept
 * stack that were walked before.  A program that allocates comes back through the same few
 * functions from changing places; then the kept stack alone says nothing about the innermost frames, but one
 * of the paths does, and proving it takes one comparison per word that its walk read.
 *
 * A path is a claim about memory, not about the stack of a moment: it stays
 * true as long as the rules that it was walked by do.  Programs go in circles, so each path remembers which one came
 * after it; only when that guess is wrong one is looked for, by a hash of the nearest return addresses.  Used by
 * unwind.c and stack_walk.c.
 */
#ifndef VMTRACE_STACK_PATH_H
#define VMTRACE_STACK_PATH_H

#include <stdbool.h>
#include <stdint.h>

#include "unwind/stack_check.h"

#define PATHS 256     /* per thread; a power of two, in pairs of equal rank */
#define PATH_SITES 64 /* a power of two */
#define PATH_CHECKS (2 * CHECKS_AT_ONCE)
#define SITE_PLACES 4

/*
 * An innermost frame (pc, sp), and the places whose contents tell apart the
 * paths that begin there: return addresses of the frames around it, as the latest walk from there found them.
 */
struct path_site {
  uint64_t pc, sp;
  const uint64_t *place[SITE_PLACES];
};

struct path {
  uint64_t pc, sp, bp;
  uint64_t kept;               /* the kept stack for which outer was last found to be what it was: its number */
  uint64_t outer_sp, outer_bp; /* the state of the kept frame that it leads to */
  uint32_t outer_node, node;   /* that frame's node, and the innermost frame's */
  uint32_t mix;                /* path_mix of what it begins with; it lies at index mix or in the other of that pair */
  uint16_t outer;              /* that frame's index among the kept ones */
  bool needs_bp;               /* bp matters on the way or further out */
  bool more;                   /* the second half of check[] is in use */
  struct path *next;           /* what came after it the latest time */
  struct check check[PATH_CHECKS];
};

struct stack_paths {
  struct path_site sites[PATH_SITES];
  struct path paths[PATHS];
  /* Above 0: paths are looked up.  Spent by misses, restored by hits; where paths do not come back, looking for them
   * pauses. */
  int credit;
  struct path *latest; /* which gave the latest stack; NULL: the kept stack or a walk did */
  uint32_t turn;       /* which of a pair the next new path replaces */
};

#define PATH_CREDIT 64
#define PATH_PAUSE 1024

static inline struct path_site *path_site_of(struct stack_paths *all, uint64_t pc, uint64_t sp)
{
  return &all->sites[(pc ^ pc >> 5 ^ sp >> 4) % PATH_SITES];
}

/* A hash of the site and the present contents of its places. */
static inline uint32_t path_mix(const struct path_site *site)
{
  uint64_t a = *site->place[0], b = *site->place[1], c = *site->place[2], d = *site->place[3];

  /* Neighbours in a chain of calls are often neighbours in memory: each has its own bits. */
  a ^= b << 21 | b >> 43;
  c ^= d << 21 | d >> 43;
  return (uint32_t)((site->pc + site->sp + a + (c << 11 | c >> 53)) * UINT64_C(0x9e3779b97f4a7c15) >> 32);
}

/* The path with that mix, or one of the pair among which it would be. */
static inline struct path *path_of_mix(struct stack_paths *all, uint32_t mix)
{
  struct path *p = &all->paths[mix % PATHS];

  return p->mix == mix ? p : &all->paths[mix % PATHS ^ 1];
}

#endif
