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

/* Per thread, in pairs of equal rank; powers of two.  Most programs have few, and the memory of a few; a compiler finds
 * more than half of its stacks among the most. */
#define PATHS_FIRST 128
#define PATHS_MOST 512
#define PATHS_PER_SITE 4
#define PATH_CHECKS (2 * CHECKS_AT_ONCE)
#define SITE_PLACES 4

/*
 * An innermost frame (pc, sp), and the places whose contents tell apart the
 * paths that begin there: return addresses of the frames around it, as the latest walk from there found them.
 */
struct path_site {
  uint64_t pc, sp;
  bool deep; /* the nearest SITE_PLACES do not tell all paths apart: twice as many are looked at */
  const uint64_t *place[2 * SITE_PLACES];
};

/* What is looked at each time is in two cache lines. */
struct path {
  _Alignas(64) uint64_t pc;
  uint64_t sp, bp;
  uint64_t kept;               /* the kept stack for which outer was last found to be what it was: its number */
  uint64_t outer_sp, outer_bp; /* the state of the kept frame that it leads to */
  uint32_t outer_node, node;   /* that frame's node, and the innermost frame's */
  uint16_t outer;              /* that frame's index among the kept ones */
  uint16_t tag;                /* path_tag of the mix of what it begins with */
  uint16_t next;               /* what came after it the latest time: its index */
  bool needs_bp : 1;           /* bp matters on the way or further out */
  bool more : 1;               /* the second half of check[] is in use */
  struct check check[PATH_CHECKS];
};
_Static_assert(sizeof(struct path) == 64 + PATH_CHECKS * sizeof(struct check), "no cache line for nothing");

struct stack_paths {
  uint32_t mask;     /* paths[0] to paths[mask] are in use */
  uint32_t replaced; /* paths that others took the place of, since mask is what it is */
  /* Above 0: paths are looked up.  Spent by misses, restored by hits; where paths do not come back, looking for them
   * pauses. */
  int credit;
  struct path *latest; /* which gave the latest stack; NULL: the kept stack or a walk did */
  uint32_t turn;       /* which of a pair the next new path replaces */
  struct path_site sites[PATHS_MOST / PATHS_PER_SITE];
  struct path paths[PATHS_MOST];
};

#define PATH_CREDIT 64
#define PATH_PAUSE 1024

/* all is zeroed. */
static inline void paths_init(struct stack_paths *all)
{
  all->mask = PATHS_FIRST - 1;
  all->credit = PATH_CREDIT;
}

static inline struct path_site *path_site_of(struct stack_paths *all, uint64_t pc, uint64_t sp)
{
  return &all->sites[(pc ^ pc >> 5 ^ sp >> 4) & all->mask / PATHS_PER_SITE];
}

static inline uint64_t path_mix_places(const uint64_t *const *place)
{
  uint64_t a = *place[0], b = *place[1], c = *place[2], d = *place[3];

  /* Neighbours in a chain of calls are often neighbours in memory: each has its own bits. */
  a ^= b << 21 | b >> 43;
  c ^= d << 21 | d >> 43;
  return a + (c << 11 | c >> 53);
}

/* A hash of the site and the present contents of its places. */
static inline uint32_t path_mix(const struct path_site *site)
{
  uint64_t mix = site->pc + site->sp + path_mix_places(site->place);

  if (unlikely(site->deep))
    mix = mix * 3 + path_mix_places(site->place + SITE_PLACES);
  return (uint32_t)(mix * UINT64_C(0x9e3779b97f4a7c15) >> 32);
}

/* The low bits of a mix say which pair it is. */
static inline uint16_t path_tag(uint32_t mix)
{
  return (uint16_t)(mix >> 16);
}

/* The path with that mix, or one of the pair among which it would be. */
static inline struct path *path_of_mix(struct stack_paths *all, uint32_t mix)
{
  struct path *p = &all->paths[mix & all->mask];

  return p->tag == path_tag(mix) ? p : &all->paths[(mix & all->mask) ^ 1];
}

#endif
