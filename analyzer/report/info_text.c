/*
 * `vmtrace info` for people: a few lines per trace.
 */
#include <inttypes.h>
#include <limits.h>
#include <string.h>
#include <time.h>

#include "output/quantity.h"
#include "query/successor.h"
#include "reader/plain_text.h"
#include "reader/utf8.h"
#include "report/info_report.h"

#define MARKS_SHOWN 20 /* the others are in JSON, and in `vmtrace dump --op=mark` */

static void label(FILE *out, const char *name)
{
  fprintf(out, "%-14s", name);
}

/* Each ends with a NUL. */
static void put_arguments(FILE *out, const struct vt_file_header *h)
{
  for (size_t at = 0, n; at < h->cmdline_len; at += n + 1) {
    n = strnlen(h->cmdline + at, h->cmdline_len - at);
    fputs(at ? " " : "", out);
    plain_put(out, h->cmdline + at, n);
  }
}

static void line(FILE *out, const char *name, const char *text)
{
  label(out, name);
  plain_put(out, text, strlen(text));
  fputc('\n', out);
}

static void when(FILE *out, const struct digest *d)
{
  time_t seconds = (time_t)(d->header->start_real_ns / 1000000000);
  struct tm tm;
  char date[64] = "", ran[QUANTITY_MAX];

  if (gmtime_r(&seconds, &tm))
    strftime(date, sizeof date, "%Y-%m-%d %H:%M:%S UTC", &tm);
  label(out, "started");
  fprintf(out, "%s, traced for %s\n", date,
          quantity_time(ran, d->end_ns > d->header->start_ns ? d->end_ns - d->header->start_ns : 0));
}

static void became(FILE *out, const struct digest *d)
{
  char next[PATH_MAX];

  fputs("exec: ", out);
  if (d->exec_path)
    plain_put(out, d->exec_path, d->exec_length);
  else
    fputs("another program", out);
  fputs(" took the process over", out);
  if (successor_find(reader_path(d->reader), d->header, next, sizeof next)) {
    fputs(": see ", out);
    plain_put(out, next, strlen(next));
  } else {
    fputs("; its trace, if it has one, is not beside this one", out);
  }
  fputc('\n', out);
}

static void ended(FILE *out, const struct digest *d)
{
  const struct vt_file_header *h = d->header;

  label(out, "ended");
  switch (h->ended) {
  case VT_ENDED_EXIT:
    fprintf(out, "exit, status %d\n", h->end_status);
    break;
  case VT_ENDED_SIGNAL:
    fprintf(out, "signal %d (%s)\n", h->end_status, sigdescr_np(h->end_status) ? sigdescr_np(h->end_status) : "?");
    break;
  case VT_ENDED_EXEC:
    became(out, d);
    break;
  default:
    fputs("unknown: it was killed without a word, or still runs\n", out);
  }
}

static void events(FILE *out, const struct digest *d)
{
  char n[QUANTITY_MAX], size[QUANTITY_MAX];
  const char *name = "events";

  label(out, "file");
  fprintf(out, "%s", quantity_bytes(size, reader_size(d->reader)));
  if (d->events)
    fprintf(out, ", %.1f bytes per event", (double)reader_size(d->reader) / (double)d->events);
  fputs(d->header->flags & VT_F_PACKED ? ", packed\n" : "\n", out);
  for (uint32_t type = 0; type < VT_R_LIMIT; type++) {
    if (!d->count[type])
      continue;
    label(out, name);
    fprintf(out, "%-12s %14s\n", reader_op_name(type) ? reader_op_name(type) : "unknown",
            quantity_count(n, d->count[type]));
    name = "";
  }
}

static void stacks(FILE *out, const struct stack_digest *s)
{
  char n[QUANTITY_MAX];
  const char *name = "walks ended";

  label(out, "call stacks");
  if (!s->events) {
    fputs("none\n", out);
    return;
  }
  fprintf(out, "%s events have one", quantity_count(n, s->events));
  fprintf(out, " of %s", quantity_count(n, s->distinct));
  if (s->without)
    fprintf(out, ", %s have none", quantity_count(n, s->without));
  fprintf(out, "; %" PRIu32 " frames in the median, %" PRIu32 " at most\n", s->depth_median, s->depth_max);
  for (uint32_t root = VT_STACK_NONE + 1; root < VT_STACK_FIRST; root++) {
    if (!s->ended[root])
      continue;
    label(out, name);
    fprintf(out, "%s: %s\n", quantity_count(n, s->ended[root]), stack_digest_end_words(root));
    name = "";
  }
}

