/*
 * A digest for people, and for programs.
 */
#ifndef VMTRACE_INFO_REPORT_H
#define VMTRACE_INFO_REPORT_H

#include <stdio.h>

#include "output/json_writer.h"
#include "track/digest.h"

void info_text(FILE *out, const struct digest *d);

/* The JSON object of one trace (its keys: man/vmtrace-info.1). */
void info_json(struct json_writer *j, const struct digest *d);

/* Their parts about what the trace cannot say: details of the lines "lost" and "deterministic", what is not traced, and
 * three members. */
void info_losses_text(FILE *out, const struct digest *d);
void info_nondet_text(FILE *out, const struct digest *d);
void info_untraced_text(FILE *out, const struct digest *d);
void info_caveats_json(struct json_writer *j, const struct digest *d);

/* Their parts about misuse of the heap: nothing when there was none, and a member. */
void info_errors_text(FILE *out, const struct digest *d);
void info_errors_json(struct json_writer *j, const struct digest *d);

#endif
