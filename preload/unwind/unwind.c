/*
 * Call stacks: what unwind.h offers.  One capture is the walk by rules
 * (stack_walk.c) or, where a rule is missing or does not hold, a plain walk (frame_probe.c); what was found is
 * kept for the thread's next capture and interned into the table of nodes.
 * Called by entry/.
 */
#include "unwind/unwind.h"

#include <errno.h>
#include <stddef.h>

#include "base/lock_table.h"
#include "base/log.h"
#include "base/own.h"
#include "unwind/frame_probe.h"
#include "unwind/frame_rule.h"
#include "unwind/libunwind_gate.h"
#include "unwind/loan_stack.h"
#include "unwind/machine.h"
#include "unwind/stack_table.h"
#include "unwind/stack_walk.h"

#define FRAMES_MAX 1024

static struct unwind_config config;
static bool ready;
uint32_t unwind_generation = 1;
static struct unwind_stats stats;

/* The child's trace is a file of its own: it must hold every node that its stacks use. */
static void renew_nodes(void)
{
  stack_table_renew();
  __atomic_fetch_add(&unwind_generation, 1, __ATOMIC_RELAXED);
}

/* Whoever made a node has not come to announce it. */
static void nodes_orphaned(struct lock_state *lock)
{
  (void)lock;
  renew_nodes();
}

int unwind_start(const struct unwind_config *c)
{
  uint64_t mask;
  int rc;

  lock_table_on_orphan(LOCK_STACKS, nodes_orphaned);
  lock_table_on_orphan(LOCK_LOANS, loan_stack_orphaned);
  config = *c;
  if (config.max_frames > FRAMES_MAX)
    config.max_frames = FRAMES_MAX;
  if (!config.max_frames || !frame_rules_start() || !stack_table_start())
    return -ENOMEM;
  if (!libunwind_enter(&mask))
    return -ENOMEM;
  rc = frame_probe_start();
  libunwind_leave(mask);
  if (rc == 0)
    __atomic_store_n(&ready, true, __ATOMIC_RELEASE);
  return rc;
}

bool unwind_ready(void)
{
  return __atomic_load_n(&ready, __ATOMIC_ACQUIRE);
}

struct unwind_thread *unwind_thread_open(void *user, const void *stack_low, const void *stack_top)
{
  struct unwind_thread *u;
  void *memory;

  if (!unwind_ready())
    return NULL;
  memory = own_alloc(stack_walk_size(config.max_frames));
  if (!memory)
    return NULL;
  u = stack_walk_init(memory, config.max_frames);
  u->user = user;
  u->compares = config.mode == UNWIND_COMPARE;
  if ((uint64_t)stack_top - (uint64_t)stack_low > sizeof(uint64_t)) {
    u->stack_low = (uint64_t)stack_low;
    u->stack_size = (uint64_t)stack_top - sizeof(uint64_t) - u->stack_low;
  }
  return u;
}

void unwind_thread_close(struct unwind_thread *u)
{
  if (u)
    own_free(u, stack_walk_size(u->limit));
}

/* The node of pc, announced if it is new. */
static inline struct stack_node node_of(const struct unwind_thread *u, struct stack_node caller, uint64_t pc)
{
  bool made;
  struct stack_node node = stack_table_intern(caller, pc, &made);

  if (unlikely(made) && config.node)
    config.node(u->user, node.id, caller.id, pc);
  return node;
}

/* Some place of the present walk was elsewhere: which of the frames it put at `from` and further in were read from the
 * own stack alone. */
static __attribute__((noinline)) unsigned own_frames_slow(const struct unwind_thread *u, unsigned from, unsigned end)
{
  unsigned extra = from ? u->frames[from - 1].extras : 0, at = from;

  for (; at < end; at++) {
    if (at && !stack_walk_own(u, u->pcs[at - 1].place))
      return at;
    for (; extra < u->frames[at].extras; extra++)
      if (!stack_walk_own(u, u->extras[extra].place))
        return at;
  }
  return at;
}

static inline unsigned add_extra(struct unwind_thread *u, unsigned extras, const uint64_t *place, uint64_t value)
{
  u->extras[extras] = (struct check){place, value};
  return extras + 1;
}

/* The walk's new frames will be looked for. */
static inline void fetch_nodes(const struct unwind_thread *u, const struct walk *w, struct stack_node caller)
{
  for (unsigned i = w->count; i-- > 0;) {
    caller.way = stack_table_way(caller.way, u->fresh[i].state.pc);
    stack_table_prefetch(caller.way);
  }
}

