/*
 * Which fields an event has and how each is shown, by its name: tables, so that
 * all formats and all records agree.  Writes nothing itself.  Called by event_text.c and event_json.c.
 */
#include <string.h>

#include "reader/record.h"
#include "report/event_line.h"
#include "vmtrace/codec.h"

/* What is known of a record's field before there is an event. */
struct shape {
  const char *name;
  uint8_t length, style;
  uint8_t source; /* index of the number; SOURCE_* */
};

enum { SOURCE_OLD_SIZE = VT_FIELDS_MAX, SOURCE_TAIL, SOURCE_PATH, SOURCE_BUILD_ID };

struct shapes {
  unsigned count;
  struct shape shape[VT_FIELDS_MAX + 3];
};

static const uint8_t styles[] = {
    [VT_FIELD_ADDRESS] = FIELD_ADDRESS, [VT_FIELD_BYTES] = FIELD_NUMBER,   [VT_FIELD_NUMBER] = FIELD_NUMBER,
    [VT_FIELD_TIME] = FIELD_NUMBER,     [VT_FIELD_SIGNED] = FIELD_SIGNED,  [VT_FIELD_BITS] = FIELD_BITS,
    [VT_FIELD_CODE] = FIELD_NUMBER,     [VT_FIELD_PROCESS] = FIELD_NUMBER, [VT_FIELD_TID] = FIELD_NUMBER,
    [VT_FIELD_STREAM] = FIELD_THREAD,   [VT_FIELD_STACK] = FIELD_NUMBER,   [VT_FIELD_FRAME] = FIELD_ADDRESS,
    [VT_FIELD_RAW] = FIELD_ADDRESS,     [VT_FIELD_TEXT] = FIELD_TEXT,      [VT_FIELD_MODULE] = FIELD_TEXT,
    [VT_FIELD_FRAMES] = FIELD_FRAMES,
};

/* The events of the heap say more than their records: the sizes of blocks that end. */
#define SHAPE(name, style, source)                                                                                     \
  {                                                                                                                    \
    name, sizeof(name) - 1, style, source                                                                              \
  }
static const struct shapes heap_shapes[] = {
    [VT_R_ALLOC] = {3,
                    {SHAPE("addr", FIELD_ADDRESS, 0), SHAPE("size", FIELD_NUMBER, 1), SHAPE("align", FIELD_NUMBER, 2)}},
    [VT_R_FREE] = {2, {SHAPE("addr", FIELD_ADDRESS, 0), SHAPE("size", FIELD_NUMBER, SOURCE_OLD_SIZE)}},
    [VT_R_REALLOC] = {4,
                      {SHAPE("addr", FIELD_ADDRESS, 1), SHAPE("size", FIELD_NUMBER, 2), SHAPE("old", FIELD_ADDRESS, 0),
                       SHAPE("old_size", FIELD_NUMBER, SOURCE_OLD_SIZE)}},
};

static bool is_address(const struct shape *shape)
{
  return shape->length == 4 && !memcmp(shape->name, "addr", 4);
}

/* The address has a column of its own in text: it comes first. */
static void address_first(struct shapes *shapes)
{
  for (unsigned i = 1; i < shapes->count; i++) {
    struct shape address = shapes->shape[i];

    if (is_address(&address)) {
      memmove(shapes->shape + 1, shapes->shape, i * sizeof *shapes->shape);
      shapes->shape[0] = address;
    }
  }
}

/* From the table of records.  A module's name is two things in one. */
static void shapes_make(uint32_t type, struct shapes *shapes)
{
  const struct record_shape *record = record_shape(type);
  unsigned n = 0;

  for (; n < (unsigned)record->fields + record->tail; n++) {
    const struct record_field *field = &record->field[n];

    shapes->shape[n] = (struct shape){field->name, field->length, styles[(unsigned char)field->kind],
                                      (uint8_t)(n < record->fields ? n : SOURCE_TAIL)};
  }
  if (n && record->field[n - 1].kind == VT_FIELD_MODULE) {
    shapes->shape[n - 1].source = SOURCE_PATH;
    shapes->shape[n++] = (struct shape)SHAPE("path", FIELD_TEXT, SOURCE_PATH);
    shapes->shape[n++] = (struct shape)SHAPE("build_id", FIELD_TEXT, SOURCE_BUILD_ID);
  }
  shapes->count = n;
  address_first(shapes);
}

