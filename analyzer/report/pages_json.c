/*
 * The merged page report as one JSON document, written as the pages are walked
 * so that memory does not grow with their number.  Its schema is in
 * vmtrace-pages(1).  Called by cmd/pages.c.
 */
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "report/pages_parts.h"
#include "vmtrace/format.h"

struct json {
  FILE *out;
  const struct page_set *set;
  bool first; /* nothing was written yet of the present array or object */
  struct pages_tally tally;
};

/* Bytes of the UTF-8 character at s (which ends at a NUL); 0: it is none. */
static unsigned utf8_length(const unsigned char *s)
{
  unsigned n = *s < 0x80                 ? 1
               : *s >= 0xc2 && *s < 0xe0 ? 2
               : *s >= 0xe0 && *s < 0xf0 ? 3
               : *s >= 0xf0 && *s < 0xf5 ? 4
                                         : 0;

  for (unsigned i = 1; i < n; i++) {
    if ((s[i] & 0xc0) != 0x80)
      return 0;
  }
  /* Overlong forms, surrogates, and what is beyond Unicode. */
  if ((*s == 0xe0 && s[1] < 0xa0) || (*s == 0xed && s[1] >= 0xa0) || (*s == 0xf0 && s[1] < 0x90) ||
      (*s == 0xf4 && s[1] >= 0x90))
    return 0;
  return n;
}

/* A file name may hold any bytes: what is no UTF-8 becomes U+FFFD. */
static void put_string(FILE *out, const char *text)
{
  const unsigned char *s = (const unsigned char *)text;

  putc('"', out);
  while (*s) {
    unsigned n = utf8_length(s);

    if (!n)
      fputs("\\ufffd", out);
    else if (*s == '"' || *s == '\\')
      fprintf(out, "\\%c", *s);
    else if (*s < ' ' || *s == 0x7f)
      fprintf(out, "\\u%04x", *s);
    else
      fwrite(s, 1, n, out);
    s += n ? n : 1;
  }
  putc('"', out);
}

static void put_boot_id(FILE *out, const uint8_t id[16])
{
  putc('"', out);
  for (int i = 0; i < 16; i++)
    fprintf(out, "%s%02x", i == 4 || i == 6 || i == 8 || i == 10 ? "-" : "", id[i]);
  putc('"', out);
}

static void put_processes(FILE *out, const struct page_set *set)
{
  fputs("{\"processes\":[", out);
  for (size_t i = 0; i < set->count; i++) {
    const struct picture *p = set->pictures[i];

    fprintf(out, "%s\n{\"pid\":%d,\"ppid\":%d,\"exe\":", i ? "," : "", p->pid, p->ppid);
    put_string(out, p->exe);
    fputs(",\"name\":", out);
    put_string(out, p->name);
    fputs(",\"host\":", out);
    put_string(out, p->host);
    fputs(",\"boot_id\":", out);
    put_boot_id(out, p->boot_id);
    fprintf(out,
            ",\"start_ns\":%" PRIu64 ",\"end_ns\":%" PRIu64
            ",\"pfn_visible\":%s,\"samples\":%zu,\"refused_records\":%" PRIu64 "}",
            p->start_ns, p->end_ns, p->pfn_visible ? "true" : "false", p->sample_count, p->refused);
  }
  fprintf(out, "],\n\"overlap_ns\":%" PRIu64 ",\"together_ns\":%" PRIu64 ",\n\"pages\":[", set->overlap_ns,
          set->together_ns);
}

static void put_sighting(const struct json *json, const struct sighting *s, uint64_t offset)
{
  static const struct {
    uint32_t flag;
    const char *name;
  } flags[] = {{VT_PG_EXCLUSIVE, "exclusive"}, {VT_PG_FILE, "file"}, {VT_PG_SWAPPED, "swapped"},
               {VT_PG_ZERO, "zero"},           {VT_PG_KSM, "ksm"},   {VT_PG_HUGE, "huge"}};
  const char *comma = "";

  fprintf(json->out, "{\"pid\":%d,\"process\":%" PRIu32 ",\"pfn\":\"0x%" PRIx64 "\",",
          json->set->pictures[s->process]->pid, s->process, s->pfn ? s->pfn + offset : 0);
  fprintf(json->out, "\"first_ns\":%" PRIu64 ",\"last_ns\":%" PRIu64 ",\"flags\":[", s->first_ns, s->last_ns);
  for (size_t i = 0; i < sizeof flags / sizeof *flags; i++) {
    if (s->state & flags[i].flag) {
      fprintf(json->out, "%s\"%s\"", comma, flags[i].name);
      comma = ",";
    }
  }
  fputs("]}", json->out);
}

/* The sightings that hold at the end, or those that went before. */
static void put_sightings(const struct json *json, const struct page_run *run, uint64_t offset, bool current)
{
  const char *comma = "";

  for (size_t i = 0; i < run->sighting_count; i++) {
    if (run->sightings[i].current != current)
      continue;
    fputs(comma, json->out);
    put_sighting(json, &run->sightings[i], offset);
    comma = ",";
  }
}

