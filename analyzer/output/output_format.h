/*
 * The formats.  What can be put out has one of a few shapes; a format says which of them it can put out, and how.
 *
 * To add one: a file output/NAME.c with a `const struct format format_NAME`, and its line in the list of
 * output/formats.h.  --format, its help, the completion of shells and the manual page follow from there.
 */
#ifndef VMTRACE_OUTPUT_FORMAT_H
#define VMTRACE_OUTPUT_FORMAT_H

#include <stdbool.h>
#include <stdio.h>

#include "output/address_space.h"
#include "output/call_graph.h"
#include "output/style.h"
#include "query/rows.h"
#include "query/table.h"

/* What there is to put out; one bit each. */
enum shape {
  SHAPE_TABLE = 1, /* rows, as a list or as a tree of them */
  SHAPE_GRAPH = 2, /* call stacks with a measure */
  SHAPE_SPACE = 4, /* address spaces, and the frames behind them */
  SHAPE_ROWS = 8   /* rows as they come, too many to be kept */
};

/*
 * Each operation writes one whole document and returns 0, or -1 when it could not write (the caller says so:
 * command_finish).  NULL: the format is not suited to that shape.
 */
struct format {
  const char *name;    /* as --format takes it */
  const char *ending;  /* of files: ".csv" */
  const char *meaning; /* for --help and the manual: "a table for people" */
  bool paged;          /* for people: goes through a pager when a terminal is too small for it */
  int (*table)(FILE *out, const struct table *t, const struct style *style);
  int (*graph)(FILE *out, const struct call_graph *g, const struct style *style);
  int (*space)(FILE *out, const struct address_space *s, const struct style *style);
  int (*rows)(FILE *out, const struct row_source *source, const struct style *style);
};

/* All of them, ended by NULL; the first is the default. */
const struct format *const *formats(void);

/* The format of that name that can put out one of these shapes; NULL: none. */
const struct format *format_find(const char *name, unsigned shapes);

/* The shapes that a format can put out. */
unsigned format_shapes(const struct format *f);

/* The names of those that can put out one of these shapes: "text, json or csv"; to be freed. */
char *format_names(unsigned shapes);

/* The same for --help: "text (a table for people, the default), json (...)"; to be freed. */
char *format_help(unsigned shapes);

#endif
