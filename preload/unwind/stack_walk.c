/*
 * One capture: the fast walk by rules with the verified prefix, or, where a
 * rule is missing or does not hold, a plain walk.  See unwind.h for the idea.
 *
 * A frame's state (pc, sp, bp) and the words of memory that its rule reads
 * determine its caller's state.  So when a frame of the present walk equals a
 * kept frame, and every word that the kept walk read from there on still holds what it held, the rest is equal.
 */
#include "unwind/unwind.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <ucontext.h>

#include "base/lock.h"
#include "base/log.h"
#include "base/own.h"
#include "base/sys.h"
#include "unwind/frame_probe.h"
#include "unwind/frame_rule.h"
#include "unwind/stack_table.h"

#define FRAMES_MAX 1024
#define PAGE UINT64_C(4096)
#define PAGES_KNOWN 16 /* pages outside the thread's own stack that were found readable */

/* A frame of a walk, with where the caller's values were read. */
struct kept_frame {
  struct frame_state state;
  const uint64_t *pc_place; /* the caller's pc; NULL: by no simple read (signal frame, plain walk, end) */
  const uint64_t *bp_place; /* the caller's rbp; NULL: it is this frame's.  Kept: then the caller's own state.bp */
  uint32_t node;
};

struct unwind_thread {
  void *user;
  uint64_t stack_low, stack_top;
  uint32_t generation; /* of what is kept; differs from the process's: forget it */
  uint32_t mappings;   /* generation of pages[] */
  uint32_t root;       /* how the kept walk ended */
  unsigned count;      /* kept frames, outermost first */
  unsigned own;        /* so many of them were read from the own stack, which stays readable */
  unsigned limit;
  uint64_t pages[PAGES_KNOWN];
  struct kept_frame *fresh; /* frames of the present walk, innermost first */
  struct frame_state *plain;
  struct kept_frame kept[];
};

static struct unwind_config config;
static bool ready;
static uint32_t generation = 1; /* of rules and nodes */
static uint32_t mappings_generation = 1;
static struct unwind_stats stats;

int unwind_start(const struct unwind_config *c)
{
  int rc;

  config = *c;
  if (config.max_frames > FRAMES_MAX)
    config.max_frames = FRAMES_MAX;
  if (!config.max_frames || !frame_rules_start() || !stack_table_start())
    return -ENOMEM;
  rc = frame_probe_start();
  if (rc == 0)
    __atomic_store_n(&ready, true, __ATOMIC_RELEASE);
  return rc;
}

bool unwind_ready(void)
{
  return __atomic_load_n(&ready, __ATOMIC_ACQUIRE);
}

static size_t thread_size(unsigned limit)
{
  return sizeof(struct unwind_thread) + limit * (2 * sizeof(struct kept_frame) + sizeof(struct frame_state));
}

struct unwind_thread *unwind_thread_open(void *user, const void *stack_low, const void *stack_top)
{
  unsigned limit = config.max_frames;
  struct unwind_thread *u;

  if (!unwind_ready())
    return NULL;
  u = own_alloc(thread_size(limit));
  if (!u)
    return NULL;
  u->user = user;
  u->stack_low = (uint64_t)stack_low;
  u->stack_top = (uint64_t)stack_top;
  u->limit = limit;
  u->fresh = &u->kept[limit];
  u->plain = (struct frame_state *)&u->fresh[limit];
  return u;
}

void unwind_thread_close(struct unwind_thread *u)
{
  if (u)
    own_free(u, thread_size(u->limit));
}

/* Outside the thread's own stack (a coroutine's, a signal stack's): ask the kernel once per page.  Not mincore:
 * it answers for mappings that may not be read, too. */
