/*
 * What differs between processors in a frame's state (pc, sp, bp): where a
 * ucontext keeps it, what libunwind calls its registers, which of them a caller finds unchanged, and what a hook's
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
#include "unwind/unwind_source.h"

struct machine_places {
  const uint64_t *pc, *sp, *bp;
};

#if defined(__x86_64__)

#define MACHINE_PC UNW_X86_64_RIP
#define MACHINE_STACK_POINTER UNW_X86_64_RSP
#define MACHINE_FRAME_POINTER UNW_X86_64_RBP
/* The return address is the word below the canonical frame address. */
#define MACHINE_HAS_RULES true
/* unw_is_signal_frame speaks of the frame that unw_step just left. */
#define MACHINE_SIGNAL_KNOWN_AFTER true
/* Where a ucontext has the state of what was interrupted: all of it lies between the context and pc. */
static inline struct machine_places machine_interrupted(const ucontext_t *context)
{
  const uint64_t *regs = (const uint64_t *)context->uc_mcontext.gregs;

  return (struct machine_places){&regs[REG_RIP], &regs[REG_RSP], &regs[REG_RBP]};
}

/*
 * The registers that the calling function's callers find unchanged, as they
 * are at the instruction after, and no others: what the rest hold is nobody's.  Taken in, because that instruction is
 * in the calling function's frame.
 */
static inline __attribute__((always_inline)) void machine_registers(struct unwind_source *source)
{
  uint64_t r[8];

  __asm__ volatile("movq %%rbx, 0(%0)\n\t"
                   "movq %%rbp, 8(%0)\n\t"
                   "movq %%rsp, 16(%0)\n\t"
                   "movq %%r12, 24(%0)\n\t"
                   "movq %%r13, 32(%0)\n\t"
                   "movq %%r14, 40(%0)\n\t"
                   "movq %%r15, 48(%0)\n\t"
                   "leaq 1f(%%rip), %%rax\n\t"
                   "movq %%rax, 56(%0)\n"
                   "1:"
                   :
                   : "r"(r)
                   : "rax", "memory");
  unwind_source_set(source, UNW_X86_64_RBX, r[0]);
  unwind_source_set(source, UNW_X86_64_RBP, r[1]);
  unwind_source_set(source, UNW_X86_64_RSP, r[2]);
  for (int i = 0; i < 4; i++)
    unwind_source_set(source, UNW_X86_64_R12 + (unsigned)i, r[3 + i]);
  unwind_source_set(source, UNW_X86_64_RIP, r[7]);
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

#define MACHINE_PC UNW_AARCH64_PC
#define MACHINE_STACK_POINTER UNW_AARCH64_SP
#define MACHINE_FRAME_POINTER UNW_AARCH64_X29
/* The return address is where each function put it: every walk is libunwind's. */
#define MACHINE_HAS_RULES false
/* unw_is_signal_frame looks at the code of the frame where the cursor is. */
#define MACHINE_SIGNAL_KNOWN_AFTER false
static inline struct machine_places machine_interrupted(const ucontext_t *context)
{
  const mcontext_t *m = &context->uc_mcontext;

  return (struct machine_places){(const uint64_t *)&m->pc, (const uint64_t *)&m->sp, (const uint64_t *)&m->regs[29]};
}

/* As above; x30 is the link register. */
static inline __attribute__((always_inline)) void machine_registers(struct unwind_source *source)
{
  uint64_t r[14];

  __asm__ volatile("stp x19, x20, [%0, #0]\n\t"
                   "stp x21, x22, [%0, #16]\n\t"
                   "stp x23, x24, [%0, #32]\n\t"
                   "stp x25, x26, [%0, #48]\n\t"
                   "stp x27, x28, [%0, #64]\n\t"
                   "stp x29, x30, [%0, #80]\n\t"
                   "mov x10, sp\n\t"
                   "adr x11, 1f\n\t"
                   "stp x10, x11, [%0, #96]\n"
                   "1:"
                   :
                   : "r"(r)
                   : "x10", "x11", "memory");
  for (unsigned i = 0; i < 12; i++)
    unwind_source_set(source, UNW_AARCH64_X19 + i, r[i]);
  unwind_source_set(source, UNW_AARCH64_SP, r[12]);
  unwind_source_set(source, UNW_AARCH64_PC, r[13]);
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
