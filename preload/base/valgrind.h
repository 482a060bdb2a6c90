/*
 * Whether the program runs on valgrind's simulated processor, which knows
 * threads made by libc only and ends the program at any other clone.
 */
#ifndef VMTRACE_VALGRIND_H
#define VMTRACE_VALGRIND_H

#include <stdbool.h>

/* Costs a few instructions.  Safe anywhere. */
bool valgrind_runs_us(void);

#endif
