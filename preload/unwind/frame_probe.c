/*
 * What libunwind finds out, for plain walks and for rules.  See frame_probe.h; called by unwind.c.
 *
 * A rule claims that the caller's state follows from pc, sp and bp.  libunwind
 * steps from a state in which these three are known and no other register is, so that a step that needs another one
 * fails, and no rule comes of it.  Then it steps from states in which sp and bp are moved, in memory that is invented
 * where need be: what the caller's state follows moves along.
 */
#include "unwind/frame_probe.h"

#include <errno.h>
#include <stddef.h>

#include "unwind/loan_stack.h"
#include "unwind/machine.h"
#include "unwind/unwind_source.h"
#include "vmtrace/format.h"

#define SHIFT 64 /* bytes by which probes shift a register: keeps all alignments */

static void start(void *arg)
{
  *(int *)arg = unwind_source_start();
}

int frame_probe_start(void)
{
  int rc = -ENOMEM;

  return loan_stack_run(start, &rc) ? rc : -ENOMEM;
}

static bool state_of(unw_cursor_t *cursor, struct frame_state *s)
{
  unw_word_t pc, sp, bp = 0;

  if (unw_get_reg(cursor, UNW_REG_IP, &pc) < 0 || unw_get_reg(cursor, UNW_REG_SP, &sp) < 0)
    return false;
  unw_get_reg(cursor, MACHINE_FRAME_POINTER, &bp);
  s->pc = pc;
  s->sp = sp;
  s->bp = bp;
  return true;
}

/* ---- single steps ---- */

/* What a step found: the caller, and where its bp was read, 0: it is what it was. */
struct probe {
  int rc; /* of unw_step */
  struct frame_state next;
  uint64_t place;
  bool signal, whole; /* a signal frame was left; the caller's state is known */
};

/* Where the caller's bp is.  False: in another register, or it is the value of an expression. */
static bool bp_place(struct unwind_source *source, unw_cursor_t *cursor, uint64_t bp, uint64_t *place)
{
  unw_save_loc_t at;
  uint64_t there;

  *place = 0;
  if (unw_get_save_loc(cursor, MACHINE_FRAME_POINTER, &at) < 0)
    return false;
  if (at.type == UNW_SLT_REG)
    return at.u.regnum == MACHINE_FRAME_POINTER;
  if (at.type != UNW_SLT_MEMORY)
    return true;
  *place = at.u.addr;
  return source->invents || (peek_word(source->peek, *place, &there) && there == bp);
}

/* One step from s.  A return address is looked up by the call before it: its last byte is where libunwind is told that
 * the frame is. */
static void probe_step(struct unwind_source *source, const struct frame_state *s, struct probe *probe)
{
  unw_cursor_t cursor;

  *probe = (struct probe){.rc = -UNW_EUNSPEC};
  source->frame = s->bp;
  unwind_source_set(source, MACHINE_PC, s->pc - !s->exact);
  unwind_source_set(source, MACHINE_STACK_POINTER, s->sp);
  unwind_source_set(source, MACHINE_FRAME_POINTER, s->bp);
  if (unwind_source_begin(source, &cursor) < 0)
    return;
  probe->rc = unwind_source_step(source, &cursor);
  probe->signal = unw_is_signal_frame(&cursor) > 0;
  probe->whole = probe->rc > 0 && state_of(&cursor, &probe->next) &&
                 (probe->next.pc != s->pc || probe->next.sp != s->sp) &&
                 bp_place(source, &cursor, probe->next.bp, &probe->place);
}

/* The same from an invented state; addr, unless 0, holds value in its memory. */
static bool probe_invented(struct unwind_source *source, const struct frame_state *s, uint64_t addr, uint64_t value,
                           struct probe *probe)
{
  source->invents = true;
  source->invented = (struct source_read){addr, value};
  probe_step(source, s, probe);
  return probe->whole;
}

/* ---- rules ---- */

/*
 * Whether the CFA is in memory at a distance from bp, among what the step read
 * there: in an invented frame elsewhere, where that word differs, the CFA and the place of the caller's bp have to
 * follow.
 */
static bool find_deref(struct unwind_source *source, const struct frame_state *s, const struct probe *found,
                       int32_t *offset)
{
  const struct frame_state moved = {s->pc, s->sp, s->bp + 2 * SHIFT, s->exact};
  struct source_read read[SOURCE_READS];
  unsigned reads = source->reads;
  struct probe probe;

  __builtin_memcpy(read, source->read, sizeof read);
  for (unsigned i = 0; i < reads; i++) {
    uint64_t at = read[i].addr - s->bp;

    if (read[i].value != found->next.sp || at % 8)
      continue;
    if (probe_invented(source, &moved, moved.bp + at, found->next.sp + SHIFT, &probe) &&
        probe.next.sp == found->next.sp + SHIFT &&
        (found->place ? probe.place == found->place + 2 * SHIFT : !probe.place)) {
      *offset = (int32_t)(int64_t)at;
      return true;
    }
  }
  return false;
}

/*
 * Tells what the CFA follows, and proves that the caller's bp is found relative to the same: a rule by
 * anything else than sp and bp does not move along.
 */
static bool find_cfa(struct unwind_source *source, const struct frame_state *s, const struct probe *found,
                     struct frame_rule *rule)
{
  const struct frame_state both = {s->pc, s->sp + SHIFT, s->bp + 2 * SHIFT, s->exact};
  const struct frame_state by_sp = {s->pc, s->sp + SHIFT, s->bp, s->exact};
  struct unwind_source of_found = *source;
  uint64_t cfa = found->next.sp;
  struct probe moved;

