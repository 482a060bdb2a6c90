/*
 * `vmtrace dump` for people: time, thread, number, op, then the fields, in
 * columns.  The operations of a format; called through event_line_write.
 */
#include "report/event_line.h"

#define THREAD_WIDTH 9
#define OP_WIDTH 13
#define ADDR_WIDTH 17

/* Seconds since the start with nine decimals; events cannot be earlier, but damage can make them. */
static void time_column(struct emit *e, uint64_t ns)
{
  emit_u64_width(e, ns / 1000000000, 5, ' ');
  emit_char(e, '.');
  emit_u64_width(e, ns % 1000000000, 9, '0');
  emit_literal(e, "  ");
}

static void begin(const struct event_line *line, const struct event *event)
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

/* An address that comes first has a column of its own, and needs no name. */
static bool name(const struct event_line *line, const struct event_field *field, unsigned index, unsigned count)
{
  struct emit *e = line->emit;

  if (field->usual)
    return false;
  if (index == 0 && field->style == FIELD_ADDRESS && field->length == 4) {
    size_t mark = emit_mark(e);

    emit_hex(e, field->value);
    if (count > 1 && !(count == 2 && field[1].usual))
      emit_pad(e, mark, ADDR_WIDTH - 1);
    return false;
  }
  if (index)
    emit_char(e, ' ');
  emit_bytes(e, field->name, field->length);
  emit_char(e, '=');
  return true;
}

static void number(const struct event_line *line, const struct event_field *field)
{
  emit_u64(line->emit, field->value);
}

static void hexadecimal(const struct event_line *line, const struct event_field *field)
{
  emit_hex(line->emit, field->value);
}

static void signed_number(const struct event_line *line, const struct event_field *field)
{
  emit_i64(line->emit, (int32_t)field->value);
}

static void thread(const struct event_line *line, const struct event_field *field)
{
  emit_text(line->emit, field->value >= VT_NO_THREAD ? "-" : reader_lineage(line->reader, (uint32_t)field->value));
}

static void text(const struct event_line *line, const struct event_field *field)
{
  emit_plain(line->emit, field->bytes, field->byte_count);
}

static void frames(const struct event_line *line, const struct event_field *field)
{
  const uint8_t *p = field->bytes;
  uint64_t frame = 0;
  const char *before = "";

  while (event_next_frame(&p, field->bytes + field->byte_count, &frame)) {
    emit_text(line->emit, before);
    emit_hex(line->emit, frame);
    before = ",";
  }
}

static void end(const struct event_line *line)
{
  emit_char(line->emit, '\n');
}

static const struct event_format plain = {
    .begin = begin,
    .name = name,
    .value = {[FIELD_NUMBER] = number,
              [FIELD_ADDRESS] = hexadecimal,
              [FIELD_SIGNED] = signed_number,
              [FIELD_THREAD] = thread,
              [FIELD_BITS] = hexadecimal,
              [FIELD_TEXT] = text,
              [FIELD_FRAMES] = frames},
    .end = end,
};

void event_line_text(const struct event_line *line, const struct event *e)
{
  event_line_write(line, e, &plain);
}
