/*
 * `vmtrace dump --format=json`: one object per line.  Keys are a contract
 * (man/vmtrace-dump.1).  Hand-written, because traces have millions of lines.
 * The operations of a format; called through event_line_write.
 */
#include "report/event_line.h"

static void begin(const struct event_line *line, const struct event *event)
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

static bool name(const struct event_line *line, const struct event_field *field, unsigned index, unsigned count)
{
  struct emit *e = line->emit;

  (void)index;
  (void)count;
  emit_room(e, field->length + 4u);
  emit_literal(e, ",\"");
  emit_bytes(e, field->name, field->length);
  emit_literal(e, "\":");
  return true;
}

static void number(const struct event_line *line, const struct event_field *field)
{
  emit_u64(line->emit, field->value);
}

static void address(const struct event_line *line, const struct event_field *field)
{
  emit_char(line->emit, '"');
  emit_hex(line->emit, field->value);
  emit_char(line->emit, '"');
}

static void signed_number(const struct event_line *line, const struct event_field *field)
{
  emit_i64(line->emit, (int32_t)field->value);
}

static void thread(const struct event_line *line, const struct event_field *field)
{
  const char *lineage;

  if (field->value >= VT_NO_THREAD) {
    emit_literal(line->emit, "null");
    return;
  }
  lineage = reader_lineage(line->reader, (uint32_t)field->value);
  emit_json_string(line->emit, (const uint8_t *)lineage, strlen(lineage));
}

static void text(const struct event_line *line, const struct event_field *field)
{
  emit_json_string(line->emit, field->bytes, field->byte_count);
}

static void frames(const struct event_line *line, const struct event_field *field)
{
  struct emit *e = line->emit;
  const uint8_t *p = field->bytes;
  uint64_t frame = 0;
  const char *before = "\"";

  emit_char(e, '[');
  while (event_next_frame(&p, field->bytes + field->byte_count, &frame)) {
    emit_text(e, before);
    emit_hex(e, frame);
    emit_char(e, '"');
    before = ",\"";
  }
  emit_char(e, ']');
}

static void end(const struct event_line *line)
{
  emit_literal(line->emit, "}\n");
}

static const struct event_format json = {
    .begin = begin,
    .name = name,
    .value = {[FIELD_NUMBER] = number,
              [FIELD_ADDRESS] = address,
              [FIELD_SIGNED] = signed_number,
              [FIELD_THREAD] = thread,
              [FIELD_BITS] = number,
              [FIELD_TEXT] = text,
              [FIELD_FRAMES] = frames},
    .end = end,
};

void event_line_json(const struct event_line *line, const struct event *e)
{
  event_line_write(line, e, &json);
}