/* Interns the walk's new frames below the kept ones that it goes on with, and makes them kept.  The innermost node; 0:
 * out of memory. */
static inline uint32_t keep(struct unwind_thread *u, const struct walk *w)
{
  unsigned at = w->prefix;
  const struct kept_frame *outer = at ? &u->frames[at - 1] : NULL;
  struct stack_node node = outer ? outer->node : stack_table_root(w->root);
  unsigned extras = outer ? outer->extras : 0;
  bool needs_bp = outer && outer->needs_bp;

  fetch_nodes(u, w, node);
  u->root = w->root;
  if (!outer && w->end_place) {
    const struct walk_frame *f = &u->fresh[w->count - 1];

    extras = add_extra(u, extras, w->end_place, 0);
    if (f->sp_place)
      extras = add_extra(u, extras, f->sp_place, (uint64_t)(w->end_place + 1));
  }
  for (unsigned i = w->count; i-- > 0; at++) {
    const struct walk_frame *f = &u->fresh[i];

    if (at && unlikely(f->sp_place))
      extras = add_extra(u, extras, f->sp_place, u->frames[at - 1].sp);
    if (needs_bp && f->bp_place)
      extras = add_extra(u, extras, f->bp_place, u->frames[at - 1].bp);
    needs_bp = f->uses_bp || (needs_bp && !f->bp_place);
    node = node_of(u, node, f->state.pc);
    u->pcs[at] = (struct check){f->place, f->state.pc};
    u->frames[at] = (struct kept_frame){f->state.sp, f->state.bp, node, (uint16_t)extras, f->state.exact, needs_bp};
    if (unlikely(!node.id)) {
      u->count = 0;
      return VT_STACK_NONE;
    }
  }
  u->count = at;
  u->kept++;
  if (u->own >= w->prefix)
    u->own = unlikely(w->elsewhere) ? own_frames_slow(u, w->prefix, at) : at;
  return node.id;
}

/* *root is VT_STACK_NONE when libunwind may not be asked. */
static unsigned walk_plain(struct unwind_thread *u, const struct frame_state *from, uint32_t *root)
{
  uint64_t mask;
  unsigned n;

  *root = VT_STACK_NONE;
  if (!libunwind_enter(&mask))
    return 0;
  n = frame_walk_plain(&u->peek, from, u->plain, u->limit, root);
  libunwind_leave(mask);
  return n;
}

/* The node of the n frames in u->plain. */
static uint32_t node_of_plain(const struct unwind_thread *u, unsigned n, uint32_t root)
{
  struct stack_node node = stack_table_root(n ? root : VT_STACK_NONE);

  while (n-- > 0 && node.id)
    node = node_of(u, node, u->plain[n].pc);
  return node.id;
}

/* A walk by rules could not tell.  Nothing of a plain walk is kept: where libunwind read is not known. */
static uint32_t capture_plain(struct unwind_thread *u, const struct frame_state *from)
{
  uint32_t root;
  unsigned n = walk_plain(u, from, &root);

  __atomic_fetch_add(&stats.plain_walks, 1, __ATOMIC_RELAXED);
  u->count = u->own = 0;
  return node_of_plain(u, n, root);
}

/* Whether there is a rule now for a frame that had none. */
static bool learn(struct unwind_thread *u, const struct frame_state *s)
{
  uint64_t mask;
  bool learned;

  if (frame_rule_find(s->pc, s->exact).kind != RULE_UNKNOWN || !libunwind_enter(&mask))
    return false;
  learned = frame_learn(&u->peek, s);
  libunwind_leave(mask);
  __atomic_fetch_add(&stats.learned, learned, __ATOMIC_RELAXED);
  return learned;
}

/* Compare mode: the stack that a walk by rules gave as node against libunwind's steps. */
static void compare_plain(struct unwind_thread *u, const struct frame_state *from, uint32_t node)
{
  uint32_t root, plain, cached = node, parent;
  unsigned n = walk_plain(u, from, &root), at = 0;
  uint64_t pc = 0;

  plain = node_of_plain(u, n, root);
  if (likely(plain == node) || root == VT_STACK_NONE)
    return;
  __atomic_fetch_add(&stats.differences, 1, __ATOMIC_RELAXED);
  while (stack_table_entry(cached, &parent, &pc) && at < n && pc == u->plain[at].pc) {
    cached = parent;
    at++;
  }
  log_error(
      "call stacks differ: libunwind has %u frames (end %u); frame %u is %lx by rules (node %u), %lx by libunwind", n,
      root, at, cached < VT_STACK_FIRST ? 0UL : pc, cached, at < n ? u->plain[at].pc : 0UL);
}

