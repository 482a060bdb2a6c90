/*
 * `vmtrace dump --format=json`: one object per line.  Keys are a contract
 * (man/vmtrace-dump.1).  Hand-written, because traces have millions of lines.
 * The operations of a format; called through event_line_write.
 */
#include "output/digits.h"
#include "report/event_line.h"

static void time_keep(struct event_line *line, uint64_t time_ns)
{
  static const char key[] = ",\"time_ns\":";

  memcpy(line->latest.time, key, sizeof key - 1);
  line->latest.time_ns = time_ns;
  line->latest.time_length =
      (uint32_t)(digits_decimal(line->latest.time + sizeof key - 1, time_ns) - line->latest.time);
}

/* The lineage and the key behind it. */
static void thread_write(struct emit *e, const char *lineage)
{
  emit_text(e, lineage);
  emit_literal(e, "\",\"seq\":");
}

/* The same, kept; false when it is too long for that. */
static bool thread_keep(struct event_line *line, uint32_t thread)
{
  const char *lineage = reader_lineage(line->reader, thread);

  line->latest.thread = thread;
  line->latest.thread_length = 0;
  if (strlen(lineage) + sizeof "\",\"seq\":" > EVENT_LATEST_MAX)
    return false;
  line->latest.thread_length =
      (uint32_t)snprintf(line->latest.thread_text, sizeof line->latest.thread_text, "%s\",\"seq\":", lineage);
  return true;
}

static void begin(struct event_line *line, const struct event *event, const struct event_layout *layout)
{
  struct emit *e = line->emit;
  char *p = emit_begin(e, sizeof layout->op);

  memcpy(p, layout->op, sizeof layout->op);
  p += layout->op_length;
  if ((line->latest.thread_length && line->latest.thread == event->thread) || thread_keep(line, event->thread)) {
    memcpy(p, line->latest.thread_text, sizeof line->latest.thread_text);
    p += line->latest.thread_length;
  } else {
    emit_end(e, p);
    thread_write(e, reader_lineage(line->reader, event->thread));
    p = emit_begin(e, 0);
  }
  p = digits_decimal(p, event->seq);
  if (!line->latest.time_length || line->latest.time_ns != event->time_ns)
    time_keep(line, event->time_ns);
  memcpy(p, line->latest.time, sizeof line->latest.time);
  emit_end(e, p + line->latest.time_length);
}

static void thread(const struct event_line *line, uint64_t stream)
{
  const char *lineage;

  if (stream >= VT_NO_THREAD) {
    emit_literal(line->emit, "null");
    return;
  }
  lineage = reader_lineage(line->reader, (uint32_t)stream);
  emit_json_string(line->emit, (const uint8_t *)lineage, strlen(lineage));
}

static void frames(struct emit *e, const uint8_t *bytes, size_t n)
{
  const uint8_t *p = bytes;
  uint64_t frame = 0;
  const char *before = "\"";

  emit_char(e, '[');
  while (event_next_frame(&p, bytes + n, &frame)) {
    emit_text(e, before);
    emit_hex(e, frame);
    emit_char(e, '"');
    before = ",\"";
  }
  emit_char(e, ']');
}

void event_line_json(struct event_line *line, const struct event *e)
{
  static struct event_layout layouts[VT_R_LIMIT];
  static const struct event_format json = {
      .layouts = layouts,
      .op_before = "{\"op\":\"",
      .op_after = "\",\"thread\":\"",
      .name_before = ",\"",
      .name_after = "\":",
      .json = true,
      .begin = begin,
      .thread = thread,
      .text = emit_json_string,
      .frames = frames,
      .end = "}\n",
  };

  event_line_write(line, e, &json);
}
