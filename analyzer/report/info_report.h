/*
 * A digest for people, and for programs.
 */
#ifndef VMTRACE_INFO_REPORT_H
#define VMTRACE_INFO_REPORT_H

#include <stdio.h>

#include "track/digest.h"

struct json_t;

void info_text(FILE *out, const struct digest *d);

/* The JSON object of one trace (its keys: man/vmtrace-info.1); the caller's.  NULL without memory. */
struct json_t *info_json(const struct digest *d);

/* Their parts about what the trace cannot say: details of the lines "lost" and "deterministic", what is not traced, and
 * three arrays. */
void info_losses_text(FILE *out, const struct digest *d);
void info_nondet_text(FILE *out, const struct digest *d);
void info_untraced_text(FILE *out, const struct digest *d);
void info_caveats_json(struct json_t *object, const struct digest *d);

/* Text of any bytes as a value. */
struct json_t *info_text_value(const char *text, size_t n);

/* Their parts about misuse of the heap: nothing when there was none, and an array. */
void info_errors_text(FILE *out, const struct digest *d);
struct json_t *info_errors_json(const struct digest *d);

#endif
