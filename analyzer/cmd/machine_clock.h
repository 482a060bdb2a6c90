/*
 * CLOCK_MONOTONIC of the machine, which traces are on, also where this process is in another time namespace.
 */
#ifndef VMTRACE_MACHINE_CLOCK_H
#define VMTRACE_MACHINE_CLOCK_H

#include <stdint.h>

uint64_t machine_clock_ns(void);

#endif
