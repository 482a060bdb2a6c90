/*
 * The options of commands whose answer is a table: --format, --sort, --top, --columns, --where.  As an argp child:
 *
 *   struct my_options { struct table_options table; ... };
 *   struct my_options o = {.table = {.shapes = SHAPE_TABLE}};
 *   children: table_options_child();  and in the parser's ARGP_KEY_INIT: state->child_inputs[N] = &o.table
 */
#ifndef VMTRACE_TABLE_OPTIONS_H
#define VMTRACE_TABLE_OPTIONS_H

#include <argp.h>
#include <stdbool.h>
#include <stddef.h>

#include "output/output_format.h"

struct table_options {
  unsigned shapes;                    /* what the command can put out: set before parsing */
  const struct format *format;        /* never NULL after parsing */
  const char *sort, *columns, *where; /* as given; NULL: not given */
  size_t top;                         /* 0: all */
};

struct argp_child table_options_child(void);

/* Whether the options hold for a table with these columns: to be asked before anything is read.  False after one line
 * on stderr that names the columns there are.  --columns=help lists them on stdout and ends the program. */
bool table_options_hold(const struct table_options *o, const struct table *t);

/* Filters, sorts, sums up and cuts the table, and puts its columns in order.  sort: when --sort is not given; NULL: the
 * order stays.  False after one line on stderr. */
bool table_options_apply(const struct table_options *o, struct table *t, const char *sort);

/* Puts the table out on stdout, through a pager where it is for people.  The exit code: code, or that of a failed
 * write. */
int table_options_put(const struct table_options *o, const struct table *t, const char *head, int code);

#endif
