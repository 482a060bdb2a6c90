/*
 * The clock of the trace: CLOCK_MONOTONIC of the machine, also in a process
 * whose time namespace shows it another one, so that all traces of a boot are on one clock.
 * Any thread; nothing here allocates or changes errno.
 */
#ifndef VMTRACE_TRACE_CLOCK_H
#define VMTRACE_TRACE_CLOCK_H

#include <stdint.h>

/* Finds out by how much the clocks differ.  When a trace begins, and when the process has changed its time namespace.
 */
void trace_clock_look(void);
/* What the process's clock is ahead of the machine's, in nanoseconds; VT_CLOCK_UNKNOWN: it is another one, and by how
 * much is not known.  Then times are the process's own. */
int64_t trace_clock_offset(void);

uint64_t trace_now(void);
/* A time of the process's own clock, on the trace's. */
uint64_t trace_time(uint64_t own_ns);

#endif
