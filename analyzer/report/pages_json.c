/*
 * The merged page report as one JSON document, written as the pages are walked
 * so that memory does not grow with their number.  Its schema is in
 * vmtrace-pages(1).  Called by cmd/pages.c.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "output/emit.h"
#include "reader/complain.h"
#include "reader/xalloc.h"
#include "report/pages_parts.h"
#include "track/pages/value_text.h"
#include "vmtrace/format.h"

/* Pages of a document, unless a range is asked for: 16 GiB of them.  A record can claim a terabyte's. */
#define PAGES_LISTED (UINT64_C(1) << 22)

struct json {
  struct emit emit;
  const struct page_set *set;
  bool any;                        /* a page was written already */
  uint64_t listed, most, left_out; /* pages */
  struct pages_tally tally;
};

static void put_key(struct emit *e, const char *key)
{
  emit_char(e, '"');
  emit_text(e, key);
  emit_literal(e, "\":");
}

static void put_number(struct emit *e, const char *key, uint64_t value)
{
  put_key(e, key);
  emit_u64(e, value);
}

static void put_pid(struct emit *e, const char *key, int32_t pid)
{
  put_key(e, key);
  emit_i64(e, pid);
}

static void put_string(struct emit *e, const char *key, const char *text)
{
  put_key(e, key);
  emit_json_string(e, (const uint8_t *)text, strlen(text));
}

/* Addresses and frame numbers: JSON's numbers are not wide enough for them. */
static void put_hex(struct emit *e, const char *key, uint64_t value)
{
  put_key(e, key);
  emit_char(e, '"');
  emit_hex(e, value);
  emit_char(e, '"');
}

static void put_boot_id(struct emit *e, const uint8_t id[16])
{
  static const char digits[] = "0123456789abcdef";

  emit_literal(e, ",\"boot_id\":\"");
  for (int i = 0; i < 16; i++) {
    if (i == 4 || i == 6 || i == 8 || i == 10)
      emit_char(e, '-');
    emit_char(e, digits[id[i] >> 4]);
    emit_char(e, digits[id[i] & 15]);
  }
  emit_char(e, '"');
}

static void put_process(struct emit *e, const struct picture *p)
{
  emit_literal(e, "\n{");
  put_pid(e, "pid", p->pid);
  emit_char(e, ',');
  put_pid(e, "ppid", p->ppid);
  emit_char(e, ',');
  put_string(e, "exe", p->exe);
  emit_char(e, ',');
  put_string(e, "name", p->name);
  emit_char(e, ',');
  put_string(e, "host", p->host);
  put_boot_id(e, p->boot_id);
  emit_char(e, ',');
  put_number(e, "start_ns", p->start_ns);
  emit_char(e, ',');
  put_number(e, "end_ns", p->end_ns);
  emit_text(e, p->pfn_visible ? ",\"pfn_visible\":true," : ",\"pfn_visible\":false,");
  put_number(e, "samples", p->sample_count);
  emit_char(e, ',');
  put_number(e, "refused_records", p->refused);
  emit_literal(e, ",\"marks\":[");
  for (size_t i = 0; i < p->marks.count; i++) {
    emit_text(e, i ? ",{\"name\":" : "{\"name\":");
    emit_json_string(e, (const uint8_t *)p->marks.all[i].name, p->marks.all[i].length);
    emit_char(e, ',');
    put_number(e, "time_ns", p->marks.all[i].time_ns);
    emit_char(e, '}');
  }
  emit_literal(e, "],");
  put_number(e, "marks_more", p->marks.more);
  emit_char(e, '}');
}

static void put_processes(struct emit *e, const struct page_set *set)
{
  emit_literal(e, "{\"processes\":[");
  for (size_t i = 0; i < set->count; i++) {
    emit_text(e, i ? "," : "");
    put_process(e, set->pictures[i]);
  }
  emit_literal(e, "],\n");
  put_number(e, "overlap_ns", set->overlap_ns);
  emit_char(e, ',');
  put_number(e, "together_ns", set->together_ns);
  emit_literal(e, ",\n\"pages\":[");
}

