/*
 * One event as one line: for people, or as a JSON object.
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
  FIELD_TEXT,    /* the tail, as a string */
  FIELD_MODULE,  /* the tail, as a name and, behind a zero byte, a build id */
  FIELD_FRAMES,  /* the tail, as a list of frame numbers */
};

struct event_field {
  const char *name;
  uint8_t length; /* of the name */
  uint8_t style;
};

/* The fields of a record type, the tail last; count of them. */
const struct event_field *event_fields(uint32_t type, unsigned *count);

/* The next frame number of a tail of that style, from *p on; false at its end. */
bool event_next_frame(const uint8_t **p, const uint8_t *end, uint64_t *frame);

/* Where the name of a tail of style FIELD_MODULE ends. */
size_t event_module_name(const struct event *e);

void event_line_text(const struct event_line *line, const struct event *e);

/*
 * Always op, thread, seq and time_ns; addr and size for all events of the heap
 * and of mappings (0 where not known); then the fields by their names.
 */
void event_line_json(const struct event_line *line, const struct event *e);

#endif
