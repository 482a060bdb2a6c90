/*
 * Stacks of the library's own for calls of libunwind, which takes some KiB:
 * programs have stacks that have no such room, threads of PTHREAD_STACK_MIN, coroutines, signal handlers.  Called by
 * frame_probe.c, from inside the gate (libunwind_gate.h), which keeps signal handlers and forks out.
 */
#ifndef VMTRACE_LOAN_STACK_H
#define VMTRACE_LOAN_STACK_H

#include <stdbool.h>

#include "base/lock.h"
#include <stdint.h>

#define LOAN_STACK_SIZE (UINT64_C(64) << 10)

/* Calls work(arg) on a stack of LOAN_STACK_SIZE; false: out of memory, and it was not called, or it was abandoned. */
bool loan_stack_run(void (*work)(void *), void *arg);

/* For libunwind, which is in a state that it did not expect: loan_stack_run of the calling thread returns false. */
_Noreturn void loan_stack_abandon(void);

/* work(arg) with top as the stack pointer, which is a multiple of 16.  It may be unwound through. */
void loan_stack_switch(void (*work)(void *), void *arg, void *top) __attribute__((visibility("hidden")));

/* For lock_table_on_orphan: the idle ones are forgotten. */
void loan_stack_orphaned(struct lock_state *lock);

#endif