static void put_sighting(struct json *json, const struct sighting *s, uint64_t offset)
{
  static const struct {
    uint32_t flag;
    const char *name;
  } flags[] = {{VT_PG_EXCLUSIVE, "\"exclusive\""}, {VT_PG_FILE, "\"file\""}, {VT_PG_SWAPPED, "\"swapped\""},
               {VT_PG_ZERO, "\"zero\""},           {VT_PG_KSM, "\"ksm\""},   {VT_PG_HUGE, "\"huge\""}};
  struct emit *e = &json->emit;
  const char *comma = "";

  /* A page that changed often is long to write down. */
  xalloc_work_count(24);
  emit_char(e, '{');
  put_pid(e, "pid", json->set->pictures[s->process]->pid);
  emit_char(e, ',');
  put_number(e, "process", s->process);
  emit_char(e, ',');
  put_hex(e, "pfn", s->pfn ? s->pfn + offset : 0);
  emit_char(e, ',');
  put_number(e, "first_ns", s->first_ns);
  emit_char(e, ',');
  put_number(e, "last_ns", s->last_ns);
  emit_literal(e, ",\"flags\":[");
  for (size_t i = 0; i < sizeof flags / sizeof *flags; i++) {
    if (s->state & flags[i].flag) {
      emit_text(e, comma);
      emit_text(e, flags[i].name);
      comma = ",";
    }
  }
  emit_literal(e, "]}");
}

/* The sightings that hold at the end, or those that went before. */
static void put_sightings(struct json *json, const struct page_run *run, uint64_t offset, bool current)
{
  const char *comma = "";

  for (size_t i = 0; i < run->sighting_count; i++) {
    if (run->sightings[i].current != current)
      continue;
    emit_text(&json->emit, comma);
    put_sighting(json, &run->sightings[i], offset);
    comma = ",";
  }
}

static void put_elsewhere(struct json *json, const struct page_run *run, uint64_t offset)
{
  struct emit *e = &json->emit;

  emit_literal(e, ",\"elsewhere\":[");
  for (size_t i = 0; i < run->elsewhere_count; i++) {
    const struct elsewhere *other = &run->elsewhere[i];

    emit_text(e, i ? ",{" : "{");
    put_pid(e, "pid", json->set->pictures[other->owner]->pid);
    emit_char(e, ',');
    put_pid(e, "with_pid", json->set->pictures[other->process]->pid);
    emit_char(e, ',');
    put_hex(e, "with_va", (other->page + offset) << json->set->page_shift);
    emit_char(e, ',');
    put_number(e, "first_ns", other->share.from_ns);
    emit_char(e, ',');
    put_number(e, "last_ns", other->share.until_ns);
    emit_char(e, '}');
  }
  emit_char(e, ']');
}

static void put_changed(struct emit *e, const struct claim *claim)
{
  emit_literal(e, ",\"changed\":{");
  put_string(e, "from", verdict_name(claim->before));
  emit_char(e, ',');
  put_number(e, "at_ns", claim->before_ns);
  emit_char(e, '}');
}

static int put_run(void *context, const struct page_run *run)
{
  struct json *json = context;
  struct emit *e = &json->emit;
  size_t holders = page_run_holders(run);

  pages_tally_add(&json->tally, run);
  for (uint64_t i = 0; i < run->count && !e->failed; i++) {
    if (json->listed == json->most) {
      json->left_out += run->count - i;
      break;
    }
    json->listed++;
    emit_text(e, json->any ? ",\n{" : "\n{");
    json->any = true;
    put_hex(e, "va", (run->page + i) << json->set->page_shift);
    emit_char(e, ',');
    put_string(e, "verdict", verdict_name(run->claim.verdict));
    emit_char(e, ',');
    put_string(e, "evidence", evidence_name(run->claim.evidence));
    emit_char(e, ',');
    put_string(e, "what", pages_label(json->set, run));
    emit_literal(e, ",\"frames\":[");
    put_sightings(json, run, i, true);
    if (run->sighting_count > holders) {
      emit_literal(e, "],\"earlier\":[");
      put_sightings(json, run, i, false);
    }
    emit_char(e, ']');
    if (run->claim.changed)
      put_changed(e, &run->claim);
    if (run->elsewhere_count)
      put_elsewhere(json, run, i);
    emit_char(e, '}');
  }
  return e->failed ? 1 : 0; /* who reads the report has gone: no need to go on */
}

