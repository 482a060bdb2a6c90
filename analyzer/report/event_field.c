/*
 * Which fields an event has and how each is shown, made from the table of
 * records, so that all formats and all records agree; and the walk over them.
 * Called by event_text.c and event_json.c.
 */
#include <string.h>

#include "output/digits.h"
#include "reader/record.h"
#include "report/event_line.h"
#include "vmtrace/codec.h"

#define LINE_ROOM 8192 /* a line up to its texts stays in one piece: lineages have 4 KiB at most */
#define ADDRESS_WIDTH 16

enum { SOURCE_OLD_SIZE = VT_FIELDS_MAX, SOURCE_TAIL, SOURCE_PATH, SOURCE_BUILD_ID };

/* A field before it is known in which format. */
struct shape {
  const char *name;
  uint8_t length;
  char kind; /* enum vt_field_kind */
  uint8_t source, usual;
};

struct shapes {
  unsigned count;
  struct shape shape[EVENT_ITEMS_MAX];
};

/* The events of the heap say more than their records: the sizes of blocks that end. */
#define SHAPE(name, kind, source, usual)                                                                               \
  {                                                                                                                    \
    name, sizeof(name) - 1, kind, source, usual                                                                        \
  }
static const struct shapes heap_shapes[] = {
    [VT_R_ALLOC] = {3,
                    {SHAPE("addr", VT_FIELD_ADDRESS, 0, USUAL_NEVER), SHAPE("size", VT_FIELD_BYTES, 1, USUAL_NEVER),
                     SHAPE("align", VT_FIELD_NUMBER, 2, USUAL_ALIGN)}},
    [VT_R_FREE] = {2,
                   {SHAPE("addr", VT_FIELD_ADDRESS, 0, USUAL_NEVER),
                    SHAPE("size", VT_FIELD_BYTES, SOURCE_OLD_SIZE, USUAL_ZERO)}},
    [VT_R_REALLOC] = {4,
                      {SHAPE("addr", VT_FIELD_ADDRESS, 1, USUAL_NEVER), SHAPE("size", VT_FIELD_BYTES, 2, USUAL_NEVER),
                       SHAPE("old", VT_FIELD_ADDRESS, 0, USUAL_NEVER),
                       SHAPE("old_size", VT_FIELD_BYTES, SOURCE_OLD_SIZE, USUAL_ZERO)}},
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

/* From the table of records.  A module's name is two things in one: for people its path, which needs no other name, and
 * its build id. */
static void shapes_make(struct shapes *shapes, uint32_t type)
{
  const struct record_shape *record = record_shape(type);
  unsigned n = 0;

  for (; n < (unsigned)record->fields + record->tail; n++) {
    const struct record_field *field = &record->field[n];

    shapes->shape[n] = (struct shape){field->name, field->length, field->kind,
                                      (uint8_t)(n < record->fields ? n : SOURCE_TAIL), USUAL_NEVER};
  }
  if (n && record->field[n - 1].kind == VT_FIELD_MODULE) {
    shapes->shape[n - 1].source = SOURCE_PATH;
    shapes->shape[n++] = (struct shape)SHAPE("path", VT_FIELD_TEXT, SOURCE_PATH, USUAL_ALWAYS);
    shapes->shape[n++] = (struct shape)SHAPE("build_id", VT_FIELD_TEXT, SOURCE_BUILD_ID, USUAL_EMPTY);
  }
  shapes->count = n;
  address_first(shapes);
}

static enum field_style style_of(char kind, bool json)
{
  switch ((enum vt_field_kind)kind) {
  case VT_FIELD_ADDRESS:
  case VT_FIELD_FRAME:
  case VT_FIELD_RAW:
    return FIELD_HEX;
  case VT_FIELD_BITS:
    return json ? FIELD_NUMBER : FIELD_HEX;
  case VT_FIELD_SIGNED:
    return FIELD_SIGNED;
  case VT_FIELD_STREAM:
    return FIELD_THREAD;
  case VT_FIELD_TEXT:
  case VT_FIELD_MODULE:
    return FIELD_TEXT;
  case VT_FIELD_FRAMES:
    return FIELD_FRAMES;
  default:
    return FIELD_NUMBER;
  }
}

static struct event_item item_of(const struct shape *shape, bool first, const struct event_format *format)
{
  struct event_item item = {.style = (uint8_t)style_of(shape->kind, format->json), .source = shape->source};

  item.quoted = format->json && item.style == FIELD_HEX;
  item.usual = format->json ? USUAL_NEVER : shape->usual;
  item.column = !format->json && first && is_address(shape);
  if (!item.column)
    item.before_length = (uint8_t)snprintf(item.before, sizeof item.before, "%s%.*s%s%s",
                                           first && !format->json ? "" : format->name_before, shape->length,
                                           shape->name, format->name_after, item.quoted ? "\"" : "");
  return item;
}

static void layout_make(struct event_layout *layout, uint32_t type, const struct event_format *format)
{
  static const struct shape stack = SHAPE("stack", VT_FIELD_STACK, 0, USUAL_NEVER);
  struct shapes shapes;

  if (type < sizeof heap_shapes / sizeof *heap_shapes && heap_shapes[type].count)
    shapes = heap_shapes[type];
  else
    shapes_make(&shapes, type);
  layout->op_length = (uint8_t)snprintf(layout->op, sizeof layout->op, "%s%-*s%s", format->op_before,
                                        (int)format->op_width, reader_op_name(type), format->op_after);
  for (unsigned i = 0; i < shapes.count; i++) {
    struct event_item item = item_of(&shapes.shape[i], i == 0, format);

    if (item.usual != USUAL_ALWAYS)
      layout->item[layout->count++] = item;
  }
  layout->stack = item_of(&stack, false, format);
  layout->made = true;
}

/* Where the path in a module's tail ends. */
static size_t path_length(const struct event *e)
{
  const uint8_t *zero = e->tail_len ? memchr(e->tail, 0, e->tail_len) : NULL;

  return zero ? (size_t)(zero - e->tail) : e->tail_len;
}

/* The bytes that source means; how many. */
static size_t bytes_of(const struct event *e, unsigned source, const uint8_t **bytes)
{
  size_t length = source == SOURCE_TAIL ? e->tail_len : path_length(e);

  *bytes = e->tail;
  if (source != SOURCE_BUILD_ID)
    return length;
  length = length < e->tail_len ? e->tail_len - length - 1 : 0;
  *bytes = e->tail_len ? e->tail + (e->tail_len - length) : e->tail;
  return length;
}

static inline char *item_begin(struct emit *out, const struct event_item *item)
{
  char *p = emit_begin(out, sizeof item->before + DIGITS_ROOM);

  memcpy(p, item->before, sizeof item->before);
  return p + item->before_length;
}

static void bytes_write(const struct event_line *line, const struct event *e, const struct event_item *item,
                        const struct event_format *format)
{
  const uint8_t *bytes;
  size_t n = bytes_of(e, item->source, &bytes);

  emit_end(line->emit, item_begin(line->emit, item));
  (item->style == FIELD_TEXT ? format->text : format->frames)(line->emit, bytes, n);
}

/* A number; where its text begins.  What counts as a column has blanks behind it, which count when something follows.
 */
static inline const char *number_write(const struct event_line *line, uint64_t v, const struct event_item *item,
                                       const struct event_format *format)
{
  struct emit *out = line->emit;
  char *p = item_begin(out, item), *start = p;

  switch (item->style) {
  case FIELD_NUMBER:
    p = digits_decimal(p, v);
    break;
  case FIELD_HEX:
    p = digits_hex(p, v);
    break;
  case FIELD_SIGNED:
    p = digits_signed(p, (int32_t)v);
    break;
  default:
    emit_end(out, p);
    format->thread(line, v);
    return start;
  }
  *p = '"';
  emit_end(out, p + item->quoted);
  return start;
}

static inline uint64_t value_of(const struct event_line *line, const struct event *e, unsigned source)
{
  if (source == SOURCE_OLD_SIZE)
    return line->old_size;
  return source < e->fields ? e->field[source] : 0;
}

static bool is_usual(const struct event *e, const struct event_item *item, uint64_t v)
{
  const uint8_t *bytes;

  switch (item->usual) {
  case USUAL_ALIGN:
    return v == 16;
  case USUAL_ZERO:
    return !v;
  case USUAL_EMPTY:
    return !bytes_of(e, item->source, &bytes);
  default:
    return item->usual == USUAL_ALWAYS;
  }
}

/* Blanks up to the column that follows an address which begins at start, at least one. */
static void column_pad(struct emit *out, const char *start)
{
  char *p = emit_begin(out, DIGITS_ROOM);

  memset(p, ' ', ADDRESS_WIDTH);
  emit_end(out, p - start < ADDRESS_WIDTH ? start + ADDRESS_WIDTH : p + 1);
}

static void fields_write(const struct event_line *line, const struct event *e, const struct event_layout *layout,
                         const struct event_format *format)
{
  const char *address = NULL; /* where a column begins that is not full yet */

  for (const struct event_item *item = layout->item; item < layout->item + layout->count; item++) {
    bool is_bytes = item->style >= FIELD_TEXT;
    uint64_t v = is_bytes ? 0 : value_of(line, e, item->source);

    if (item->usual && is_usual(e, item, v))
      continue;
    if (address)
      column_pad(line->emit, address);
    address = NULL;
    if (is_bytes) {
      bytes_write(line, e, item, format);
    } else {
      const char *start = number_write(line, v, item, format);

      address = item->column ? start : NULL;
    }
  }
  if (!e->stack)
    return;
  if (address)
    column_pad(line->emit, address);
  number_write(line, e->stack, &layout->stack, format);
}

void event_line_write(struct event_line *line, const struct event *e, const struct event_format *format)
{
  struct event_layout *layout = &format->layouts[e->type];

  if (!layout->made)
    layout_make(layout, e->type, format);
  if (line->latest.format != format) {
    memset(&line->latest, 0, sizeof line->latest);
    line->latest.format = format;
  }
  emit_room(line->emit, LINE_ROOM);
  format->begin(line, e, layout);
  fields_write(line, e, layout, format);
  emit_text(line->emit, format->end);
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