static void put_elsewhere(const struct json *json, const struct page_run *run, uint64_t offset)
{
  fputs(",\"elsewhere\":[", json->out);
  for (size_t i = 0; i < run->elsewhere_count; i++) {
    const struct elsewhere *e = &run->elsewhere[i];

    fprintf(json->out, "%s{\"pid\":%d,\"with_pid\":%d,\"with_va\":\"0x%" PRIx64 "\",\"first_ns\":%" PRIu64,
            i ? "," : "", json->set->pictures[e->owner]->pid, json->set->pictures[e->process]->pid,
            (e->page + offset) << json->set->page_shift, e->share.from_ns);
    fprintf(json->out, ",\"last_ns\":%" PRIu64 "}", e->share.until_ns);
  }
  putc(']', json->out);
}

static int put_run(void *context, const struct page_run *run)
{
  struct json *json = context;
  size_t holders = page_run_holders(run);

  pages_tally_add(&json->tally, run);
  for (uint64_t i = 0; i < run->count && !ferror(json->out); i++) {
    fprintf(json->out,
            "%s\n{\"va\":\"0x%" PRIx64 "\",\"verdict\":\"%s\",\"evidence\":\"%s\",\"what\":", json->first ? "" : ",",
            (run->page + i) << json->set->page_shift, verdict_name(run->claim.verdict),
            evidence_name(run->claim.evidence));
    json->first = false;
    put_string(json->out, pages_label(json->set, run));
    fputs(",\"frames\":[", json->out);
    put_sightings(json, run, i, true);
    putc(']', json->out);
    if (run->sighting_count > holders) {
      fputs(",\"earlier\":[", json->out);
      put_sightings(json, run, i, false);
      putc(']', json->out);
    }
    if (run->claim.changed)
      fprintf(json->out, ",\"changed\":{\"from\":\"%s\",\"at_ns\":%" PRIu64 "}", verdict_name(run->claim.before),
              run->claim.before_ns);
    if (run->elsewhere_count)
      put_elsewhere(json, run, i);
    putc('}', json->out);
  }
  return 0;
}

static void put_summary(const struct json *json)
{
  const char *comma = "";

  fputs("],\n\"summary\":{", json->out);
  for (int v = 0; v < VERDICT_COUNT; v++) {
    if (json->tally.verdicts[v]) {
      fprintf(json->out, "%s\"%s\":%" PRIu64, comma, verdict_name((enum verdict)v), json->tally.verdicts[v]);
      comma = ",";
    }
  }
  fprintf(json->out, "},\"total_pages\":%" PRIu64 ",\"page_size\":%" PRIu64, json->tally.total,
          UINT64_C(1) << json->set->page_shift);
}

static void put_value(FILE *out, const struct value_seen *v)
{
  char text[PAGES_VALUE_MAX];
  double number = 0;

  if (v->type == VT_VALUE_DOUBLE)
    memcpy(&number, &v->bits, sizeof number);
  /* JSON has no NaN, no infinity, and no addresses. */
  fprintf(out, v->type == VT_VALUE_PTR || !isfinite(number) ? "\"%s\"" : "%s",
          pages_value_text(text, v->type, v->bits));
}

static void put_series(const struct json *json, uint64_t addr)
{
  static const char *const types[VT_VALUE_TYPES] = {"int", "uint", "long", "ulong", "double", "ptr"};
  bool any = false;

  fprintf(json->out, "\n{\"va\":\"0x%" PRIx64 "\",\"series\":[", addr);
  for (size_t i = 0; i < json->set->count; i++) {
    const struct picture *p = json->set->pictures[i];
    bool open = false;

    for (size_t j = 0; j < p->value_count; j++) {
      if (p->values[j].addr != addr)
        continue;
      if (!open)
        fprintf(json->out, "%s\n{\"pid\":%d,\"process\":%zu,\"type\":\"%s\",\"points\":[", any ? "," : "", p->pid, i,
                types[p->values[j].type]);
      fprintf(json->out, "%s{\"time_ns\":%" PRIu64 ",\"value\":", open ? "," : "", p->values[j].time_ns);
      put_value(json->out, &p->values[j]);
      putc('}', json->out);
      open = any = true;
    }
    if (open)
      fputs("]}", json->out);
  }
  fputs("]}", json->out);
}

int pages_json(FILE *out, const struct page_set *set, const struct pages_view *view)
{
  struct json json = {.out = out, .set = set, .first = true};
  size_t watched_count;
  uint64_t *watched;

  put_processes(out, set);
  if (page_set_walk(set, view->first, view->end, put_run, &json) < 0)
    return -1;
  put_summary(&json);
  watched = page_set_watched(set, &watched_count);
  fputs(",\n\"values\":[", out);
  for (size_t i = 0; watched && i < watched_count; i++) {
    fputs(i ? "," : "", out);
    put_series(&json, watched[i]);
  }
  fputs("]}\n", out);
  free(watched);
  return 0;
}
