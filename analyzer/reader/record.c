/*
 * The table of general records and the decoding of one payload.  Knows
 * nothing of chunks or streams.  Called by stream.c.
 */
#include "reader/record.h"

#include <string.h>

/* The names taken apart, so that the table in format.h stays the only place that lists them. */
static void shape_complete(struct record_shape *shape, uint32_t type)
{
  uint32_t first = VT_T_FIRST_OF(vt_record_traits(type));
  const char *p = shape->names;

  for (unsigned i = 0; *p; i++) {
    size_t length = strcspn(p, " *");

    shape->field[i] = (struct record_field){p, (uint8_t)length, shape->kinds[i]};
    shape->tail = p[length] == '*';
    shape->fields += !shape->tail;
    p += length + shape->tail;
    p += *p == ' ';
  }
  shape->at_least = (uint8_t)(first ? first : shape->fields);
}

const struct record_shape *record_shape(uint32_t type)
{
  static struct record_shape shapes[VT_R_LIMIT] = {
#define X(name, number, op_name, field_names, field_kinds, class, traits)                                              \
  [number] = {.op = op_name, .names = field_names, .kinds = field_kinds},
      VT_RECORDS(X)
#undef X
  };
  static const struct record_shape unknown = {
      .names = "", .kinds = "", .tail = true, .field = {{.name = "", .kind = VT_FIELD_TEXT}}};
  static bool complete;

  if (!complete) {
    for (unsigned i = 0; i < VT_R_LIMIT; i++) {
      if (shapes[i].op)
        shape_complete(&shapes[i], i);
      else
        shapes[i] = unknown;
    }
    complete = true;
  }
  return type < VT_R_LIMIT ? &shapes[type] : &unknown;
}

bool record_parse(struct event *event, const struct vt_general *record)
{
  const struct record_shape *shape = record_shape(record->type);
  const uint8_t *behind = vt_take_fields(record, shape->fields, shape->at_least, event->field);

  if (!behind)
    return false;
  event->type = record->type;
  event->fields = shape->fields;
  event->tail = shape->tail ? behind : NULL;
  event->tail_len = shape->tail ? (size_t)(record->payload + record->length - behind) : 0;
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
