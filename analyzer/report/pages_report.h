/*
 * The merged page report in text and in JSON.
 */
#ifndef VMTRACE_PAGES_REPORT_H
#define VMTRACE_PAGES_REPORT_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "query/verdict/page_set.h"
struct format; /* output/output_format.h */

struct pages_view {
  uint64_t first, end; /* pages to show: [first, end), as page numbers */
  bool all;            /* every run, not only what processes have in common and the heap */
  bool colour;
};

#define PAGES_EVERYTHING UINT64_MAX /* struct pages_view.end without a limit */

/* The report for people.  0, or -1 after one line on stderr. */
int pages_text(FILE *out, const struct page_set *set, const struct pages_view *view);

/* The headline and the summary sentences alone: the short report of `vmtrace run`. */
int pages_text_short(FILE *out, const struct page_set *set);

/* One JSON document; its keys are described in vmtrace-pages(1).  0, or -1 after one line on stderr. */
int pages_json(FILE *out, const struct page_set *set, const struct pages_view *view);

/* The address spaces side by side, in a format that draws them. */
int pages_space(FILE *out, const struct page_set *set, const struct pages_view *view, const struct format *format);

#endif
