/*
 * What the tables of the heap have in common: rows in order, names of frames.
 */
#ifndef VMTRACE_HEAP_ORDER_H
#define VMTRACE_HEAP_ORDER_H

#include <stdint.h>
#include <stdio.h>

#include "report/heap_report.h"

/* One line of a table: a site or a stack. */
struct heap_line {
  uint32_t frame; /* the site; CALL_NONE: the root */
  uint32_t node;  /* a stack: its node; a site: CALL_NONE */
  uint32_t stacks;
  struct heap_row row;
};

/* Sites or stacks in the order of the report's column, the largest (in a difference: of either sign) first.  The
 * caller frees them; NULL when out of memory. */
struct heap_line *heap_sites(const struct heap_report *r, size_t *count);
struct heap_line *heap_stacks(const struct heap_report *r, size_t *count);

/* Whether row a comes before row b; 0: alike. */
int heap_row_compare(const struct heap_report *r, const struct heap_row *a, const struct heap_row *b);

/* "function (file.c:12) in module", "module+0x1234"; without anything a terminal would obey. */
void heap_frame_print(FILE *out, const struct symbol *frame);

/* Its function alone, or what stands for it. */
void heap_frame_name(FILE *out, const struct symbol *frame, char instead_of_semicolon);

#endif
