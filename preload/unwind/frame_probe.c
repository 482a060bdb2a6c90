/*
 * libunwind, loaded privately with dlopen: were it a dependency of the
 * library, its _Unwind_* symbols would stand in for libgcc's in programs that
 * load C++ code later.  Its own cache is off: it takes a lock around calls into
 * the dynamic loader, and frame rules make it unnecessary.
 */
#include "unwind/frame_probe.h"

#define UNW_LOCAL_ONLY
#include <dlfcn.h>
#include <errno.h>
#include <libunwind.h>
#include <string.h>

#include "unwind/loan_stack.h"
#include "unwind/machine.h"
#include "vmtrace/format.h"

#define NAME_TEXT(name) #name
#define NAME_OF(name) NAME_TEXT(name)

static struct {
  int (*getcontext)(unw_tdep_context_t *);
  int (*init_local2)(unw_cursor_t *, unw_context_t *, int);
  int (*step)(unw_cursor_t *);
  int (*get_reg)(unw_cursor_t *, int, unw_word_t *);
  int (*get_save_loc)(unw_cursor_t *, int, unw_save_loc_t *);
  int (*get_proc_info)(unw_cursor_t *, unw_proc_info_t *);
  int (*is_signal_frame)(unw_cursor_t *);
  int (*set_caching_policy)(unw_addr_space_t, unw_caching_policy_t);
  int (*backtrace)(void **, int);
} lib;

/* How far a realigned frame's saved CFA is looked for below rbp. */
#define DEREF_REACH 256
#define SHIFT 64 /* bytes by which probes shift a register: keeps all alignments */

int frame_probe_start(void)
{
  void *handle = dlopen("libunwind.so.8", RTLD_NOW | RTLD_LOCAL);
  unw_addr_space_t *space;
  const struct {
    void *into;
    const char *name;
  } symbols[] = {
      {&lib.getcontext, MACHINE_GETCONTEXT_NAME},
      {&lib.init_local2, NAME_OF(unw_init_local2)},
      {&lib.step, NAME_OF(unw_step)},
      {&lib.get_reg, NAME_OF(unw_get_reg)},
      {&lib.get_save_loc, NAME_OF(unw_get_save_loc)},
      {&lib.get_proc_info, NAME_OF(unw_get_proc_info)},
      {&lib.is_signal_frame, NAME_OF(unw_is_signal_frame)},
      {&lib.set_caching_policy, NAME_OF(unw_set_caching_policy)},
      {&lib.backtrace, NAME_OF(unw_backtrace)},
  };

  if (!handle)
    return -ENOENT;
  for (unsigned i = 0; i < sizeof symbols / sizeof symbols[0]; i++) {
    void *symbol = symbols[i].name ? dlsym(handle, symbols[i].name) : NULL;

    if (!symbols[i].name)
      continue;
    if (!symbol)
      return -ENOENT;
    memcpy(symbols[i].into, &symbol, sizeof symbol);
  }
  space = dlsym(handle, NAME_OF(unw_local_addr_space));
  if (!space)
    return -ENOENT;
  lib.set_caching_policy(*space, UNW_CACHE_NONE);
  return 0;
}

static bool state_of(unw_cursor_t *cursor, struct frame_state *s)
{
  unw_word_t pc, sp, bp = 0;

  if (lib.get_reg(cursor, UNW_REG_IP, &pc) < 0 || lib.get_reg(cursor, UNW_REG_SP, &sp) < 0)
    return false;
  lib.get_reg(cursor, MACHINE_FRAME_POINTER, &bp);
  s->pc = pc;
  s->sp = sp;
  s->bp = bp;
  return true;
}

/* Where libunwind would read rbp next: an address, or 0 when it is unchanged since the context. */
static uint64_t bp_place(unw_cursor_t *cursor, const unw_context_t *context)
{
  unw_save_loc_t loc;

  if (lib.get_save_loc(cursor, MACHINE_FRAME_POINTER, &loc) < 0 || loc.type != UNW_SLT_MEMORY)
    return 0;
  if (loc.u.addr >= (uint64_t)context && loc.u.addr < (uint64_t)(context + 1))
    return 0;
  return loc.u.addr;
}

/* One step from an invented state; false when libunwind refuses. */
static bool probe_step(const struct frame_state *s, struct frame_state *next, uint64_t *place)
{
  unw_context_t context;
  unw_cursor_t cursor;

  memset(&context, 0, sizeof context);
  machine_set(&context, s);
  if (lib.init_local2(&cursor, &context, s->exact ? UNW_INIT_SIGNAL_FRAME : 0) < 0 || lib.step(&cursor) <= 0)
    return false;
  if (!state_of(&cursor, next))
    return false;
  *place = bp_place(&cursor, &context);
  return true;
}