static const struct shapes *shapes_of(uint32_t type)
{
  static struct {
    bool known;
    struct shapes shapes;
  } table[VT_R_LIMIT];

  if (type < sizeof heap_shapes / sizeof *heap_shapes && heap_shapes[type].count)
    return &heap_shapes[type];
  if (type < VT_R_LIMIT && !table[type].known) {
    shapes_make(type, &table[type].shapes);
    table[type].known = true;
  }
  return type < VT_R_LIMIT ? &table[type].shapes : &table[0].shapes;
}

/* Where the path in a module's tail ends. */
static size_t path_length(const struct event *e)
{
  const uint8_t *zero = e->tail_len ? memchr(e->tail, 0, e->tail_len) : NULL;

  return zero ? (size_t)(zero - e->tail) : e->tail_len;
}

static void set_bytes(struct event_field *field, const struct event *e, unsigned source)
{
  size_t length = source == SOURCE_TAIL ? e->tail_len : path_length(e);

  field->bytes = e->tail;
  field->byte_count = length;
  if (source != SOURCE_BUILD_ID)
    return;
  field->byte_count = length < e->tail_len ? e->tail_len - length - 1 : 0;
  field->bytes = e->tail_len ? e->tail + (e->tail_len - field->byte_count) : e->tail;
}

/* What goes without saying: the usual alignment, sizes that are not known, a path said before, no build id. */
static bool is_usual(const struct event *e, const struct shape *shape, const struct event_field *field)
{
  if (e->type == VT_R_ALLOC)
    return shape->source == 2 && field->value == 16;
  if (shape->source == SOURCE_OLD_SIZE)
    return !field->value;
  if (e->type == VT_R_MODULE && shape->style == FIELD_TEXT)
    return shape->source == SOURCE_BUILD_ID ? !field->byte_count : field->length == 4 && field->name[0] == 'p';
  return false;
}

unsigned event_fields(const struct event_line *line, const struct event *e, struct event_field *fields)
{
  const struct shapes *shapes = shapes_of(e->type);
  unsigned n = shapes->count;

  for (unsigned i = 0; i < n; i++) {
    const struct shape *shape = &shapes->shape[i];
    struct event_field *field = &fields[i];

    *field = (struct event_field){.name = shape->name, .length = shape->length, .style = shape->style};
    if (shape->source >= SOURCE_TAIL)
      set_bytes(field, e, shape->source);
    else if (shape->source == SOURCE_OLD_SIZE)
      field->value = line->old_size;
    else
      field->value = shape->source < e->fields ? e->field[shape->source] : 0;
    field->usual = is_usual(e, shape, field);
  }
  if (e->stack)
    fields[n++] = (struct event_field){.name = "stack", .length = 5, .style = FIELD_NUMBER, .value = e->stack};
  return n;
}

bool event_next_frame(const uint8_t **p, const uint8_t *end, uint64_t *frame)
{
  uint64_t delta;
  const uint8_t *next = *p < end ? vt_get_leb(*p, end, &delta) : NULL;

  if (!next)
    return false;
  *p = next;
  *frame += (uint64_t)vt_unzigzag(delta);
  return true;
}

void event_line_write(const struct event_line *line, const struct event *e, const struct event_format *format)
{
  struct event_field fields[EVENT_FIELDS_MAX];
  unsigned count = event_fields(line, e, fields);

  format->begin(line, e);
  for (unsigned i = 0; i < count; i++) {
    if (format->name(line, &fields[i], i, count))
      format->value[fields[i].style](line, &fields[i]);
  }
  format->end(line);
}
