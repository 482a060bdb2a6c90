/*
 * What `vmtrace doctor` looks at: a table of checks, each of which tries the
 * thing itself instead of asking for versions.
 *
 * To add a check: write a function in doctor_kernel.c or doctor_setup.c,
 * declare it below, add a line to the table in doctor.c.
 */
#ifndef VMTRACE_DOCTOR_CHECKS_H
#define VMTRACE_DOCTOR_CHECKS_H

#include <stdbool.h>

enum finding_result { FINDING_OK, FINDING_LIMITED, FINDING_MISSING };

/* advice: what is lost and what to do about it; empty when all is well. */
struct finding {
  enum finding_result result;
  char found[256];
  char advice[512];
};

/* Fills a finding that is all zero. */
typedef void (*doctor_check)(struct finding *finding);

void finding_set(struct finding *finding, enum finding_result result, const char *found, ...)
    __attribute__((format(printf, 3, 4)));
void finding_advise(struct finding *finding, const char *advice, ...) __attribute__((format(printf, 2, 3)));

/* doctor_kernel.c: what the kernel offers to this user. */
void doctor_kernel_version(struct finding *finding);
void doctor_pagemap(struct finding *finding);
void doctor_pagemap_scan(struct finding *finding);
void doctor_frame_numbers(struct finding *finding);
void doctor_page_flags(struct finding *finding);
void doctor_faults(struct finding *finding);
void doctor_wipe_on_fork(struct finding *finding);
void doctor_fixed_noreplace(struct finding *finding);
void doctor_low_segment(struct finding *finding);

/* doctor_setup.c: how this machine and this installation are set up. */
void doctor_overcommit(struct finding *finding);
void doctor_map_count(struct finding *finding);
void doctor_limits(struct finding *finding);
void doctor_trace_files(struct finding *finding);
void doctor_library(struct finding *finding);
void doctor_stacks(struct finding *finding);

/* The number in a small file of /proc; -1: there is none. */
long doctor_read_number(const char *path);

#endif
