/*
 * `vmtrace dump` for people: time, thread, number, op, then the fields, in
 * columns.
 */
#include "report/event_line.h"

#define THREAD_WIDTH 9
#define OP_WIDTH 13
#define ADDR_WIDTH 17

static void frames(struct emit *e, const struct event *event)
{
  const uint8_t *p = event->tail;
  uint64_t frame = 0;
  const char *before = "";

  while (event_next_frame(&p, event->tail + event->tail_len, &frame)) {
    emit_text(e, before);
    emit_hex(e, frame);
    before = ",";
  }
}

static void module(struct emit *e, const struct event *event)
{
  size_t n = event_module_name(event);

  emit_clean(e, event->tail, n);
  if (n < event->tail_len) {
    emit_literal(e, " build_id=");
    emit_clean(e, event->tail + n + 1, event->tail_len - n - 1);
  }
}

static void value(const struct event_line *line, const struct event *event, enum field_style style, uint64_t v)
{
  struct emit *e = line->emit;

  switch (style) {
  case FIELD_ADDRESS:
  case FIELD_BITS:
    emit_hex(e, v);
    break;
  case FIELD_SIGNED:
    emit_i64(e, (int32_t)v);
    break;
  case FIELD_THREAD:
    emit_text(e, v >= VT_NO_THREAD ? "-" : reader_lineage(line->reader, (uint32_t)v));
    break;
  case FIELD_TEXT:
    emit_clean(e, event->tail, event->tail_len);
    break;
  case FIELD_MODULE:
    module(e, event);
    break;
  case FIELD_FRAMES:
    frames(e, event);
    break;
  case FIELD_NUMBER:
    emit_u64(e, v);
    break;
  }
}

/* Seconds since the start with nine decimals; events cannot be earlier, but damage can make them. */
static void time_column(struct emit *e, uint64_t ns)
{
  emit_u64_width(e, ns / 1000000000, 5, ' ');
  emit_char(e, '.');
  emit_u64_width(e, ns % 1000000000, 9, '0');
  emit_literal(e, "  ");
}

static void head(const struct event_line *line, const struct event *event)
{
  struct emit *e = line->emit;
  size_t mark;

  time_column(e, event->time_ns > line->start_ns ? event->time_ns - line->start_ns : 0);
  mark = emit_mark(e);
  emit_text(e, reader_lineage(line->reader, event->thread));
  emit_pad(e, mark, THREAD_WIDTH);
  emit_u64_width(e, event->seq, 9, ' ');
  emit_literal(e, "  ");
  mark = emit_mark(e);
  emit_text(e, reader_op_name(event->type));
  emit_pad(e, mark, OP_WIDTH);
}

/* The address has a column of its own; the order of the others is the record's. */
static void address(struct emit *e, uint64_t addr)
{
  size_t mark = emit_mark(e);

  emit_hex(e, addr);
  emit_pad(e, mark, ADDR_WIDTH);
}

static void number(struct emit *e, const char *name, uint64_t v)
{
  emit_text(e, name);
  emit_u64(e, v);
}

static bool heap_event(const struct event_line *line, const struct event *event)
{
  struct emit *e = line->emit;

  switch (event->type) {
  case VT_R_ALLOC:
    address(e, event->field[0]);
    number(e, "size=", event->field[1]);
    if (event->field[2] != 16)
      number(e, " align=", event->field[2]);
    break;
  case VT_R_FREE:
    if (line->old_size) {
      address(e, event->field[0]);
      number(e, "size=", line->old_size);
    } else {
      emit_hex(e, event->field[0]);
    }
    break;
  case VT_R_REALLOC:
    address(e, event->field[1]);
    number(e, "size=", event->field[2]);
    emit_literal(e, " old=");
    emit_hex(e, event->field[0]);
    if (line->old_size)
      number(e, " old_size=", line->old_size);
    break;
  default:
    return false;
  }
  return true;
}

static void other_event(const struct event_line *line, const struct event *event)
{
  struct emit *e = line->emit;
  unsigned n;
  const struct event_field *fields = event_fields(event->type, &n);
  const char *before = "";

  for (unsigned i = 0; i < n; i++) {
    if (fields[i].length == 4 && !memcmp(fields[i].name, "addr", 4))
      address(e, event->field[i]);
  }
  for (unsigned i = 0; i < n; i++) {
    if (fields[i].length == 4 && !memcmp(fields[i].name, "addr", 4))
      continue;
    emit_text(e, before);
    emit_bytes(e, fields[i].name, fields[i].length);
    emit_char(e, '=');
    value(line, event, fields[i].style, i < event->fields ? event->field[i] : 0);
    before = " ";
  }
}

void event_line_text(const struct event_line *line, const struct event *event)
{
  head(line, event);
  if (!heap_event(line, event))
    other_event(line, event);
  if (event->stack)
    number(line->emit, " stack=", event->stack);
  emit_char(line->emit, '\n');
}