  if (probe_invented(source, &both, 0, 0, &moved)) {
    uint64_t by = moved.next.sp - cfa;

    if ((by == SHIFT || by == 2 * SHIFT) &&
        (found->place ? moved.place == found->place + by : !moved.place && moved.next.bp == both.bp)) {
      rule->kind = by == SHIFT ? RULE_SP : RULE_BP;
      rule->cfa = (int32_t)(cfa - (by == SHIFT ? s->sp : s->bp));
      return (uint64_t)(int64_t)rule->cfa == cfa - (by == SHIFT ? s->sp : s->bp);
    }
  }
  /* In memory, then: that word does not move with sp. */
  if (probe_invented(source, &by_sp, 0, 0, &moved) && moved.next.sp == cfa &&
      find_deref(&of_found, s, found, &rule->cfa)) {
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

/* The rule that leads from s to what was found; RULE_PLAIN when none does. */
static struct frame_rule derive(struct unwind_source *source, const struct frame_state *s, const struct probe *found)
{
  const struct frame_rule plain = {.kind = RULE_PLAIN};
  struct frame_rule rule = plain;
  uint64_t cfa = found->next.sp, pc;

  if (!peek_word(source->peek, cfa - 8, &pc) || pc != found->next.pc || !find_cfa(source, s, found, &rule))
    return plain;
  if (!found->place) {
    rule.saved_bp = BP_SAME;
    return found->next.bp == s->bp ? rule : plain;
  }
  rule.saved_bp = rule.kind == RULE_BP_DEREF ? BP_AT_BP : BP_AT_CFA;
  return fits_word_offset((int64_t)(found->place - (rule.kind == RULE_BP_DEREF ? s->bp : cfa)), &rule.bp) ? rule
                                                                                                          : plain;
}

static bool holds(struct peek *peek, const uint64_t *place, uint64_t value)
{
  uint64_t there;

  return peek_word(peek, (uint64_t)place, &there) && there == value;
}

/* A signal frame is a rule of its own when the ucontext that the kernel pushed is where it should be. */
static struct frame_rule derive_signal(struct peek *peek, const struct frame_state *s, const struct frame_state *next)
{
  const struct machine_places in = machine_interrupted((const ucontext_t *)s->sp);
  bool there = holds(peek, in.pc, next->pc) && holds(peek, in.sp, next->sp) && holds(peek, in.bp, next->bp);

  return (struct frame_rule){.kind = there ? RULE_SIGNAL : RULE_PLAIN};
}

struct learning {
  struct peek *peek;
  const struct frame_state *s;
  bool learned;
};

static void learn(void *arg)
{
  struct learning *l = arg;
  struct frame_rule rule = {.kind = RULE_PLAIN};
  struct unwind_source source;
  struct probe found;
  bool described;

  unwind_source_init(&source, l->peek);
  probe_step(&source, l->s, &found);
  described = source.described;
  if (found.signal && found.rc > 0)
    rule = found.whole ? derive_signal(l->peek, l->s, &found.next) : rule;
  else if (!described && !found.signal)
    rule.kind = RULE_STOP;
  else if (described && found.rc == 0)
    rule.kind = RULE_END;
  else if (described && found.whole)
    rule = derive(&source, l->s, &found);
  frame_rule_add(l->s->pc, l->s->exact, rule);
  l->learned = rule.kind != RULE_PLAIN;
}

bool frame_learn(struct peek *peek, const struct frame_state *s)
{
  struct learning l = {peek, s, false};

  return MACHINE_HAS_RULES && loan_stack_run(learn, &l) && l.learned;
}

/* ---- plain walks ---- */

struct plain_walk {
  struct peek *peek;
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
  struct unwind_source source;
  unw_cursor_t cursor;
  struct frame_state state = {0}, next = {0};
  bool started = false;

  unwind_source_init(&source, w->peek);
  machine_registers(&source);
  if (unwind_source_begin(&source, &cursor) < 0 || !state_of(&cursor, &state))
    return;
  for (;;) {
    bool signal;
    int rc;

    if (!started && machine_reached(&state, w->from))
      started = true;
    if (started) {
      if (w->n == w->max) {
        w->root = VT_STACK_LIMIT;
        return;
      }
      w->frames[w->n++] = state;
    } else if (state.sp > w->from->sp && !on_loan(state.sp, &source)) {
      return;
    }
    signal = !MACHINE_SIGNAL_KNOWN_AFTER && unw_is_signal_frame(&cursor) > 0;
    rc = unwind_source_step(&source, &cursor);
    signal |= MACHINE_SIGNAL_KNOWN_AFTER && unw_is_signal_frame(&cursor) > 0;
    if ((started && !source.described && !signal) || rc < 0 || (rc > 0 && !state_of(&cursor, &next)))
      return;
    next.exact = signal;
    if (rc == 0 || !next.pc) {
      w->root = VT_STACK_COMPLETE;
      return;
    }
    state = next;
  }
}

unsigned frame_walk_plain(struct peek *peek, const struct frame_state *from, struct frame_state *frames, unsigned max,
                          uint32_t *root)
{
  struct plain_walk w = {peek, from, frames, max, 0, VT_STACK_BROKEN};

  *root = loan_stack_run(walk_plain, &w) ? w.root : VT_STACK_NONE;
  return w.n;
}