/* A CFA kept in memory below rbp: found where it is, and proven by a copy of the frame in which that word differs. */
static bool find_deref(const struct frame_state *s, uint64_t cfa, int32_t *offset)
{
  uint64_t copy[2 * DEREF_REACH / 8];
  struct frame_state moved = *s, next;
  uint64_t place;

  memcpy(copy, (const void *)(s->bp - DEREF_REACH), sizeof copy);
  moved.bp = (uint64_t)copy + DEREF_REACH;
  for (int32_t at = -8; at >= -DEREF_REACH; at -= 8) {
    uint64_t *word = &copy[(DEREF_REACH + at) / 8];

    if (*word != cfa)
      continue;
    *word = cfa + SHIFT;
    if (probe_step(&moved, &next, &place) && next.sp == cfa + SHIFT) {
      *offset = at;
      return true;
    }
    *word = cfa;
  }
  return false;
}

/* What one more step from the same frame says when sp is moved by SHIFT and bp by twice that. */
struct moved {
  struct frame_state next;
  uint64_t place;
};

/*
 * Tells what the CFA follows, and proves that the caller's rbp is found relative to the same: a rule by
 * anything else than sp and bp (their values are all that is known) does not move along.
 */
static bool find_cfa(const struct frame_state *s, uint64_t cfa, uint64_t place, struct frame_rule *rule)
{
  const struct frame_state both = {s->pc, s->sp + SHIFT, s->bp + 2 * SHIFT, s->exact};
  const struct frame_state by_sp = {s->pc, s->sp + SHIFT, s->bp, s->exact};
  struct moved moved;

  if (probe_step(&both, &moved.next, &moved.place)) {
    uint64_t by = moved.next.sp - cfa;

    if ((by == SHIFT || by == 2 * SHIFT) &&
        (place ? moved.place == place + by : !moved.place && moved.next.bp == both.bp)) {
      rule->kind = by == SHIFT ? RULE_SP : RULE_BP;
      rule->cfa = (int32_t)(cfa - (by == SHIFT ? s->sp : s->bp));
      return (uint64_t)(int64_t)rule->cfa == cfa - (by == SHIFT ? s->sp : s->bp);
    }
  }
  /* In memory, then: that word does not move with sp. */
  if (probe_step(&by_sp, &moved.next, &moved.place) && moved.next.sp == cfa && s->bp > s->sp &&
      s->bp - s->sp < (1u << 20) && find_deref(s, cfa, &rule->cfa)) {
    rule->kind = RULE_BP_DEREF;
    return true;
  }
  return false;
}

static bool fits_word_offset(int64_t offset, int16_t *words)
{
  *words = (int16_t)(offset / 8);
  return offset % 8 == 0 && (int64_t)*words * 8 == offset;
}

/* The rule that leads from s to next, which libunwind found from pc, sp and bp alone, reading rbp at place (0: it is as
 * it was); RULE_PLAIN when no rule does. */
static struct frame_rule derive(const struct frame_state *s, const struct frame_state *next, uint64_t place)
{
  const struct frame_rule plain = {.kind = RULE_PLAIN};
  struct frame_rule rule = plain;
  uint64_t cfa = next->sp;

  if (*(const uint64_t *)(cfa - 8) != next->pc || !find_cfa(s, cfa, place, &rule))
    return plain;
  if (!place) {
    rule.saved_bp = BP_SAME;
    return next->bp == s->bp ? rule : plain;
  }
  rule.saved_bp = rule.kind == RULE_BP_DEREF ? BP_AT_BP : BP_AT_CFA;
  return fits_word_offset((int64_t)(place - (rule.kind == RULE_BP_DEREF ? s->bp : cfa)), &rule.bp) ? rule : plain;
}

/* A signal frame is a rule of its own when the ucontext that the kernel pushed is where it should be. */
static struct frame_rule derive_signal(const struct frame_state *s, const struct frame_state *next)
{
  const struct machine_places in = machine_interrupted((const ucontext_t *)s->sp);
  bool there = *in.pc == next->pc && *in.sp == next->sp && *in.bp == next->bp;

  return (struct frame_rule){.kind = there ? RULE_SIGNAL : RULE_PLAIN};
}

/* Whether code at the cursor has unwind information; without, libunwind guesses, and a guess is no rule.  For such code
 * libunwind's x86-64 port makes up a procedure of one byte. */
