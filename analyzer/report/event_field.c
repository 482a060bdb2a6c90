/*
 * How each field of each record is shown, by its name.  A table, so that both
 * formats and all records agree.  Called by event_text.c and event_json.c.
 */
#include <string.h>

#include "report/event_line.h"
#include "vmtrace/codec.h"

#define FIELDS_LIMIT (VT_FIELDS_MAX + 1)

static const struct {
  const char *name;
  enum field_style style;
} styles[] = {
    {"addr", FIELD_ADDRESS},  {"old", FIELD_ADDRESS},  {"pc", FIELD_ADDRESS}, {"ip", FIELD_ADDRESS},
    {"pfn", FIELD_ADDRESS},   {"bits", FIELD_ADDRESS}, {"fd", FIELD_SIGNED},  {"status", FIELD_SIGNED},
    {"parent", FIELD_THREAD}, {"prot", FIELD_BITS},    {"flags", FIELD_BITS}, {"state", FIELD_BITS},
    {"dev", FIELD_BITS},      {"pfns", FIELD_FRAMES},
};

static enum field_style style_of(uint32_t type, const char *name, size_t length, bool tail)
{
  if (type == VT_R_THREAD_JOIN) /* elsewhere child is a process */
    return FIELD_THREAD;
  if (type == VT_R_STACK_NODE && length == 6) /* parent is a call stack */
    return FIELD_NUMBER;
  if (type == VT_R_MODULE && tail)
    return FIELD_MODULE;
  for (size_t i = 0; i < sizeof styles / sizeof *styles; i++) {
    if (strlen(styles[i].name) == length && !memcmp(styles[i].name, name, length))
      return styles[i].style;
  }
  return tail ? FIELD_TEXT : FIELD_NUMBER;
}

static unsigned split(uint32_t type, struct event_field *fields)
{
  const char *p = reader_field_names(type);
  unsigned n = 0;

  while (*p && n < FIELDS_LIMIT) {
    size_t length = strcspn(p, " *");
    bool tail = p[length] == '*';

    fields[n++] = (struct event_field){p, (uint8_t)length, (uint8_t)style_of(type, p, length, tail)};
    p += length + tail;
    p += *p == ' ';
  }
  return n;
}

const struct event_field *event_fields(uint32_t type, unsigned *count)
{
  static struct {
    bool known;
    unsigned count;
    struct event_field fields[FIELDS_LIMIT];
  } table[VT_R_LIMIT];

  if (type >= VT_R_LIMIT) {
    *count = 0;
    return table[0].fields;
  }
  if (!table[type].known) {
    table[type].count = split(type, table[type].fields);
    table[type].known = true;
  }
  *count = table[type].count;
  return table[type].fields;
}

size_t event_module_name(const struct event *e)
{
  const uint8_t *zero = e->tail_len ? memchr(e->tail, 0, e->tail_len) : NULL;

  return zero ? (size_t)(zero - e->tail) : e->tail_len;
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
