/*
 * A digest for people, and for programs.
 */
#ifndef VMTRACE_INFO_REPORT_H
#define VMTRACE_INFO_REPORT_H

#include <stdio.h>

#include "model/digest.h"

struct json_t;

void info_text(FILE *out, const struct digest *d);

/* The JSON object of one trace (its keys: man/vmtrace-info.1); the caller's.  NULL without memory. */
struct json_t *info_json(const struct digest *d);

/* Their parts about misuse of the heap: nothing when there was none, and an array. */
void info_errors_text(FILE *out, const struct digest *d);
struct json_t *info_errors_json(const struct digest *d);

#endif