static void put_summary(struct json *json)
{
  struct emit *e = &json->emit;
  const char *comma = "";

  emit_literal(e, "],\n");
  put_number(e, "pages_left_out", json->left_out);
  emit_literal(e, ",\"summary\":{");
  for (int v = 0; v < VERDICT_COUNT; v++) {
    if (json->tally.verdicts[v]) {
      emit_text(e, comma);
      put_number(e, verdict_name((enum verdict)v), json->tally.verdicts[v]);
      comma = ",";
    }
  }
  emit_literal(e, "},");
  put_number(e, "total_pages", json->tally.total);
  emit_char(e, ',');
  put_number(e, "page_size", UINT64_C(1) << json->set->page_shift);
}

static void put_point(struct emit *e, const struct value_seen *v)
{
  char text[VALUE_TEXT_MAX];
  double number = 0;
  bool quoted;

  if (v->type == VT_VALUE_DOUBLE)
    memcpy(&number, &v->bits, sizeof number);
  quoted = v->type == VT_VALUE_PTR || !isfinite(number); /* JSON has no addresses, no NaN and no infinity */
  emit_char(e, '{');
  put_number(e, "time_ns", v->time_ns);
  emit_literal(e, ",\"value\":");
  emit_text(e, quoted ? "\"" : "");
  emit_text(e, value_text(text, v->type, v->bits));
  emit_text(e, quoted ? "\"}" : "}");
}

static void put_series(struct json *json, uint64_t addr)
{
  static const char *const types[VT_VALUE_TYPES] = {"int", "uint", "long", "ulong", "double", "ptr"};
  struct emit *e = &json->emit;
  bool any = false;

  emit_literal(e, "\n{");
  put_hex(e, "va", addr);
  emit_literal(e, ",\"series\":[");
  for (size_t i = 0; i < json->set->count; i++) {
    const struct picture *p = json->set->pictures[i];
    bool open = false;

    for (size_t j = picture_values(p, addr, 0); j < p->value_count && p->values[j].addr == addr; j++) {
      if (!open) {
        emit_text(e, any ? ",\n{" : "\n{");
        put_pid(e, "pid", p->pid);
        emit_char(e, ',');
        put_number(e, "process", i);
        emit_char(e, ',');
        put_string(e, "type", types[p->values[j].type]);
        emit_literal(e, ",\"points\":[");
      }
      emit_text(e, open ? "," : "");
      put_point(e, &p->values[j]);
      open = any = true;
    }
    emit_text(e, open ? "]}" : "");
  }
  emit_literal(e, "]}");
}

static int put_values(struct json *json)
{
  size_t count;
  uint64_t *watched = page_set_watched(json->set, &count);

  if (!watched) {
    complain("out of memory");
    return -1;
  }
  emit_literal(&json->emit, ",\n\"values\":[");
  for (size_t i = 0; i < count; i++) {
    emit_text(&json->emit, i ? "," : "");
    put_series(json, watched[i]);
  }
  emit_literal(&json->emit, "]}\n");
  free(watched);
  return 0;
}

int pages_json(FILE *out, const struct page_set *set, const struct pages_view *view)
{
  struct json json = {.set = set, .most = view->end == PAGES_EVERYTHING ? PAGES_LISTED : UINT64_MAX};
  int result;

  emit_init(&json.emit, out);
  put_processes(&json.emit, set);
  result = page_set_walk(set, view->first, view->end, put_run, &json) < 0 ? -1 : 0;
  put_summary(&json);
  if (result == 0)
    result = put_values(&json);
  emit_flush(&json.emit);
  return result;
}