static bool is_described(unw_cursor_t *cursor)
{
  unw_proc_info_t info;

  return lib.get_proc_info(cursor, &info) == 0 && info.end_ip > info.start_ip + 1;
}

struct learning {
  const struct frame_state *s;
  bool learned;
};

static void learn(void *arg)
{
  struct learning *l = arg;
  const struct frame_state *s = l->s;
  struct frame_rule rule = {.kind = RULE_PLAIN};
  struct frame_state next = {0};
  unw_context_t context;
  unw_cursor_t cursor;
  bool described, signal, whole;
  int rc;

  memset(&context, 0, sizeof context);
  machine_set(&context, s);
  if (lib.init_local2(&cursor, &context, s->exact ? UNW_INIT_SIGNAL_FRAME : 0) < 0)
    return;
  described = is_described(&cursor);
  rc = lib.step(&cursor);
  signal = lib.is_signal_frame(&cursor) > 0;
  whole = rc > 0 && state_of(&cursor, &next);
  if (signal && whole)
    rule = derive_signal(s, &next);
  else if (!described && !signal)
    rule.kind = RULE_STOP;
  else if (described && rc == 0)
    rule.kind = RULE_END;
  else if (described && whole)
    rule = derive(s, &next, bp_place(&cursor, &context));
  frame_rule_add(s->pc, s->exact, rule);
  l->learned = rule.kind != RULE_PLAIN;
}

bool frame_learn(const struct frame_state *s)
{
  struct learning l = {s, false};

  return MACHINE_HAS_RULES && loan_stack_run(learn, &l) && l.learned;
}

struct plain_walk {
  const struct frame_state *from;
  struct frame_state *frames;
  unsigned max, n;
  uint32_t root;
};

/* Whether sp is on the loaned stack, on which here is: nobody else's stack is that near. */
static bool on_loan(uint64_t sp, const void *here)
{
  return sp - ((uint64_t)here - LOAN_STACK_SIZE) < 2 * LOAN_STACK_SIZE;
}

static void walk_plain(void *arg)
{
  struct plain_walk *w = arg;
  unw_context_t context;
  unw_cursor_t cursor;
  struct frame_state state = {0}, next = {0};
  bool started = false;

  MACHINE_GETCONTEXT(lib.getcontext, &context);
  if (lib.init_local2(&cursor, &context, 0) < 0 || !state_of(&cursor, &state))
    return;
  for (;;) {
    bool signal, described;
    int rc;

    if (!started && machine_reached(&state, w->from))
      started = true;
    if (started) {
      if (w->n == w->max) {
        w->root = VT_STACK_LIMIT;
        return;
      }
      w->frames[w->n++] = state;
    } else if (state.sp > w->from->sp && !on_loan(state.sp, &context)) {
      return;
    }
    described = !started || is_described(&cursor);
    signal = !MACHINE_SIGNAL_KNOWN_AFTER && lib.is_signal_frame(&cursor) > 0;
    rc = lib.step(&cursor);
    signal |= MACHINE_SIGNAL_KNOWN_AFTER && lib.is_signal_frame(&cursor) > 0;
    if ((!described && !signal) || rc < 0 || (rc > 0 && !state_of(&cursor, &next)))
      return;
    next.exact = signal;
    if (rc == 0 || !next.pc) {
      w->root = VT_STACK_COMPLETE;
      return;
    }
    state = next;
  }
}

unsigned frame_walk_plain(const struct frame_state *from, struct frame_state *frames, unsigned max, uint32_t *root)
{
  struct plain_walk w = {from, frames, max, 0, VT_STACK_BROKEN};

  *root = loan_stack_run(walk_plain, &w) ? w.root : VT_STACK_NONE;
  return w.n;
}

struct quick_walk {
  const struct frame_state *from;
  uint64_t *pcs;
  unsigned max, n;
};

static void walk_quick(void *arg)
{
  struct quick_walk *w = arg;
  unsigned own = 0, all = (unsigned)lib.backtrace((void **)w->pcs, (int)w->max);

  while (own < all && w->pcs[own] != w->from->pc)
    own++;
  w->n = all - own;
  memmove(w->pcs, w->pcs + own, w->n * sizeof *w->pcs);
}

unsigned frame_walk_quick(const struct frame_state *from, uint64_t *pcs, unsigned max)
{
  struct quick_walk w = {from, pcs, max, 0};

  loan_stack_run(walk_quick, &w);
  return w.n;
}
