/*
 * One event as one line: for people, or as a JSON object.  One walk over an
 * event's fields (event_field.c), and a table of operations for each format.
 */
#ifndef VMTRACE_EVENT_LINE_H
#define VMTRACE_EVENT_LINE_H

#include "model/blocks.h"
#include "reader/reader.h"
#include "report/emit.h"

/* What a line needs beside the event. */
struct event_line {
  struct emit *emit;
  const struct reader *reader;
  uint64_t start_ns; /* times in text count from here */
  uint64_t old_size; /* of the block that a free or realloc ends; 0: not known */
};

/* How a field is shown. */
enum field_style {
  FIELD_NUMBER,
  FIELD_ADDRESS, /* hexadecimal; in JSON a string */
  FIELD_SIGNED,  /* a 32-bit number that may be negative */
  FIELD_THREAD,  /* a stream number: shown as the lineage */
  FIELD_BITS,    /* flags: hexadecimal in text, a number in JSON */
  FIELD_TEXT,    /* bytes, as a string */
  FIELD_FRAMES,  /* bytes, as a list of frame numbers */
  FIELD_STYLES
};

/* A field with its content. */
struct event_field {
  const char *name;
  uint8_t length; /* of the name */
  uint8_t style;  /* enum field_style */
  bool usual;     /* says nothing that people would miss */
  uint64_t value;
  const uint8_t *bytes; /* FIELD_TEXT, FIELD_FRAMES: byte_count of them, the event's */
  size_t byte_count;
};

#define EVENT_FIELDS_MAX (VT_FIELDS_MAX + 4)

/* The fields of an event, an address first; how many. */
unsigned event_fields(const struct event_line *line, const struct event *e, struct event_field *fields);

/* The next frame number of bytes of that style, from *p on; false at its end. */
bool event_next_frame(const uint8_t **p, const uint8_t *end, uint64_t *frame);

/* A format: what is written before the fields, before and for each field by its style, and behind all. */
typedef void field_writer(const struct event_line *line, const struct event_field *field);
struct event_format {
  void (*begin)(const struct event_line *line, const struct event *e);
  /* index: of the field, of count.  False: it is left out. */
  bool (*name)(const struct event_line *line, const struct event_field *field, unsigned index, unsigned count);
  field_writer *value[FIELD_STYLES];
  void (*end)(const struct event_line *line);
};

void event_line_text(const struct event_line *line, const struct event *e);

/* Always op, thread, seq and time_ns; then the fields by their names. */
void event_line_json(const struct event_line *line, const struct event *e);

/* For the two of them alone. */
void event_line_write(const struct event_line *line, const struct event *e, const struct event_format *format);

#endif
