/*
 * `vmtrace info --format=json`: one object per trace.  Keys are a contract
 * (man/vmtrace-info.1): more may come, none is renamed.
 */
#include <jansson.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "query/successor.h"
#include "reader/utf8.h"
#include "reader/xalloc.h"
#include "report/info_report.h"

/* A string value of any bytes: what is no UTF-8 becomes U+FFFD. */
json_t *info_text_value(const char *text, size_t n)
{
  char *valid = xmalloc(n * 3 + 1);
  size_t used = 0;
  json_t *value;

  if (!valid)
    return NULL;
  for (size_t i = 0; i < n;) {
    size_t len = utf8_length((const uint8_t *)text + i, n - i);

    memcpy(valid + used, len ? text + i : UTF8_REPLACEMENT, len ? len : 3);
    used += len ? len : 3;
    i += len ? len : 1;
  }
  value = json_stringn(valid, used);
  free(valid);
  return value;
}

static json_t *string_value(const char *text)
{
  return info_text_value(text, strlen(text));
}

static json_t *arguments(const struct vt_file_header *h)
{
  json_t *array = json_array();
  const char *p = h->cmdline, *end = p + h->cmdline_len;

  while (p < end) {
    size_t n = strnlen(p, (size_t)(end - p));

    json_array_append_new(array, info_text_value(p, n));
    p += n + 1;
  }
  return array;
}

/* boot_id as the kernel writes it; "" when unknown. */
static json_t *boot_id(const uint8_t id[16])
{
  static const uint8_t none[16];
  char text[40];

  if (!memcmp(id, none, sizeof none))
    return json_string("");
  snprintf(text, sizeof text, "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x", id[0], id[1],
           id[2], id[3], id[4], id[5], id[6], id[7], id[8], id[9], id[10], id[11], id[12], id[13], id[14], id[15]);
  return json_string(text);
}

static json_t *hex_id(const uint8_t id[16])
{
  char text[33];

  for (unsigned i = 0; i < 16; i++)
    snprintf(text + 2 * i, 3, "%02x", id[i]);
  return json_string(text);
}

static json_t *number(uint64_t v)
{
  return json_integer((json_int_t)v);
}

/* All op names, so that a key is there whether or not it happened. */
static json_t *event_counts(const struct digest *d)
{
  json_t *counts = json_object();

  for (uint32_t type = 0; type < VT_R_LIMIT; type++) {
    const char *name = reader_op_name(type);

    if (name && type != VT_R_TIME)
      json_object_set_new(counts, name, number(d->count[type]));
  }
  return counts;
}

static json_t *damage_value(const struct reader_damage *damage)
{
  return json_pack("{s:o, s:o, s:o, s:b}", "bad_chunks", number(damage->bad_chunks), "bad_records",
                   number(damage->bad_records), "first_offset", number(damage->first_offset), "cut", damage->cut);
}

static json_t *stacks_value(const struct stack_digest *s)
{
  json_t *ended = json_object();

  for (uint32_t root = VT_STACK_NONE + 1; root < VT_STACK_FIRST; root++) {
    char unknown[16];

    snprintf(unknown, sizeof unknown, "%u", root);
    if (stack_digest_end(root) || s->ended[root])
      json_object_set_new(ended, stack_digest_end(root) ? stack_digest_end(root) : unknown, number(s->ended[root]));
  }
  return json_pack("{s:o, s:o, s:o, s:o, s:o, s:o}", "events", number(s->events), "events_without", number(s->without),
                   "distinct", number(s->distinct), "depth_median", number(s->depth_median), "depth_max",
                   number(s->depth_max), "ended", ended);
}

static json_t *marks_value(const struct marks *marks)
{
  json_t *array = json_array();

  for (size_t i = 0; i < marks->count; i++)
    json_array_append_new(array,
                          json_pack("{s:o, s:o}", "name", info_text_value(marks->all[i].name, marks->all[i].length),
                                    "time_ns", number(marks->all[i].time_ns)));
  return array;
}

