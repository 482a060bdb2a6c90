/*
 * The report of the heap for people: whose heap and when, sums, a table or a
 * tree, and where the resident memory is.  Called by cmd/heap.c.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "output/output_format.h"
#include "output/quantity.h"
#include "reader/plain_text.h"
#include "report/heap_report.h"

static size_t count_sampled(struct heap_process *const *processes, size_t count)
{
  size_t sampled = 0;

  for (size_t i = 0; i < count; i++)
    sampled += processes[i]->residence.known;
  return sampled;
}

bool heap_report_sampled(const struct heap_report *r)
{
  size_t sampled = count_sampled(r->processes, r->count);

  if (r->before)
    return sampled == r->count && count_sampled(r->before, r->before_count) == r->before_count;
  return sampled > 0;
}

bool heap_report_rss(const struct heap_report *r, uint64_t *bytes)
{
  *bytes = 0;
  for (size_t i = 0; i < r->count; i++) {
    const struct heap_residences *residence = &r->processes[i]->residence;

    if (residence->known && !residence->rss)
      return false;
    *bytes += residence->rss;
  }
  return true;
}

struct heap_parts heap_report_parts(const struct heap_report *r)
{
  struct heap_parts sum = {.pages = 0};

  for (size_t i = 0; i < r->count; i++) {
    const struct heap_residences *residence = &r->processes[i]->residence;

    for (unsigned k = 0; k < REST_COUNT; k++)
      sum.rest[k] += residence->rest[k];
    sum.slack += residence->slack;
    sum.pages += residence->pages;
    sum.zero += residence->zero;
    sum.hugetlb += residence->hugetlb;
  }
  return sum;
}

static const char *bytes(char *buf, int64_t n)
{
  return heap_cell(buf, HEAP_LIVE, n, false);
}

static const char *count(char *buf, int64_t n)
{
  return heap_cell(buf, HEAP_ALLOCATIONS, n, false);
}

static void print_name(FILE *out, const struct heap_process *p)
{
  const char *name = p->header->cmdline_len && p->header->cmdline[0] ? p->header->cmdline : p->header->exe;

  fprintf(out, "%d ", p->header->pid);
  plain_puts(out, name);
}

static void print_process(FILE *out, const struct heap_process *p, const char *what)
{
  char when[QUANTITY_MAX];

  fprintf(out, "%s", what);
  print_name(out, p);
  fprintf(out, ", %s after its start", quantity_time(when, p->moment_ns));
  if (p->residence.known)
    fprintf(out, " (pages as seen at %s)", quantity_time(when, p->sample_ns));
  putc('\n', out);
}

/* What makes the numbers less than the truth. */
static void print_notes(FILE *out, const struct heap_process *p)
{
  char text[HEAP_CELL_MAX];

  if (!p->residence.known)
    fputs("  no sample of its pages was taken by then: what is resident is not known\n", out);
  if (!p->header->stack_frames)
    fputs("  recorded without call stacks (VMTRACE_STACK=0)\n", out);
  else if (p->without_stack && p->counts->total.allocations)
    fprintf(out, "  allocations recorded without a call stack: %s\n", count(text, (int64_t)p->without_stack));
  if (p->own_malloc->path) {
    fputs("  the program calls the malloc of ", out);
    plain_puts(out, p->own_malloc->path);
    fprintf(out, ": what that serves is not seen\n  (%s)\n", own_malloc_advice(p->own_malloc));
  }
  if (p->lost)
    fprintf(out, "  events lost, so that numbers are too low: %s\n", count(text, (int64_t)p->lost));
  if (p->counts->unknown_frees)
    fprintf(out, "  frees of blocks that are not in the trace: %s\n", count(text, (int64_t)p->counts->unknown_frees));
}

static void print_head(FILE *out, const struct heap_report *r)
{
  for (size_t i = 0; i < r->count; i++) {
    print_process(out, r->processes[i], r->before ? "growth of the heap to " : "heap of ");
    print_notes(out, r->processes[i]);
  }
  for (size_t i = 0; i < r->before_count; i++) {
    print_process(out, r->before[i], "                 from ");
    print_notes(out, r->before[i]);
  }
  putc('\n', out);
}

/* Why a proportional size is not given. */
static void print_undivided(FILE *out, const struct heap_report *r)
{
  char text[HEAP_CELL_MAX];
  bool hidden = false;

  for (size_t i = 0; i < r->count; i++)
    hidden |= !(r->processes[i]->header->flags & VT_F_PFN_VISIBLE);
  fprintf(out, "proportional sizes are not known of %s: other processes may have these pages, too, and %s\n",
          bytes(text, r->totals.v[HEAP_UNDIVIDED]),
          hidden ? "frame numbers were hidden (they take root)" : "the traces given do not tell which");
}