static bool readable_elsewhere(struct unwind_thread *u, uint64_t addr)
{
  uint64_t page = addr & ~(PAGE - 1);
  uint32_t now = __atomic_load_n(&mappings_generation, __ATOMIC_RELAXED);
  uint64_t *known = &u->pages[addr / PAGE % PAGES_KNOWN];
  uint64_t word;
  struct iovec here = {&word, sizeof word}, there = {(void *)(page + PAGE - sizeof word), sizeof word};

  if (u->mappings != now) {
    memset(u->pages, 0, sizeof u->pages);
    u->mappings = now;
  }
  if (*known == page)
    return true;
  if (addr % 8 || sys_call(SYS_process_vm_readv, sys_getpid(), (long)&here, 1, (long)&there, 1, 0) != sizeof word)
    return false;
  *known = page;
  return true;
}

/* What may be read without asking: from the innermost frame to the top of the thread's own stack. */
struct span {
  uint64_t low, size;
};

static inline struct span span_of(const struct unwind_thread *u, uint64_t sp)
{
  bool own = sp - u->stack_low < u->stack_top - u->stack_low;

  return own ? (struct span){sp, u->stack_top - 8 - sp} : (struct span){0, 0};
}

static inline bool readable(struct unwind_thread *u, struct span span, uint64_t addr)
{
  return likely(addr - span.low < span.size && addr % 8 == 0) || readable_elsewhere(u, addr);
}

/* The frame after f by its rule.  False: only a plain walk can tell.  *end: f is the outermost one. */
static inline bool step(struct unwind_thread *u, struct span span, struct kept_frame *f, struct frame_state *next,
                        bool *end)
{
  const struct frame_state *s = &f->state;
  struct frame_rule rule = frame_rule_find(s->pc, s->exact);
  uint64_t cfa, place;

  f->pc_place = NULL;
  f->bp_place = NULL;
  next->exact = false;
  switch ((enum frame_rule_kind)rule.kind) {
  case RULE_SP:
    cfa = s->sp + (uint64_t)(int64_t)rule.cfa;
    break;
  case RULE_BP:
    cfa = s->bp + (uint64_t)(int64_t)rule.cfa;
    break;
  case RULE_BP_DEREF:
    place = s->bp + (uint64_t)(int64_t)rule.cfa;
    if (!readable(u, span, place))
      return false;
    cfa = *(const uint64_t *)place;
    break;
  case RULE_SIGNAL: {
    const greg_t *regs = ((const ucontext_t *)s->sp)->uc_mcontext.gregs;

    if (!readable(u, span, s->sp) || !readable(u, span, (uint64_t)&regs[REG_RIP]))
      return false;
    *next = (struct frame_state){(uint64_t)regs[REG_RIP], (uint64_t)regs[REG_RSP], (uint64_t)regs[REG_RBP], true};
    return true;
  }
  case RULE_END:
    *end = true;
    return true;
  default:
    return false;
  }
  if (unlikely(!readable(u, span, cfa - 8)))
    return false;
  if (rule.kind != RULE_BP_DEREF)
    f->pc_place = (const uint64_t *)(cfa - 8);
  next->pc = *(const uint64_t *)(cfa - 8);
  next->sp = cfa;
  next->bp = s->bp;
  if (rule.saved_bp != BP_SAME) {
    place = (rule.saved_bp == BP_AT_CFA ? cfa : s->bp) + (uint64_t)((int64_t)rule.bp * 8);
    if (unlikely(!readable(u, span, place)))
      return false;
    f->bp_place = (const uint64_t *)place;
    next->bp = *f->bp_place;
  }
  *end = next->pc == 0;
  return true;
}

/* Whether nothing changed from kept frame `from` outwards; all of them read from the thread's own stack. */
static inline bool all_unchanged(const struct unwind_thread *u, unsigned from)
{
  uint64_t changed = 0;

  for (const struct kept_frame *f = &u->kept[from]; f > u->kept; f--)
    changed |= (*f->pc_place ^ f[-1].state.pc) | (*f->bp_place ^ f[-1].state.bp);
  return changed == 0;
}

