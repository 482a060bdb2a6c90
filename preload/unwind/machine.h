/*
 * What differs between processors in a frame's state (pc, sp, bp): where a
 * ucontext keeps it, what libunwind calls the frame pointer, and what a hook's
 * frame address tells of its caller.
 */
#ifndef VMTRACE_MACHINE_H
#define VMTRACE_MACHINE_H

#include <libunwind.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <ucontext.h>

#include "unwind/frame_rule.h"

struct machine_places {
  const uint64_t *pc, *sp, *bp;
};

#if defined(__x86_64__)

#define MACHINE_FRAME_POINTER UNW_X86_64_RBP
/* The return address is the word below the canonical frame address. */
#define MACHINE_HAS_RULES true
/* unw_is_signal_frame speaks of the frame that unw_step just left. */
#define MACHINE_SIGNAL_KNOWN_AFTER true
/* The name of libunwind's function that records the present frame, and the call. */
#define MACHINE_GETCONTEXT_NAME "_Ux86_64_getcontext"
#define MACHINE_GETCONTEXT(of_library, context) (of_library)(context)

/* Where a ucontext has the state of what was interrupted: all of it lies between the context and pc. */
static inline struct machine_places machine_interrupted(const ucontext_t *context)
{
  const uint64_t *regs = (const uint64_t *)context->uc_mcontext.gregs;

  return (struct machine_places){&regs[REG_RIP], &regs[REG_RSP], &regs[REG_RBP]};
}

static inline void machine_set(unw_context_t *context, const struct frame_state *s)
{
  context->uc_mcontext.gregs[REG_RIP] = (greg_t)s->pc;
  context->uc_mcontext.gregs[REG_RSP] = (greg_t)s->sp;
  context->uc_mcontext.gregs[REG_RBP] = (greg_t)s->bp;
}

/* The caller of the function whose frame address (__builtin_frame_address(0)) is frame. */
static inline struct frame_state machine_caller(const void *frame)
{
  const uint64_t *words = frame;

  return (struct frame_state){words[1], (uint64_t)(words + 2), words[0], false};
}

/* Whether a walk that has come to state has reached from, which machine_caller gave. */
static inline bool machine_reached(const struct frame_state *state, const struct frame_state *from)
{
  return state->pc == from->pc && state->sp == from->sp;
}

#elif defined(__aarch64__)

#define MACHINE_FRAME_POINTER UNW_AARCH64_X29
/* The return address is where each function put it: every walk is libunwind's. */
#define MACHINE_HAS_RULES false
/* unw_is_signal_frame looks at the code of the frame where the cursor is. */
#define MACHINE_SIGNAL_KNOWN_AFTER false
/* Inline code of libunwind's header. */
#define MACHINE_GETCONTEXT_NAME NULL
#define MACHINE_GETCONTEXT(of_library, context) unw_tdep_getcontext(context)

static inline struct machine_places machine_interrupted(const ucontext_t *context)
{
  const mcontext_t *m = &context->uc_mcontext;

  return (struct machine_places){(const uint64_t *)&m->pc, (const uint64_t *)&m->sp, (const uint64_t *)&m->regs[29]};
}

static inline void machine_set(unw_context_t *context, const struct frame_state *s)
{
  context->uc_mcontext.pc = s->pc;
  context->uc_mcontext.sp = s->sp;
  context->uc_mcontext.regs[29] = s->bp;
}

/* The frame record lies at the bottom of the callee's frame: the caller's sp is not known, only that it is higher. */
static inline struct frame_state machine_caller(const void *frame)
{
  const uint64_t *words = frame;

  return (struct frame_state){words[1], (uint64_t)words, words[0], false};
}

static inline bool machine_reached(const struct frame_state *state, const struct frame_state *from)
{
  return state->pc == from->pc && state->bp == from->bp;
}

#else
#error "vmtrace knows x86-64 and aarch64"
#endif

#endif