static void marks(FILE *out, const struct digest *d)
{
  const char *name = "marks";
  char text[QUANTITY_MAX];

  for (size_t i = 0; i < d->marks.count && i < MARKS_SHOWN; i++) {
    const struct mark *mark = &d->marks.all[i];

    label(out, name);
    plain_put(out, mark->name, mark->length);
    fprintf(out, ", after %s\n",
            quantity_time(text, mark->time_ns > d->header->start_ns ? mark->time_ns - d->header->start_ns : 0));
    name = "";
  }
  if (d->marks.count > MARKS_SHOWN) {
    label(out, "");
    fprintf(out, "and %s more\n", quantity_count(text, d->marks.count - MARKS_SHOWN + d->marks.more));
  }
}

static void at(FILE *out, const struct digest *d, uint64_t ns)
{
  char text[QUANTITY_MAX];

  if (ns >= d->header->start_ns)
    fprintf(out, ", after %s", quantity_time(text, ns - d->header->start_ns));
}

/* What to do about a malloc that is not the library's. */
static void own_malloc(FILE *out, const struct digest *d)
{
  if (!d->own_malloc.path)
    return;
  label(out, "");
  fprintf(out, "(%s)\n", own_malloc_advice(&d->own_malloc));
}

static void completeness(FILE *out, const struct digest *d)
{
  const struct vt_file_header *h = d->header;
  char n[QUANTITY_MAX];

  label(out, "lost");
  fprintf(out, "%s events\n", quantity_count(n, d->lost));
  info_losses_text(out, d);
  label(out, "complete");
  fputs(d->complete ? "yes" : "no", out);
  if (d->own_malloc.path)
    fputs(": the program calls a malloc that is not vmtrace's", out);
  if (h->stop_reason) {
    fprintf(out, ": tracing stopped before the program did, because %s", digest_stop_words(h->stop_reason));
    at(out, d, h->stop_ns);
  }
  fputc('\n', out);
  if (d->damage->cut || d->damage->bad_chunks || d->damage->bad_records) {
    label(out, "damage");
    fprintf(out, "%s%" PRIu64 " chunks unreadable, %" PRIu64 " read in part, the first at byte %" PRIu64 "\n",
            d->damage->cut ? "the file was cut; " : "", d->damage->bad_chunks, d->damage->bad_records,
            d->damage->first_offset);
  }
  label(out, "deterministic");
  fputs(d->deterministic ? "yes" : "no: ", out);
  if (!d->deterministic) {
    fputs(digest_nondet_words(h->nondet_reason), out);
    at(out, d, h->nondet_ns);
  }
  fputc('\n', out);
  info_nondet_text(out, d);
  info_untraced_text(out, d);
  own_malloc(out, d);
}

void info_text(FILE *out, const struct digest *d)
{
  const struct vt_file_header *h = d->header;

  line(out, "trace", reader_path(d->reader));
  label(out, "process");
  fprintf(out, "%d, child of %d, on ", h->pid, h->ppid);
  plain_put(out, h->host, strlen(h->host));
  fputc('\n', out);
  line(out, "program", h->exe);
  label(out, "command line");
  put_arguments(out, h);
  fputc('\n', out);
  when(out, d);
  ended(out, d);
  line(out, "heap", h->flags & VT_F_HEAP_NEXT ? "next: the program's own, observed" : "pin: reproducible addresses");
  label(out, "threads");
  fprintf(out, "%u\n", reader_threads(d->reader));
  label(out, "samples");
  fprintf(out, "%" PRIu64 " of page frames, numbers %s\n", d->count[VT_R_SAMPLE],
          h->flags & VT_F_PFN_VISIBLE ? "visible" : "hidden");
  events(out, d);
  stacks(out, &d->stacks);
  marks(out, d);
  completeness(out, d);
  info_errors_text(out, d);
}