/*
 * Whether kept frames from `from` outwards are proven unchanged.  Returns the
 * outermost frame whose own state is proven: 0 when all are.
 */
static inline unsigned verify(struct unwind_thread *u, struct span span, unsigned from)
{
  if (likely(from < u->own) && likely(all_unchanged(u, from)))
    return 0;
  for (unsigned i = from; i > 0; i--) {
    const struct kept_frame *f = &u->kept[i];
    const struct frame_state *next = &u->kept[i - 1].state;

    if (unlikely(!f->pc_place) || !readable(u, span, (uint64_t)f->pc_place) || *f->pc_place != next->pc)
      return i;
    if (f->bp_place != &next->bp && (!readable(u, span, (uint64_t)f->bp_place) || *f->bp_place != next->bp))
      return i;
  }
  return 0;
}

/* A kept frame as the walk left it. */
static inline struct kept_frame unsettled(const struct kept_frame *f)
{
  struct kept_frame copy = *f;

  if (f->bp_place == &f[-1].state.bp)
    copy.bp_place = NULL;
  return copy;
}

static inline bool same_state(const struct frame_state *a, const struct frame_state *b)
{
  return a->sp == b->sp && a->pc == b->pc && a->bp == b->bp && a->exact == b->exact;
}

static inline bool on_own_stack(const struct unwind_thread *u, const uint64_t *place)
{
  uint64_t addr = (uint64_t)place;

  return addr - u->stack_low < u->stack_top - 8 - u->stack_low && addr % 8 == 0;
}

/* The frame in kept[at] was just put there: completes it for verify. */
static inline void settle(struct unwind_thread *u, unsigned at)
{
  struct kept_frame *f = &u->kept[at];
  bool own = at == 0 || (f->pc_place && on_own_stack(u, f->pc_place) && (!f->bp_place || on_own_stack(u, f->bp_place)));

  if (at && !f->bp_place)
    f->bp_place = &f[-1].state.bp;
  if (own && u->own == at)
    u->own = at + 1;
}

/* Interns fresh[count - 1] ... fresh[0] below the kept frames and makes them kept. */
static uint32_t keep(struct unwind_thread *u, unsigned prefix, unsigned count, uint32_t root)
{
  uint32_t node = prefix ? u->kept[prefix - 1].node : root;

  u->root = root;
  if (u->own > prefix)
    u->own = prefix;
  for (unsigned i = count; i-- > 0;) {
    unsigned at = prefix + count - 1 - i;
    struct kept_frame *f = &u->kept[at];
    bool made;
    uint32_t parent = node;

    *f = u->fresh[i];
    settle(u, at);
    node = stack_table_intern(parent, f->state.pc, &made);
    if (unlikely(!node)) {
      u->count = 0;
      return VT_STACK_NONE;
    }
    if (unlikely(made) && config.node)
      config.node(u->user, node, parent, f->state.pc);
    f->node = node;
  }
  u->count = prefix + count;
  return node;
}

static unsigned walk_plain(struct unwind_thread *u, const struct frame_state *from, uint32_t *root, bool learn)
{
  unsigned n;

  if (config.plain)
    config.plain(u->user, true);
  n = frame_walk_plain(from, u->plain, u->limit, root, learn);
  if (config.plain)
    config.plain(u->user, false);
  return n;
}

static uint32_t capture_plain(struct unwind_thread *u, const struct frame_state *from)
{
  uint32_t root;
  unsigned n = walk_plain(u, from, &root, config.mode != UNWIND_PLAIN);

  __atomic_fetch_add(&stats.plain_walks, 1, __ATOMIC_RELAXED);
  for (unsigned i = 0; i < n; i++)
    u->fresh[i] = (struct kept_frame){.state = u->plain[i]};
  if (!n) {
    u->count = 0;
    return VT_STACK_NONE;
  }
  return keep(u, 0, n, root);
}

