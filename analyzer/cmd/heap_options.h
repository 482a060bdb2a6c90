/*
 * The command line of `vmtrace heap`.
 */
#ifndef VMTRACE_HEAP_OPTIONS_H
#define VMTRACE_HEAP_OPTIONS_H

#include <stdbool.h>

#include "output/output_format.h"
#include "query/session/instant.h"
#include "report/heap_report.h"

struct heap_options {
  const struct format *format;
  const char *where, *columns; /* as given; NULL: not given */
  struct instant at;
  bool until;             /* --until, or nothing behind the instant is asked for */
  struct instant diff_at; /* --diff-at: what is taken off is at this instant */
  bool has_at, has_diff_at;
  const char *diff; /* --diff: another trace; NULL */
  enum heap_value sort;
  bool has_sort; /* --sort, --weight, or what asks for a column */
  enum heap_shape shape;
  bool inverted, stacks, tree;
  bool per_process;
  bool all;
  bool no_skip; /* sites are innermost frames, wrappers of allocators too */
  unsigned top;
  bool has_top;
  char **traces;
  int trace_count;
};

/* Parses argv; wrong usage ends the program with a message. */
void heap_options_parse(int argc, char **argv, struct heap_options *options);

#endif