static void print_residence(FILE *out, const struct heap_report *r)
{
  const int64_t *v = r->totals.v;
  char a[HEAP_CELL_MAX], b[HEAP_CELL_MAX], c[HEAP_CELL_MAX], d[HEAP_CELL_MAX];
  size_t sampled = count_sampled(r->processes, r->count);

  if (!sampled)
    return;
  fprintf(out, "of blocks and mappings %s resident (private %s", bytes(a, v[HEAP_RESIDENT]), bytes(b, v[HEAP_PRIVATE]));
  if (heap_row_tells(&r->totals, HEAP_SHARED))
    fprintf(out, ", proportional %s", bytes(c, v[HEAP_SHARED]));
  fprintf(out, "), %s never touched\n", bytes(d, v[HEAP_UNTOUCHED]));
  if (sampled < r->count)
    fprintf(out, "what is resident is that of %zu of %zu processes: no pages of the others were seen\n", sampled,
            r->count);
  if (!heap_row_tells(&r->totals, HEAP_SHARED))
    print_undivided(out, r);
}

static void print_sums(FILE *out, const struct heap_report *r)
{
  const int64_t *v = r->totals.v;
  char a[HEAP_CELL_MAX], b[HEAP_CELL_MAX], c[HEAP_CELL_MAX], d[HEAP_CELL_MAX];

  if (r->before)
    return;
  fprintf(out, "%s %s of %s, %s %s, %s temporary; at most %s live\n", count(a, v[HEAP_ALLOCATIONS]),
          v[HEAP_ALLOCATIONS] == 1 ? "allocation" : "allocations", bytes(b, v[HEAP_REQUESTED]), count(c, v[HEAP_FREES]),
          v[HEAP_FREES] == 1 ? "free" : "frees", count(d, v[HEAP_TEMPORARY]),
          bytes((char[HEAP_CELL_MAX]){0}, v[HEAP_PEAK]));
  fprintf(out, "live: %s in %s blocks; not freed at the end: %s in %s blocks\n", bytes(a, v[HEAP_LIVE]),
          count(b, v[HEAP_LIVE_BLOCKS]), bytes(c, v[HEAP_LEAKED]), count(d, v[HEAP_LEAKED_BLOCKS]));
  if (v[HEAP_INHERITED])
    fprintf(out, "inherited at a fork and still live: %s\n", bytes(a, v[HEAP_INHERITED]));
  print_residence(out, r);
  putc('\n', out);
}

static void print_part(FILE *out, int64_t n, const char *what)
{
  char text[HEAP_CELL_MAX];

  if (n)
    fprintf(out, "%11s  %s\n", bytes(text, n), what);
}

/* The kernel's own count stands beside the sum: it shows by how much the table is off. */
static void print_total(FILE *out, const struct heap_report *r, uint64_t pages)
{
  char text[HEAP_CELL_MAX], other[HEAP_CELL_MAX];
  uint64_t rss;

  fprintf(out, "%11s  in all; ", bytes(text, (int64_t)pages));
  if (heap_report_rss(r, &rss))
    fprintf(out, "the kernel's own count (Rss) was %s\n", bytes(other, (int64_t)rss));
  else
    fputs("the tracer's own memory is not in these samples\n", out);
}

/* Every resident page once: what stacks have, and the rest by name. */
static void print_parts(FILE *out, const struct heap_report *r)
{
  static const char *const words[REST_COUNT] = {
      [REST_HEAP] = "pages of the heap without live blocks",
      [REST_METADATA] = "tables of the heap",
      [REST_TRACER] = "the tracer",
      [REST_FILES] = "executable, libraries and other files",
      [REST_DATA] = "data of executable and libraries (.data, .bss)",
      [REST_INHERITED] = "inherited at the fork, or free in the heap (the parent's trace tells)",
      [REST_STACKS] = "thread stacks",
      [REST_KERNEL] = "the kernel's own (vdso)",
      [REST_UNEXPLAINED] = "unexplained",
  };
  const int64_t *v = r->totals.v;
  struct heap_parts parts = heap_report_parts(r);
  char text[HEAP_CELL_MAX];

  fputs("\nResident memory:\n", out);
  print_part(out, v[HEAP_RESIDENT] - v[HEAP_MAPPED_RESIDENT], "live blocks");
  print_part(out, v[HEAP_SLACK], "the rest of their pages (slack)");
  print_part(out, v[HEAP_MAPPED_RESIDENT], "the program's own mappings");
  for (unsigned k = 0; k < REST_COUNT; k++)
    print_part(out, (int64_t)parts.rest[k], words[k]);
  print_total(out, r, parts.pages);
  if (parts.zero)
    fprintf(out, "%11s  more were read and never written: the kernel's zero page\n", bytes(text, (int64_t)parts.zero));
  if (parts.hugetlb)
    fprintf(out, "%11s  more are pages of hugetlbfs, which Rss leaves out\n", bytes(text, (int64_t)parts.hugetlb));
}

int heap_text(FILE *out, const struct heap_report *r)
{
  print_head(out, r);
  print_sums(out, r);
  if (heap_format(out, r, formats()[0]) < 0)
    return -1;
  if (!r->before && heap_report_sampled(r))
    print_parts(out, r);
  return 0;
}