/*
 * The walk by rules.  Leaves the new frames in fresh[0 .. *count), and in
 * *prefix how many kept frames (from the outermost on) go on from there.  False: only a plain walk can tell.
 */
static bool walk(struct unwind_thread *u, struct frame_state state, unsigned *count, unsigned *prefix, uint32_t *root)
{
  const struct span span = span_of(u, state.sp);
  unsigned n = 0, at = u->count;

  *prefix = 0;
  for (;;) {
    bool end = false;

    while (at > 0 && u->kept[at - 1].state.sp < state.sp)
      at--;
    if (at > 0 && same_state(&u->kept[at - 1].state, &state)) {
      unsigned proven = verify(u, span, at - 1);

      if (proven == 0 && (u->root == VT_STACK_LIMIT ? n + at == u->limit : n + at <= u->limit)) {
        *count = n;
        *prefix = at;
        *root = u->root;
        return true;
      }
      /* Frames at - 1 to proven are as they were; the walk goes on from there. */
      while (at - 1 > proven && n < u->limit)
        u->fresh[n++] = unsettled(&u->kept[--at]);
      state = u->kept[proven].state;
      at = proven;
    }
    if (n == u->limit) {
      *count = n;
      *root = VT_STACK_LIMIT;
      return true;
    }
    u->fresh[n].state = state;
    if (!step(u, span, &u->fresh[n], &state, &end))
      return false;
    n++;
    if (end) {
      *count = n;
      *root = VT_STACK_COMPLETE;
      return true;
    }
  }
}

/* Compare mode: the nodes just kept against a plain walk. */
static void compare(struct unwind_thread *u, const struct frame_state *from)
{
  uint32_t root;
  unsigned n = walk_plain(u, from, &root, false);
  bool equal = n == u->count && root == u->root;
  unsigned at = 0;

  while (equal && at < n) {
    equal = u->plain[at].pc == u->kept[u->count - 1 - at].state.pc;
    at += equal;
  }
  if (equal)
    return;
  __atomic_fetch_add(&stats.differences, 1, __ATOMIC_RELAXED);
  log_error("call stacks differ: cached walk has %u frames (end %u), libunwind %u (end %u); frame %u is %lx, libunwind "
            "says %lx",
            u->count, u->root, n, root, at, at < u->count ? u->kept[u->count - 1 - at].state.pc : 0UL,
            at < n ? u->plain[at].pc : 0UL);
}

uint32_t unwind_capture(struct unwind_thread *u, const void *frame)
{
  const uint64_t *words = frame;
  const struct frame_state from = {words[1], (uint64_t)(words + 2), words[0], false};
  uint32_t now = __atomic_load_n(&generation, __ATOMIC_RELAXED);
  unsigned count, prefix;
  uint32_t root, id;

  if (unlikely(u->generation != now)) {
    u->generation = now;
    u->count = 0;
  }
  if (unlikely(config.mode == UNWIND_PLAIN) || !walk(u, from, &count, &prefix, &root))
    return capture_plain(u, &from);
  id = keep(u, prefix, count, root);
  if (unlikely(config.mode == UNWIND_COMPARE))
    compare(u, &from);
  return id;
}

void unwind_forget(uint64_t start, uint64_t end)
{
  if (!unwind_ready())
    return;
  frame_rules_forget(start, end);
  stack_table_forget(start, end);
  __atomic_fetch_add(&generation, 1, __ATOMIC_RELAXED);
}

void unwind_mappings_changed(void)
{
  __atomic_fetch_add(&mappings_generation, 1, __ATOMIC_RELAXED);
}

void unwind_get_stats(struct unwind_stats *s)
{
  *s = stats;
}

void unwind_before_fork(void)
{
  frame_rules_before_fork();
  stack_table_before_fork();
}

void unwind_after_fork(bool child)
{
  stack_table_after_fork(child);
  frame_rules_after_fork(child);
  if (child)
    __atomic_fetch_add(&generation, 1, __ATOMIC_RELAXED);
}
