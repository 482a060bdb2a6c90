/*
 * The walk by rules with the verified prefix.  See stack_walk.h for the idea.
 * It allocates nothing, takes no lock and never asks libunwind.  Called by unwind.c.
 */
#include "unwind/stack_walk.h"

#include <stddef.h>
#include <string.h>
#include <sys/mman.h>

#include "base/lock.h"
#include "base/sys.h"
#include "unwind/machine.h"
#include "vmtrace/format.h"

#define PAGE UINT64_C(4096)

const uint64_t check_nothing;

/* Before the first element of pcs[] and extras[], so that they may be checked four at a time. */
#define PADDING (CHECKS_AT_ONCE - 1)

size_t stack_walk_size(unsigned limit)
{
  return sizeof(struct unwind_thread) + limit * (sizeof(struct walk_frame) + sizeof(struct kept_frame)) +
         (2 * PADDING + limit * (1 + EXTRAS_PER_FRAME)) * sizeof(struct check);
}

struct unwind_thread *stack_walk_init(void *memory, unsigned limit)
{
  struct unwind_thread *u = memory;

  _Static_assert(sizeof(struct walk_frame) >= sizeof(struct frame_state), "plain walks fit into fresh[]");
  u->limit = limit;
  u->pcs = (struct check *)(u + 1) + PADDING;
  u->extras = u->pcs + limit + PADDING;
  u->fresh = (struct walk_frame *)(u->extras + limit * EXTRAS_PER_FRAME);
  u->plain = (struct frame_state *)u->fresh;
  u->frames = (struct kept_frame *)(u->fresh + limit);
  for (int i = 1; i <= PADDING; i++)
    u->pcs[-i] = u->extras[-i] = CHECK_HOLDS;
  paths_init(&u->paths);
  return u;
}

void stack_walk_forget(struct unwind_thread *u)
{
  u->count = 0;
  u->own = 0;
  memset(u->paths.paths, 0, (u->paths.mask + 1) * sizeof u->paths.paths[0]);
  memset(&u->paths, 0, offsetof(struct stack_paths, paths));
  paths_init(&u->paths);
}

void stack_walk_forget_pages(struct unwind_thread *u)
{
  uint64_t start = (uint64_t)&u->paths, end = (uint64_t)(&u->paths + 1);
  uint64_t first = (start + PAGE - 1) & ~(PAGE - 1), last = end & ~(PAGE - 1);

  u->count = 0;
  u->own = 0;
  if (sys_madvise((void *)first, last - first, MADV_DONTNEED) != 0)
    first = last = end;
  memset(&u->paths, 0, first - start);
  memset((void *)last, 0, end - last);
  paths_init(&u->paths);
}

/* What the walk under way may read without asking; u->peek knows it, too. */
struct reach {
  struct unwind_thread *u;
  uint64_t low, words; /* of the own stack, from the innermost frame to the top */
  bool elsewhere;      /* another place was looked at */
};

/* From the innermost frame of the thread's own stack to its top all is there. */
static inline struct reach reach_of(struct unwind_thread *u, uint64_t sp)
{
  bool own = sp - u->stack_low < u->stack_size && sp % 8 == 0;

  u->peek.low = sp;
  u->peek.words = own ? (u->stack_low + u->stack_size - sp) / 8 : 0;
  return (struct reach){u, sp, u->peek.words, false};
}

/* A coroutine's stack, a signal stack's, an address that is none. */
static __attribute__((noinline)) bool readable_elsewhere(struct reach *r, uint64_t addr)
{
  r->elsewhere = true;
  return peek_has_slow(&r->u->peek, addr);
}

static inline bool readable(struct reach *r, uint64_t addr)
{
  return peek_is_in(r->low, r->words, addr) || readable_elsewhere(r, addr);
}

/* A step by a rule that is not one of the two plain kinds. */
static __attribute__((noinline)) bool step_slow(struct reach *r, struct frame_rule rule, struct walk_frame *f,
                                                struct frame_state *next, const uint64_t **place, uint32_t *root)
{
  const struct frame_state *s = &f->state;
  const struct machine_places in = machine_interrupted((const ucontext_t *)s->sp);
  uint64_t at = s->bp + (uint64_t)(int64_t)rule.cfa, bp_at = s->bp + (uint64_t)((int64_t)rule.bp * 8);

