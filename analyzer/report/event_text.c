/*
 * `vmtrace dump` for people: time, thread, number, op, then the fields, in
 * columns.  The operations of a format; called through event_line_write.
 */
#include "output/digits.h"
#include "report/event_line.h"

#define THREAD_WIDTH 9
#define OP_WIDTH 13

/* Seconds since the start with nine decimals; events cannot be earlier, but damage can make them. */
static void time_keep(struct event_line *line, uint64_t time_ns)
{
  uint64_t ns = time_ns > line->start_ns ? time_ns - line->start_ns : 0;
  char *p = line->latest.time;

  p = digits_right(p, ns / 1000000000, 5, ' ');
  *p++ = '.';
  p = digits_right(p, ns % 1000000000, 9, '0');
  memcpy(p, "  ", 2);
  line->latest.time_ns = time_ns;
  line->latest.time_length = (uint32_t)(p + 2 - line->latest.time);
}

/* The thread's column; false when its lineage is too long to be kept. */
static bool thread_keep(struct event_line *line, uint32_t thread)
{
  const char *lineage = reader_lineage(line->reader, thread);

  line->latest.thread = thread;
  line->latest.thread_length = 0;
  if (strlen(lineage) >= EVENT_LATEST_MAX)
    return false;
  line->latest.thread_length =
      (uint32_t)snprintf(line->latest.thread_text, sizeof line->latest.thread_text, "%-*s ", THREAD_WIDTH - 1, lineage);
  return true;
}

static void begin(struct event_line *line, const struct event *event, const struct event_layout *layout)
{
  struct emit *e = line->emit;
  char *p;

  if (!line->latest.time_length || line->latest.time_ns != event->time_ns)
    time_keep(line, event->time_ns);
  p = emit_begin(e, sizeof line->latest.time);
  memcpy(p, line->latest.time, sizeof line->latest.time);
  p += line->latest.time_length;
  if ((line->latest.thread_length && line->latest.thread == event->thread) || thread_keep(line, event->thread)) {
    memcpy(p, line->latest.thread_text, sizeof line->latest.thread_text);
    p += line->latest.thread_length;
  } else {
    emit_end(e, p);
    emit_text(e, reader_lineage(line->reader, event->thread));
    emit_char(e, ' ');
    p = emit_begin(e, 0);
  }
  p = digits_right(p, event->seq, 9, ' ');
  memcpy(p, "  ", 2);
  memcpy(p + 2, layout->op, sizeof layout->op);
  emit_end(e, p + 2 + layout->op_length);
}

static void thread(const struct event_line *line, uint64_t stream)
{
  emit_text(line->emit, stream >= VT_NO_THREAD ? "-" : reader_lineage(line->reader, (uint32_t)stream));
}

static void frames(struct emit *e, const uint8_t *bytes, size_t n)
{
  const uint8_t *p = bytes;
  uint64_t frame = 0;
  const char *before = "";

  while (event_next_frame(&p, bytes + n, &frame)) {
    emit_text(e, before);
    emit_hex(e, frame);
    before = ",";
  }
}

void event_line_text(struct event_line *line, const struct event *e)
{
  static struct event_layout layouts[VT_R_LIMIT];
  static const struct event_format plain = {
      .layouts = layouts,
      .op_before = "",
      .op_after = "",
      .op_width = OP_WIDTH,
      .name_before = " ",
      .name_after = "=",
      .begin = begin,
      .thread = thread,
      .text = emit_plain,
      .frames = frames,
      .end = "\n",
  };

  event_line_write(line, e, &plain);
}
