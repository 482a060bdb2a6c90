/*
 * The traces that a run left: finding them, completing them, the short report.
 */
#ifndef VMTRACE_RUN_TRACES_H
#define VMTRACE_RUN_TRACES_H

#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

#include "cmd/run/run_launch.h"

struct run_trace {
  char *path;
  uint8_t trace_id[16], parent_id[16], run_id[16];
  int32_t pid;
  uint64_t start_ns;
  struct stat st; /* of the file */
};

struct run_traces {
  struct run_trace *items; /* by start, then by pid */
  size_t count, room;
  int dir; /* where they are */
};

/* Finds, in dir, what the copies and their descendants wrote: run_id is what they were given in VT_RUN_VARIABLE.  0, or
 * -1 after one line on stderr; free it in either case. */
int run_traces_find(struct run_traces *traces, const char *dir, const uint8_t run_id[16]);
void run_traces_free(struct run_traces *traces);

/* A copy that was killed left no word of its end in its trace: writes it there. */
void run_traces_complete(const struct run_traces *traces, const struct copy *copies, size_t count);

/* Packs the traces of processes that have ended; what goes wrong is one line on stderr, and that trace stays as it is.
 */
void run_traces_pack(const struct run_traces *traces);

/* Writes on stderr a line per trace, and for several copies what they have in common.  0, or -1 after one line on
 * stderr when a trace could not be read. */
int run_traces_report(const struct run_traces *traces, const struct copy *copies, size_t count);

#endif
