/*
 * The report of the heap as JSON.  Keys are a contract (man/vmtrace-heap.1):
 * more may come, none is renamed.  Called by cmd/heap.c.
 */
#include <stdlib.h>
#include <string.h>

#include "output/emit.h"
#include "reader/complain.h"
#include "reader/xalloc.h"
#include "report/heap_order.h"

static void put_key(struct emit *e, const char *key)
{
  emit_char(e, '"');
  emit_text(e, key);
  emit_literal(e, "\": ");
}

static void put_comma(struct emit *e)
{
  emit_literal(e, ", ");
}

static void put_number(struct emit *e, const char *key, uint64_t value)
{
  put_key(e, key);
  emit_u64(e, value);
}

static void put_string(struct emit *e, const char *key, const char *text)
{
  put_key(e, key);
  if (text)
    emit_json_string(e, (const uint8_t *)text, strlen(text));
  else
    emit_literal(e, "null");
}

/* Residence is null where no sample tells. */
static void put_row(struct emit *e, const struct heap_row *row, bool totals, bool sampled)
{
  for (unsigned i = 0; i < HEAP_VALUES; i++) {
    if (i)
      put_comma(e);
    put_key(e, totals && i == HEAP_PEAK ? "peak_live_bytes" : heap_column(i)->key);
    if ((!sampled && i >= HEAP_RESIDENT && i < HEAP_MAPPED) || !heap_row_tells(row, i))
      emit_literal(e, "null");
    else
      emit_i64(e, row->v[i]);
  }
}

static void put_process(struct emit *e, const struct heap_process *p)
{
  emit_literal(e, "    {\"pid\": ");
  emit_i64(e, p->header->pid);
  put_comma(e);
  put_string(e, "exe", p->header->exe);
  put_comma(e);
  put_string(e, "trace", p->path);
  put_comma(e);
  put_number(e, "start_ns", p->header->start_ns);
  put_comma(e);
  put_number(e, "moment_ns", p->moment_ns);
  put_comma(e);
  put_key(e, "sample_ns");
  if (p->residence.known)
    emit_u64(e, p->sample_ns);
  else
    emit_literal(e, "null");
  put_comma(e);
  put_number(e, "events", p->events);
  put_comma(e);
  put_number(e, "lost", p->lost);
  put_comma(e);
  put_number(e, "unknown_frees", p->counts->unknown_frees);
  put_comma(e);
  put_number(e, "allocations_without_stack", p->without_stack);
  put_comma(e);
  put_string(e, "own_malloc", p->own_malloc->path);
  emit_char(e, '}');
}

static void put_processes(struct emit *e, const char *key, struct heap_process *const *processes, size_t count)
{
  emit_literal(e, "  ");
  put_key(e, key);
  emit_literal(e, "[\n");
  for (size_t i = 0; i < count; i++) {
    put_process(e, processes[i]);
    emit_text(e, i + 1 < count ? ",\n" : "\n");
  }
  emit_literal(e, "  ],\n");
}

/* All resident pages: what the stacks have, slack, and the rest by name. */
static void put_parts(struct emit *e, const struct heap_report *r)
{
  struct heap_parts parts = heap_report_parts(r);
  uint64_t rss;

  emit_literal(e, "  \"resident\": {");
  put_number(e, "blocks_bytes", (uint64_t)(r->totals.v[HEAP_RESIDENT] - r->totals.v[HEAP_MAPPED_RESIDENT]));
  put_comma(e);
  put_number(e, "block_slack_bytes", parts.slack);
  put_comma(e);
  put_number(e, "mappings_bytes", (uint64_t)r->totals.v[HEAP_MAPPED_RESIDENT]);
  for (unsigned k = 0; k < REST_COUNT; k++) {
    put_comma(e);
    put_number(e, heap_rest_key(k), parts.rest[k]);
  }
  put_comma(e);
  put_number(e, "total_bytes", parts.pages);
  put_comma(e);
  put_number(e, "zero_page_bytes", parts.zero);
  put_comma(e);
  put_key(e, "rss_bytes");
  if (heap_report_rss(r, &rss))
    emit_u64(e, rss);
  else
    emit_literal(e, "null");
  emit_literal(e, "},\n  ");
  put_number(e, "hugetlb_bytes", parts.hugetlb);
  emit_literal(e, ",\n");
}

static void put_frame(struct emit *e, const struct symbol *f)
{
  emit_char(e, '{');
  put_string(e, "function", f->function);
  put_comma(e);
  put_string(e, "file", f->file);
  put_comma(e);
  put_key(e, "line");
  if (f->line)
    emit_u64(e, f->line);
  else
    emit_literal(e, "null");
  put_comma(e);
  put_string(e, "module", f->module);
  put_comma(e);
  put_key(e, "address");
  emit_char(e, '"');
  emit_hex(e, f->address);
  emit_char(e, '"');
  put_comma(e);
  put_key(e, "inlined");
  emit_text(e, f->inlined ? "true" : "false");
  emit_char(e, '}');
}

static void put_stack(struct emit *e, const struct heap_report *r, const struct heap_line *line, bool sampled)
{
  const struct call_tree *t = r->tree;
  bool first = true;
  unsigned site;

  call_tree_site(t, line->node, &site);
  emit_literal(e, "    {\"frames\": [");
  for (uint32_t node = line->node; node != CALL_TREE_ROOT; node = t->nodes[node].parent) {
    if (!first)
      put_comma(e);
    put_frame(e, &t->frames[t->nodes[node].frame]);
    first = false;
  }
  emit_literal(e, "], ");
  put_number(e, "site", site);
  put_comma(e);
  put_row(e, &line->row, false, sampled);
  emit_char(e, '}');
}

int heap_json(FILE *out, const struct heap_report *r, bool first, bool last)
{
  struct emit *e = xmalloc(sizeof *e);
  bool sampled = heap_report_sampled(r);
  size_t count = 0;
  struct heap_line *lines = heap_stacks(r, &count);

  if (!e || !lines) {
    complain("out of memory");
    free(e);
    free(lines);
    return -1;
  }
  emit_init(e, out);
  emit_text(e, !first ? "" : last ? "" : "[\n");
  emit_literal(e, "{\n");
  put_processes(e, "processes", r->processes, r->count);
  if (r->before)
    put_processes(e, "before", r->before, r->before_count);
  emit_literal(e, "  \"totals\": {");
  put_row(e, &r->totals, true, sampled);
  emit_literal(e, "},\n");
  if (!r->before && sampled)
    put_parts(e, r);
  if (r->top && count > r->top) {
    emit_literal(e, "  ");
    put_number(e, "stacks_left_out", count - r->top);
    emit_literal(e, ",\n");
    count = r->top;
  }
  emit_literal(e, "  \"stacks\": [\n");
  for (size_t i = 0; i < count; i++) {
    put_stack(e, r, &lines[i], sampled);
    emit_text(e, i + 1 < count ? ",\n" : "\n");
  }
  emit_literal(e, "  ]\n}");
  emit_text(e, last ? first ? "\n" : "\n]\n" : ",\n");
  emit_flush(e);
  free(lines);
  free(e);
  return 0;
}