static __attribute__((noinline)) uint32_t capture_slow(struct unwind_thread *u, const struct frame_state *from,
                                                       const uint64_t *place, bool *plain)
{
  struct walk walk;
  uint32_t id;

  *plain = config.mode == UNWIND_PLAIN;
  for (unsigned tries = 0; !*plain; tries++) {
    if (likely(stack_walk(u, *from, place, &walk)))
      break;
    *plain = tries > u->limit || !learn(u, &u->fresh[walk.count].state);
  }
  if (unlikely(*plain))
    return capture_plain(u, from);
  /* The stack is a part of the kept one: what is further in may come back as it was. */
  if (!walk.count)
    return u->frames[walk.prefix - 1].node.id;
  id = keep(u, &walk);
  if (likely(id))
    stack_walk_note_path(u, &walk);
  return id;
}

/* From what is remembered alone; 0: it does not tell. */
WALK_HOT uint32_t capture_quick(struct unwind_thread *u, const struct frame_state *from)
{
  if (unlikely(u->generation != __atomic_load_n(&unwind_generation, __ATOMIC_RELAXED)) || unlikely(!u->count))
    return 0;
  return u->paths.latest ? stack_walk_next_path(u, from) : stack_walk_same(u, from);
}

/* The same when the nearest guess was wrong. */
static uint32_t capture_known(struct unwind_thread *u, const struct frame_state *from)
{
  uint32_t id = stack_walk_path(u, from);

  if (id || !u->paths.latest)
    return id;
  u->paths.latest = NULL;
  return stack_walk_same(u, from);
}

/* quick: what capture_quick gave. */
static __attribute__((noinline)) uint32_t capture_rest(struct unwind_thread *u, const void *frame, uint32_t quick)
{
  const uint64_t *words = frame;
  const struct frame_state from = machine_caller(frame);
  uint32_t now = __atomic_load_n(&unwind_generation, __ATOMIC_RELAXED);
  uint32_t id = quick;
  bool plain = false;

  if (unlikely(u->generation != now)) {
    u->generation = now;
    stack_walk_forget(u);
  }
  if (!id && likely(u->count))
    id = capture_known(u, &from);
  if (!id)
    id = capture_slow(u, &from, words + 1, &plain);
  if (unlikely(u->compares) && !plain)
    compare_plain(u, &from, id);
  return id;
}

uint32_t unwind_capture(struct unwind_thread *u, const void *frame)
{
  const struct frame_state from = machine_caller(frame);
  uint32_t id = capture_quick(u, &from);

  return likely(id) && likely(!u->compares) ? id : capture_rest(u, frame, id);
}

uint32_t unwind_caller(struct unwind_thread *u, const void *frame)
{
  uint64_t pc = ((const uint64_t *)frame)[1];

  return node_of(u, stack_table_root(VT_STACK_LIMIT), pc).id;
}

void unwind_change_place(struct unwind_thread *u)
{
  stack_walk_forget(u);
}

bool unwind_node(uint32_t id, uint32_t *parent, uint64_t *pc)
{
  return unwind_ready() && stack_table_entry(id, parent, pc);
}

void unwind_forget(uint64_t start, uint64_t end)
{
  if (!unwind_ready())
    return;
  frame_rules_forget(start, end);
  stack_table_forget(start, end);
  peek_mappings_changed();
  __atomic_fetch_add(&unwind_generation, 1, __ATOMIC_RELAXED);
}

void unwind_mappings_changed(struct unwind_thread *u, uint64_t start, uint64_t size)
{
  uint64_t here = (uint64_t)__builtin_frame_address(0), top, end = start + size;

  peek_mappings_changed();
  top = u ? u->stack_low + u->stack_size : 0;
  if (!u || start >= top || end <= u->stack_low)
    return;
  /* Guard pages and stacks of the program's own making in the thread's stack: what is above them is as it was, if that
   * is where the thread is. */
  u->stack_size = here >= end && here < top ? top - end : 0;
  u->stack_low = end;
  stack_walk_forget(u);
}

void unwind_get_stats(struct unwind_stats *s)
{
  *s = stats;
}

void unwind_announce_fork(void)
{
  libunwind_before_fork();
}

void unwind_after_fork(bool child)
{
  libunwind_after_fork(child);
  if (child)
    renew_nodes();
}

void unwind_thread_after_fork(struct unwind_thread *u)
{
  if (!u)
    return;
  stack_walk_forget_pages(u);
  u->generation = __atomic_load_n(&unwind_generation, __ATOMIC_RELAXED);
}
