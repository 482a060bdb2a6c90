/*
 * `vmtrace info --format=json`: one object per trace.  Keys are a contract
 * (man/vmtrace-info.1): more may come, none is renamed.
 */
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "query/successor.h"
#include "report/info_report.h"

static void put_arguments(struct json_writer *j, const struct vt_file_header *h)
{
  const char *p = h->cmdline, *end = p + h->cmdline_len;

  json_put_key(j, "cmdline");
  json_open_array(j);
  while (p < end) {
    size_t n = strnlen(p, (size_t)(end - p));

    json_put_text_n(j, p, n);
    p += n + 1;
  }
  json_close(j);
}

/* 32 digits, with hyphens as the kernel writes boot_id; "" when unknown. */
static void put_id(struct json_writer *j, const char *key, const uint8_t id[16], bool hyphens)
{
  static const uint8_t none[16];
  char text[40] = "";
  size_t used = 0;

  for (unsigned i = 0; i < 16 && (!hyphens || memcmp(id, none, sizeof none) != 0); i++)
    used += (size_t)snprintf(text + used, sizeof text - used, "%s%02x",
                             hyphens && (i == 4 || i == 6 || i == 8 || i == 10) ? "-" : "", id[i]);
  json_member_text(j, key, text);
}

/* All op names, so that a key is there whether or not it happened. */
static void put_counts(struct json_writer *j, const struct digest *d)
{
  json_put_key(j, "events");
  json_open_object(j);
  for (uint32_t type = 0; type < VT_R_LIMIT; type++) {
    const char *name = reader_op_name(type);

    if (name && vt_record_class(type) != VT_CLASS_CLOCK)
      json_member_u64(j, name, d->count[type]);
  }
  json_close(j);
  json_member_u64(j, "events_total", d->events);
}

static void put_stacks(struct json_writer *j, const struct stack_digest *s)
{
  json_put_key(j, "stacks");
  json_open_object(j);
  json_member_u64(j, "events", s->events);
  json_member_u64(j, "events_without", s->without);
  json_member_u64(j, "distinct", s->distinct);
  json_member_u64(j, "depth_median", s->depth_median);
  json_member_u64(j, "depth_max", s->depth_max);
  json_put_key(j, "ended");
  json_open_object(j);
  for (uint32_t root = VT_STACK_NONE + 1; root < VT_STACK_FIRST; root++) {
    char unknown[16];

    snprintf(unknown, sizeof unknown, "%u", root);
    if (stack_digest_end(root) || s->ended[root])
      json_member_u64(j, stack_digest_end(root) ? stack_digest_end(root) : unknown, s->ended[root]);
  }
  json_close(j);
  json_close(j);
}

static void put_marks(struct json_writer *j, const struct marks *marks)
{
  json_put_key(j, "marks");
  json_open_array(j);
  for (size_t i = 0; i < marks->count; i++) {
    json_open_object(j);
    json_put_key(j, "name");
    json_put_text_n(j, marks->all[i].name, marks->all[i].length);
    json_member_u64(j, "time_ns", marks->all[i].time_ns);
    json_close(j);
  }
  json_close(j);
  json_member_u64(j, "marks_more", marks->more);
}

static void put_successor(struct json_writer *j, const struct digest *d)
{
  bool exec = d->header->ended == VT_ENDED_EXEC;
  char next[PATH_MAX];

  json_put_key(j, "exec_path");
  if (exec && d->exec_path)
    json_put_text_n(j, d->exec_path, d->exec_length);
  else
    json_put_null(j);
  exec = exec && successor_find(reader_path(d->reader), d->header, next, sizeof next);
  json_member_text(j, "exec_trace", exec ? next : NULL);
}

/* Who was traced, and when. */
static void put_process(struct json_writer *j, const struct digest *d)
{
  const struct vt_file_header *h = d->header;

  json_member_text(j, "trace", reader_path(d->reader));
  json_member_u64(j, "version", h->version);
  json_member_number(j, "pid", h->pid);
  json_member_number(j, "ppid", h->ppid);
  json_member_text(j, "exe", h->exe);
  put_arguments(j, h);
  json_member_text(j, "cwd", h->cwd);
  json_member_text(j, "host", h->host);
  put_id(j, "boot_id", h->boot_id, true);
  put_id(j, "trace_id", h->trace_id, false);
  put_id(j, "parent_id", h->parent_id, false);
  json_member_u64(j, "start_ns", h->start_ns);
  json_member_u64(j, "start_real_ns", h->start_real_ns);
  json_put_key(j, "clock_offset_ns");
  if (h->clock_offset == VT_CLOCK_UNKNOWN)
    json_put_null(j);
  else
    json_put_number(j, h->clock_offset);
  json_member_u64(j, "end_ns", d->end_ns);
  json_member_text(j, "ended", digest_ended(d));
  json_member_number(j, "end_status", h->end_status);
  put_successor(j, d);
}

static void put_settings(struct json_writer *j, const struct digest *d)
{
  const struct vt_file_header *h = d->header;

  json_member_text(j, "heap", h->flags & VT_F_HEAP_NEXT ? "next" : "pin");
  json_member_u64(j, "sample_ms", h->sample_ms);
  json_member_u64(j, "stack_frames", h->stack_frames);
  json_member_u64(j, "page_size", h->page_size);
  json_member_bool(j, "pfn_visible", h->flags & VT_F_PFN_VISIBLE);
  json_member_bool(j, "packed", h->flags & VT_F_PACKED);
  json_member_u64(j, "threads", reader_threads(d->reader));
  json_member_u64(j, "samples", d->count[VT_R_SAMPLE]);
}

static void put_damage(struct json_writer *j, const struct reader_damage *damage)
{
  json_put_key(j, "damage");
  json_open_object(j);
  json_member_u64(j, "bad_chunks", damage->bad_chunks);
  json_member_u64(j, "bad_records", damage->bad_records);
  json_member_u64(j, "first_offset", damage->first_offset);
  json_member_bool(j, "cut", damage->cut);
  json_close(j);
}

void info_json(struct json_writer *j, const struct digest *d)
{
  const struct vt_file_header *h = d->header;

  json_open_object(j);
  put_process(j, d);
  put_settings(j, d);
  put_counts(j, d);
  put_stacks(j, &d->stacks);
  put_marks(j, &d->marks);
  json_member_u64(j, "file_bytes", reader_size(d->reader));
  json_put_key(j, "bytes_per_event");
  if (d->events)
    json_put_real(j, (double)reader_size(d->reader) / (double)d->events, 4);
  else
    json_put_null(j);
  json_member_u64(j, "lost", d->lost);
  json_member_bool(j, "complete", d->complete);
  json_member_text(j, "stop_reason", digest_stop_words(h->stop_reason));
  json_member_u64(j, "stop_ns", h->stop_ns);
  json_member_bool(j, "deterministic", d->deterministic);
  json_member_text(j, "nondet_reason", digest_nondet_words(h->nondet_reason));
  json_member_u64(j, "nondet_ns", h->nondet_ns);
  info_caveats_json(j, d);
  put_damage(j, d->damage);
  info_errors_json(j, d);
  json_close(j);
}
