/*
 * The VMTRACE_* environment variables, parsed once.  The table is
 * include/vmtrace/options.h.  No allocation; getenv is not used, because hooks
 * may run before libc's environ is set: the environment comes from environ if
 * it is set, else from /proc/self/environ.
 */
#ifndef VMTRACE_OPTION_H
#define VMTRACE_OPTION_H

#include <stdbool.h>
#include <stdint.h>

#include "vmtrace/format.h"
#include "vmtrace/options.h"

#define OPTION_PATH_MAX 4096
#define OPTION_WATCH_MAX 32

struct option_watch {
  uint64_t addr;
  enum vt_value_type type;
};

enum option_unwind { OPTION_UNWIND_CACHED, OPTION_UNWIND_PLAIN, OPTION_UNWIND_COMPARE };

struct options {
  char out[OPTION_PATH_MAX]; /* absolute template of the trace path; "" when tracing is off */
  bool heap_next;
  unsigned stack_frames;
  enum option_unwind unwind;
  unsigned sample_ms;
  bool faults;
  bool on_error_continue; /* misuse of the heap is reported and ignored */
  unsigned watch_count;
  struct option_watch watch[OPTION_WATCH_MAX];
  uint8_t run_id[16]; /* VT_RUN_VARIABLE; zero: none */
};

/* Parses the environment on the first call (a wrong value: one line naming the variable and its values, and the
 * default holds); then the same options always.  Called first while the process has one thread. */
const struct options *options_get(void);

/* The default value, as text. */
const char *options_default(enum vt_option option);

/* Expands %p %e %h %% of the template into path (size bytes).  0, or -ENAMETOOLONG. */
int options_trace_path(char *path, unsigned size, const char *template, int pid);

#endif
