/*
 * What the tests of `vmtrace heap` have in common: programs traced to a named
 * file, and the report about it.  All functions end the test with a message when something cannot be done.
 */
#ifndef VMTRACE_HEAP_RUN_H
#define VMTRACE_HEAP_RUN_H

#include "e2e.h"

/* The vmtrace at the top of the checkout; valid until the next call. */
const char *heap_analyzer(void);

/* A command that exits with that status; to be released. */
struct e2e_result heap_run(const char *const *argv, int status);
#define RUN(status, ...) heap_run(E2E_ARGV(__VA_ARGS__), status)
#define DO(...)                                                                                                        \
  do {                                                                                                                 \
    struct e2e_result done_ = RUN(0, __VA_ARGS__);                                                                     \
    e2e_release(&done_);                                                                                               \
  } while (0)

/* The trace, at path, of a program that exits with 0; what it printed, to be released. */
struct e2e_result heap_run_trace(const char *path, const char *const *argv);
#define TRACE(path, ...)                                                                                               \
  do {                                                                                                                 \
    struct e2e_result traced_ = heap_run_trace(path, E2E_ARGV(__VA_ARGS__));                                           \
    e2e_release(&traced_);                                                                                             \
  } while (0)

/* What `vmtrace heap` says as JSON about one trace; the moment, and an option (NULL: none). */
json_t *heap_report(const char *path, const char *at, const char *option);

/* Whether there are samples, which resident sums are made of. */
bool heap_can_sample(void);

#endif
