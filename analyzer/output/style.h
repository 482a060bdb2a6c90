/*
 * How something is put out, apart from the format: what a terminal takes, and what times count from.
 */
#ifndef VMTRACE_STYLE_H
#define VMTRACE_STYLE_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

struct style {
  unsigned width; /* columns of a line; 0: without end */
  bool colour;
  bool whole;         /* nothing is left out for being small (--all) */
  uint64_t origin_ns; /* what COLUMN_TIME cells count from, for people: when the first trace began */
};

#define STYLE_WIDTH 80 /* where nobody says otherwise */

/*
 * For out: as wide as its terminal, or as COLUMNS says (0: without end), or STYLE_WIDTH.  A pipe or a file is as wide
 * as STYLE_WIDTH, too, so that the same traces give the same bytes; as with `git log --stat`.
 */
struct style style_for(FILE *out);

#endif
