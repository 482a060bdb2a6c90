/*
 * `vmtrace dump --format=json`: one object per line.  Keys are a contract
 * (man/vmtrace-dump.1).  Hand-written, because traces have millions of lines.
 */
#include "report/event_line.h"

static void key(struct emit *e, const char *name, size_t length)
{
  emit_room(e, length + 4);
  emit_literal(e, ",\"");
  emit_bytes(e, name, length);
  emit_literal(e, "\":");
}

static void frames(struct emit *e, const struct event *event)
{
  const uint8_t *p = event->tail;
  uint64_t frame = 0;
  const char *before = "\"";

  emit_char(e, '[');
  while (event_next_frame(&p, event->tail + event->tail_len, &frame)) {
    emit_text(e, before);
    emit_hex(e, frame);
    emit_char(e, '"');
    before = ",\"";
  }
  emit_char(e, ']');
}

static void module(struct emit *e, const struct event *event)
{
  size_t n = event_module_name(event);

  emit_json_string(e, event->tail, n);
  if (n < event->tail_len) {
    emit_literal(e, ",\"build_id\":");
    emit_json_string(e, event->tail + n + 1, event->tail_len - n - 1);
  }
}

static void value(const struct event_line *line, const struct event *event, enum field_style style, uint64_t v)
{
  struct emit *e = line->emit;

  switch (style) {
  case FIELD_ADDRESS:
    emit_char(e, '"');
    emit_hex(e, v);
    emit_char(e, '"');
    break;
  case FIELD_SIGNED:
    emit_i64(e, (int32_t)v);
    break;
  case FIELD_THREAD:
    if (v >= VT_NO_THREAD) {
      emit_literal(e, "null");
    } else {
      const char *lineage = reader_lineage(line->reader, (uint32_t)v);

      emit_json_string(e, (const uint8_t *)lineage, strlen(lineage));
    }
    break;
  case FIELD_TEXT:
    emit_json_string(e, event->tail, event->tail_len);
    break;
  case FIELD_MODULE:
    module(e, event);
    break;
  case FIELD_FRAMES:
    frames(e, event);
    break;
  case FIELD_NUMBER:
  case FIELD_BITS:
    emit_u64(e, v);
    break;
  }
}

static void head(const struct event_line *line, const struct event *event)
{
  struct emit *e = line->emit;

  emit_literal(e, "{\"op\":\"");
  emit_text(e, reader_op_name(event->type));
  emit_literal(e, "\",\"thread\":\"");
  emit_text(e, reader_lineage(line->reader, event->thread));
  emit_literal(e, "\",\"seq\":");
  emit_u64(e, event->seq);
  emit_literal(e, ",\"time_ns\":");
  emit_u64(e, event->time_ns);
}

static void addr_size(struct emit *e, uint64_t addr, uint64_t size)
{
  emit_literal(e, ",\"addr\":\"");
  emit_hex(e, addr);
  emit_literal(e, "\",\"size\":");
  emit_u64(e, size);
}

/* The events of the heap have their own code: nearly all lines are theirs. */
static bool heap_event(const struct event_line *line, const struct event *event)
{
  struct emit *e = line->emit;

  switch (event->type) {
  case VT_R_ALLOC:
    addr_size(e, event->field[0], event->field[1]);
    emit_literal(e, ",\"align\":");
    emit_u64(e, event->field[2]);
    break;
  case VT_R_FREE:
    addr_size(e, event->field[0], line->old_size);
    break;
  case VT_R_REALLOC:
    addr_size(e, event->field[1], event->field[2]);
    emit_literal(e, ",\"old\":\"");
    emit_hex(e, event->field[0]);
    emit_literal(e, "\",\"old_size\":");
    emit_u64(e, line->old_size);
    break;
  default:
    return false;
  }
  return true;
}

void event_line_json(const struct event_line *line, const struct event *event)
{
  struct emit *e = line->emit;
  const struct event_field *fields;
  unsigned n;

  head(line, event);
  if (!heap_event(line, event)) {
    fields = event_fields(event->type, &n);
    for (unsigned i = 0; i < n; i++) {
      key(e, fields[i].name, fields[i].length);
      value(line, event, fields[i].style, i < event->fields ? event->field[i] : 0);
    }
  }
  if (event->stack) {
    emit_literal(e, ",\"stack\":");
    emit_u64(e, event->stack);
  }
  emit_literal(e, "}\n");
}