  switch ((enum frame_rule_kind)rule.kind) {
  case RULE_BP_DEREF:
    if (!readable(r, at) || !readable(r, *(const uint64_t *)at - 8))
      return false;
    f->uses_bp = true;
    f->sp_place = (const uint64_t *)at;
    *place = (const uint64_t *)(*f->sp_place - 8);
    *next = (struct frame_state){**place, *f->sp_place, s->bp, false};
    if (rule.saved_bp == BP_SAME)
      return true;
    if (!readable(r, bp_at))
      return false;
    f->bp_place = (const uint64_t *)bp_at;
    next->bp = *f->bp_place;
    return true;
  case RULE_SIGNAL:
    if (!readable(r, s->sp) || !readable(r, (uint64_t)in.pc) || !*in.pc)
      return false;
    *place = in.pc;
    f->sp_place = in.sp;
    f->bp_place = in.bp;
    *next = (struct frame_state){**place, *f->sp_place, *f->bp_place, true};
    return true;
  case RULE_END:
    *root = VT_STACK_COMPLETE;
    return true;
  case RULE_STOP:
    *root = VT_STACK_BROKEN;
    return true;
  default:
    return false;
  }
}

/*
 * The frame after f by its rule, and where its pc was read.  False: only a plain walk
 * can tell.  *root is set when f is the outermost one; next->pc is 0 when a null return address told so.
 * Taken in, with next and place in registers: a struct that is written by halves and copied as a whole makes the
 * processor wait for the writes.
 */
WALK_HOT bool step(struct reach *r, struct walk_frame *f, struct frame_state *next, const uint64_t **place,
                   uint32_t *root)
{
  struct frame_rule rule = frame_rule_find(next->pc, next->exact);
  uint64_t cfa, bp_at;

  f->sp_place = NULL;
  f->bp_place = NULL;
  f->uses_bp = rule.kind == RULE_BP;
  if (unlikely(rule.kind != RULE_SP && rule.kind != RULE_BP)) {
    struct frame_state outer = *next;
    const uint64_t *outer_place = *place;

    if (!step_slow(r, rule, f, &outer, &outer_place, root))
      return false;
    if (!outer.pc)
      *root = VT_STACK_COMPLETE;
    *next = outer;
    *place = outer_place;
    return true;
  }
  cfa = (rule.kind == RULE_BP ? next->bp : next->sp) + (uint64_t)(int64_t)rule.cfa;
  if (unlikely(!readable(r, cfa - 8)))
    return false;
  *place = (const uint64_t *)(cfa - 8);
  next->pc = **place;
  next->sp = cfa;
  next->exact = false;
  if (rule.saved_bp != BP_SAME) {
    bp_at = cfa + (uint64_t)((int64_t)rule.bp * 8);
    if (unlikely(!readable(r, bp_at)))
      return false;
    f->bp_place = (const uint64_t *)bp_at;
    next->bp = *f->bp_place;
  }
  if (unlikely(!next->pc))
    *root = VT_STACK_COMPLETE;
  return true;
}

/*
 * How many of the outermost kept frames may still be met, `from` being equal to
 * one of the present walk: all up to `from` (*proven: they are all as they were), or
 * those further out than the first change.
 */
static inline unsigned still_open(struct reach *r, unsigned from, bool *proven)
{
  struct unwind_thread *u = r->u;
  long changed;

  if (likely(from < u->own)) {
    changed = stack_walk_changed(u, from);
  } else {
    const struct check *pc = &u->pcs[(long)from - 1], *extra = &u->extras[(long)u->frames[from].extras - 1];

    for (; pc >= u->pcs; pc--)
      if ((!stack_walk_own(u, pc->place) && !readable(r, (uint64_t)pc->place)) || *pc->place != pc->value)
        break;
    for (; extra >= u->extras; extra--)
      if ((!stack_walk_own(u, extra->place) && !readable(r, (uint64_t)extra->place)) || *extra->place != extra->value)
        break;
    changed = extra >= u->extras ? (long)from - 1 : pc - u->pcs;
  }
  *proven = changed < 0;
  return changed < 0 ? from + 1 : (unsigned)changed;
}

static inline bool equals_kept(const struct unwind_thread *u, unsigned at, const struct frame_state *s)
{
  const struct kept_frame *k = &u->frames[at];

  return k->sp == s->sp && u->pcs[at].value == s->pc && (k->bp == s->bp || !k->needs_bp) && k->exact == s->exact;
}

bool stack_walk(struct unwind_thread *u, struct frame_state state, const uint64_t *place, struct walk *w)
{
  struct reach r = reach_of(u, state.sp);
  unsigned n = 0, at = u->count;

  w->prefix = 0;
  w->end_place = NULL;
  for (;;) {
    struct walk_frame *f = &u->fresh[n];
    uint32_t root = VT_STACK_NONE;

    while (at > 0 && u->frames[at - 1].sp < state.sp)
      at--;
    if (at > 0 && equals_kept(u, at - 1, &state)) {
      bool proven;
      unsigned open = still_open(&r, at - 1, &proven);

      if (proven && (u->root == VT_STACK_LIMIT ? n + at == u->limit : n + at <= u->limit)) {
        w->prefix = at;
        w->root = u->root;
        break;
      }
      at = proven ? 0 : open;
    }
    if (unlikely(n == u->limit)) {
      w->root = VT_STACK_LIMIT;
      break;
    }
    f->state.pc = state.pc;
    f->state.sp = state.sp;
    f->state.bp = state.bp;
    f->state.exact = state.exact;
    f->place = place;
    if (unlikely(!step(&r, f, &state, &place, &root))) {
      w->count = n;
      return false;
    }
    n++;
    if (unlikely(root)) {
      w->root = root;
      w->end_place = state.pc ? NULL : place;
      break;
    }
  }
  w->count = n;
  w->elsewhere = r.elsewhere;
  return true;
}

