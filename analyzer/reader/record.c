/*
 * The table of general records and the decoding of one payload.  Knows
 * nothing of chunks or streams.  Called by stream.c and lineage.c.
 */
#include "reader/record.h"

#include <string.h>

#include "vmtrace/codec.h"

/* Counts the fields, so that the table in format.h stays the only place that lists them. */
static void shape_count(struct record_shape *shape)
{
  const char *end = shape->names + strlen(shape->names);

  shape->tail = end > shape->names && end[-1] == '*';
  shape->fields = shape->names[0] != '\0';
  for (const char *p = shape->names; p < end; p++)
    shape->fields += *p == ' ';
  shape->fields -= shape->tail;
}

const struct record_shape *record_shape(uint32_t type)
{
  static struct record_shape shapes[VT_R_LIMIT] = {
#define X(name, number, op_name, field_names, traits) [number] = {.op = op_name, .names = field_names},
      VT_RECORDS(X)
#undef X
  };
  static const struct record_shape unknown = {.names = "", .tail = true};
  static bool counted;

  if (!counted) {
    for (unsigned i = 0; i < VT_R_LIMIT; i++) {
      if (shapes[i].op)
        shape_count(&shapes[i]);
      else
        shapes[i] = unknown;
    }
    counted = true;
  }
  return type < VT_R_LIMIT ? &shapes[type] : &unknown;
}

/* Records that were given more fields later on: in older files those are not there, and read as 0. */
static unsigned fields_at_least(uint32_t type, const struct record_shape *shape)
{
  uint32_t first = vt_record_traits(type) >> 8;

  return first ? first : shape->fields;
}

bool record_parse(struct event *event, uint32_t type, const uint8_t *payload, size_t len)
{
  const struct record_shape *shape = record_shape(type);
  const uint8_t *p = payload, *end = payload + len;

  for (unsigned i = 0; i < shape->fields; i++) {
    event->field[i] = 0;
    if (p == end && i >= fields_at_least(type, shape))
      continue;
    p = vt_get_leb(p, end, &event->field[i]);
    if (!p)
      return false;
  }
  event->type = type;
  event->fields = shape->fields;
  event->tail = shape->tail ? p : NULL;
  event->tail_len = shape->tail ? (size_t)(end - p) : 0;
  return true;
}

bool reader_is_program(const struct event *e)
{
  if (e->type == VT_R_THREAD && e->field[3] == VT_ROLE_SAMPLER)
    return false;
  return vt_record_traits(e->type) & VT_T_PROGRAM;
}

const char *reader_op_name(uint32_t type)
{
  return record_shape(type)->op;
}

const char *reader_field_names(uint32_t type)
{
  return record_shape(type)->names;
}