static void put_successor(json_t *o, const struct digest *d)
{
  bool exec = d->header->ended == VT_ENDED_EXEC;
  char next[PATH_MAX];

  json_object_set_new(o, "exec_path",
                      exec && d->exec_path ? info_text_value(d->exec_path, d->exec_length) : json_null());
  exec = exec && successor_find(reader_path(d->reader), d->header, next, sizeof next);
  json_object_set_new(o, "exec_trace", exec ? string_value(next) : json_null());
}

json_t *info_json(const struct digest *d)
{
  const struct vt_file_header *h = d->header;
  json_t *o = json_object();

  if (!o)
    return NULL;
  json_object_set_new(o, "trace", string_value(reader_path(d->reader)));
  json_object_set_new(o, "version", number(h->version));
  json_object_set_new(o, "pid", json_integer(h->pid));
  json_object_set_new(o, "ppid", json_integer(h->ppid));
  json_object_set_new(o, "exe", string_value(h->exe));
  json_object_set_new(o, "cmdline", arguments(h));
  json_object_set_new(o, "cwd", string_value(h->cwd));
  json_object_set_new(o, "host", string_value(h->host));
  json_object_set_new(o, "boot_id", boot_id(h->boot_id));
  json_object_set_new(o, "trace_id", hex_id(h->trace_id));
  json_object_set_new(o, "parent_id", hex_id(h->parent_id));
  json_object_set_new(o, "start_ns", number(h->start_ns));
  json_object_set_new(o, "start_real_ns", number(h->start_real_ns));
  json_object_set_new(o, "clock_offset_ns",
                      h->clock_offset == VT_CLOCK_UNKNOWN ? json_null() : json_integer(h->clock_offset));
  json_object_set_new(o, "end_ns", number(d->end_ns));
  json_object_set_new(o, "ended", json_string(digest_ended(d)));
  json_object_set_new(o, "end_status", json_integer(h->end_status));
  put_successor(o, d);
  json_object_set_new(o, "heap", json_string(h->flags & VT_F_HEAP_NEXT ? "next" : "pin"));
  json_object_set_new(o, "sample_ms", number(h->sample_ms));
  json_object_set_new(o, "stack_frames", number(h->stack_frames));
  json_object_set_new(o, "page_size", number(h->page_size));
  json_object_set_new(o, "pfn_visible", json_boolean(h->flags & VT_F_PFN_VISIBLE));
  json_object_set_new(o, "packed", json_boolean(h->flags & VT_F_PACKED));
  json_object_set_new(o, "threads", number(reader_threads(d->reader)));
  json_object_set_new(o, "samples", number(d->count[VT_R_SAMPLE]));
  json_object_set_new(o, "events", event_counts(d));
  json_object_set_new(o, "events_total", number(d->events));
  json_object_set_new(o, "stacks", stacks_value(&d->stacks));
  json_object_set_new(o, "marks", marks_value(&d->marks));
  json_object_set_new(o, "marks_more", number(d->marks.more));
  json_object_set_new(o, "file_bytes", number(reader_size(d->reader)));
  json_object_set_new(o, "bytes_per_event",
                      d->events ? json_real((double)reader_size(d->reader) / (double)d->events) : json_null());
  json_object_set_new(o, "lost", number(d->lost));
  json_object_set_new(o, "complete", json_boolean(d->complete));
  json_object_set_new(o, "stop_reason", json_string(digest_stop_words(h->stop_reason)));
  json_object_set_new(o, "stop_ns", number(h->stop_ns));
  json_object_set_new(o, "deterministic", json_boolean(d->deterministic));
  json_object_set_new(o, "nondet_reason", json_string(digest_nondet_words(h->nondet_reason)));
  json_object_set_new(o, "nondet_ns", number(h->nondet_ns));
  info_caveats_json(o, d);
  json_object_set_new(o, "damage", damage_value(d->damage));
  json_object_set_new(o, "heap_errors", info_errors_json(d));
  return o;
}
