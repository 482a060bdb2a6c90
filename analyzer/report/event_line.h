/*
 * One event as one line: for people, or as a JSON object.  Each
 * format is a struct of operations and words; which fields a record has, and in what order, is the
 * same for all (event_field.c).
 */
#ifndef VMTRACE_EVENT_LINE_H
#define VMTRACE_EVENT_LINE_H

#include "output/emit.h"
#include "reader/reader.h"
#include "track/heap/blocks.h"

struct event_format;

/* What a line needs beside the event. */
struct event_line {
  struct emit *emit;
  const struct reader *reader;
  uint64_t start_ns; /* times in text count from here */
  uint64_t old_size; /* of the block that a free or realloc ends; 0: not known */

  /* Texts of the line before, because most events have the thread of the one before, and its time.  Zero at first. */
  struct {
    const struct event_format *format; /* whose they are; NULL: none */
    uint64_t time_ns;
    uint32_t thread;
    uint32_t time_length, thread_length; /* 0: none */
    char time[48], thread_text[48];
  } latest;
};

#define EVENT_LATEST_MAX 40 /* bytes of a text that is kept */

void event_line_text(struct event_line *line, const struct event *e);

/* Always op, thread, seq and time_ns; then the fields by their names. */
void event_line_json(struct event_line *line, const struct event *e);

/* What follows is for event_*.c alone. */

/* How a field is shown. */
enum field_style {
  FIELD_NUMBER,
  FIELD_HEX,
  FIELD_SIGNED, /* a 32-bit number that may be negative */
  FIELD_THREAD, /* a stream number: shown as the lineage */
  FIELD_TEXT,   /* bytes, as a string */
  FIELD_FRAMES, /* bytes, as a list of frame numbers */
};

/* When a field says nothing that people would miss. */
enum field_usual { USUAL_NEVER, USUAL_ALIGN, USUAL_ZERO, USUAL_EMPTY, USUAL_ALWAYS };

/* A field of a kind of record, in one format. */
struct event_item {
  char before[24]; /* what comes before the value: its name */
  uint8_t before_length;
  uint8_t style;
  uint8_t source; /* index of the number, or what event_field.c calls it */
  uint8_t usual;
  bool quoted; /* a quotation mark comes behind; the one before is in before */
  bool column; /* without a name, and with a width, when something follows */
};

#define EVENT_ITEMS_MAX (VT_FIELDS_MAX + 4)

/* A kind of record in one format; made when the first one comes. */
struct event_layout {
  bool made;
  uint8_t op_length;
  uint8_t count;
  char op[32]; /* with what is around it */
  struct event_item item[EVENT_ITEMS_MAX];
  struct event_item stack; /* of events that have one, behind all others */
};

struct event_format {
  struct event_layout *layouts; /* VT_R_LIMIT of them */
  const char *op_before, *op_after;
  unsigned op_width; /* at least, with blanks behind */
  const char *name_before, *name_after;
  bool json;
  /* Everything before the fields. */
  void (*begin)(struct event_line *line, const struct event *e, const struct event_layout *layout);
  void (*thread)(const struct event_line *line, uint64_t stream);
  void (*text)(struct emit *e, const uint8_t *bytes, size_t n);
  void (*frames)(struct emit *e, const uint8_t *bytes, size_t n);
  const char *end;
};

/* A line of a record that this version knows. */
void event_line_write(struct event_line *line, const struct event *e, const struct event_format *format);

/* The next frame number of bytes of that style, from *p on; false at its end. */
bool event_next_frame(const uint8_t **p, const uint8_t *end, uint64_t *frame);

#endif