/* The last of n places around the kept frame `top`: where the pcs of the frames outside of it were read. */
static const uint64_t *place_around(const struct unwind_thread *u, unsigned top, unsigned n)
{
  return top > n ? u->pcs[top - 1 - n].place : &check_nothing;
}

uint32_t stack_walk_path(struct unwind_thread *u, const struct frame_state *s)
{
  struct stack_paths *all = &u->paths;
  const struct path_site *site = path_site_of(all, s->pc, s->sp);
  struct path *p;

  if (unlikely(all->credit <= 0) || unlikely(site->pc != s->pc) || unlikely(site->sp != s->sp))
    return 0;
  p = path_of_mix(all, path_mix(site));
  if (!stack_walk_is_path(u, p, s))
    return 0;
  if (all->latest)
    all->latest->next = (uint16_t)(p - all->paths);
  all->latest = p;
  all->credit = PATH_CREDIT;
  return p->node;
}

/* The site of the kept stack's innermost frame, with the places around that frame. */
static struct path_site *note_site(struct unwind_thread *u, const struct frame_state *s)
{
  struct path_site *site = path_site_of(&u->paths, s->pc, s->sp);

  if (site->pc != s->pc || site->sp != s->sp)
    site->deep = false;
  site->pc = s->pc;
  site->sp = s->sp;
  for (unsigned i = 0; i < 2 * SITE_PLACES; i++)
    site->place[i] = place_around(u, u->count - 1, i);
  return site;
}

/* Puts the path where its mix leads to.  Another one that has the same tells that the mix is of too few places. */
static void put_path(struct stack_paths *all, struct path_site *site, struct path *path)
{
  uint32_t mix = path_mix(site);
  const struct path *there = path_of_mix(all, mix);
  unsigned at;

  if (!site->deep && there->tag == path_tag(mix) && there->pc == path->pc && there->sp == path->sp &&
      memcmp(there->check, path->check, sizeof path->check) != 0) {
    site->deep = true;
    mix = path_mix(site);
    there = path_of_mix(all, mix);
  }
  at = there->tag == path_tag(mix) ? (unsigned)(there - all->paths) : (mix & all->mask) ^ (all->turn++ & 1);
  path->tag = path_tag(mix);
  path->next = (uint16_t)at;
  if (all->paths[at].pc && ++all->replaced > all->mask / 2 && all->mask + 1 < PATHS_MOST) {
    /* Those whose places are elsewhere from now on will be walked, and noted, again. */
    all->mask = all->mask * 2 + 1;
    all->replaced = 0;
  }
  all->paths[at] = *path;
}

void stack_walk_note_path(struct unwind_thread *u, const struct walk *w)
{
  const struct frame_state *s = &u->fresh[0].state;
  const struct kept_frame *k = &u->frames[u->count - 1], *outer;
  unsigned extras;
  struct path path;

  if (u->paths.credit-- <= 0) {
    if (u->paths.credit < -PATH_PAUSE)
      u->paths.credit = PATH_CREDIT;
    return;
  }
  if (!w->prefix || u->own != u->count)
    return;
  outer = &u->frames[w->prefix - 1];
  extras = k->extras - outer->extras;
  if (w->count + extras > PATH_CHECKS)
    return;
  path = (struct path){.pc = s->pc,
                       .sp = s->sp,
                       .bp = s->bp,
                       .kept = u->kept,
                       .outer_sp = outer->sp,
                       .outer_bp = outer->bp,
                       .outer_node = outer->node.id,
                       .node = k->node.id,
                       .outer = (uint16_t)(w->prefix - 1),
                       .needs_bp = k->needs_bp || outer->needs_bp,
                       .more = w->count + extras > CHECKS_AT_ONCE};
  memcpy(path.check, &u->pcs[w->prefix - 1], w->count * sizeof path.check[0]);
  memcpy(path.check + w->count, &u->extras[outer->extras], extras * sizeof path.check[0]);
  for (unsigned i = w->count + extras; i < PATH_CHECKS; i++)
    path.check[i] = CHECK_HOLDS;
  put_path(&u->paths, note_site(u, s), &path);
}
