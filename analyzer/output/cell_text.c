/*
 * See cell_text.h.
 */
#include "output/cell_text.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "output/quantity.h"
#include "query/stack_text.h"
#include "reader/plain_text.h"
#include "reader/xalloc.h"

static char *clean(const char *text)
{
  return plain_dup(text, strlen(text));
}

static char *clean_site(const struct cell_view *view, int64_t stack)
{
  char *site = stack_site(view->stacks, stack), *text = clean(site);

  free(site);
  return text;
}

/* A quantity with its sign: differences show which way they go. */
static char *quantity(const struct cell_view *view, int64_t n, char *(*put)(char *buf, uint64_t n))
{
  char buf[QUANTITY_MAX];

  put(buf, n < 0 ? -(uint64_t)n : (uint64_t)n);
  return xasprintf("%s%s", n < 0 ? "-" : view->is_difference && n ? "+" : "", buf);
}

static char *since_origin(const struct cell_view *view, int64_t time_ns)
{
  int64_t origin = view->style ? (int64_t)view->style->origin_ns : 0;
  char buf[QUANTITY_MAX];

  if (time_ns < origin)
    return xasprintf("-%s", quantity_time(buf, (uint64_t)(origin - time_ns)));
  return xstrdup(quantity_time(buf, (uint64_t)(time_ns - origin)));
}

char *cell_text(const struct cell_view *view, union cell cell)
{
  enum column_kind kind = view->column->kind;

  if (kind == COLUMN_TEXT ? !cell.text : cell.number == CELL_UNKNOWN)
    return xstrdup("-");
  switch (kind) {
  case COLUMN_BYTES:
    return quantity(view, cell.number, quantity_bytes);
  case COLUMN_COUNT:
    return quantity(view, cell.number, quantity_count);
  case COLUMN_DURATION:
    return quantity(view, cell.number, quantity_time);
  case COLUMN_TIME:
    return since_origin(view, cell.number);
  case COLUMN_ADDRESS:
  case COLUMN_FRAME:
    return xasprintf("0x%" PRIx64, (uint64_t)cell.number);
  case COLUMN_NUMBER:
    return xasprintf("%" PRId64, cell.number);
  case COLUMN_STACK:
    return clean_site(view, cell.number);
  case COLUMN_TEXT:
    return clean(cell.text);
  }
  return xstrdup("-");
}

char **cell_frames(const struct stack_names *stacks, int64_t stack, unsigned *count)
{
  const struct symbol **frames = xcalloc(STACK_FRAMES_MAX, sizeof *frames);
  unsigned n = stacks ? stacks->frames(stacks->arg, stack, frames, STACK_FRAMES_MAX) : 0;
  char **texts = xcalloc(STACK_FRAMES_MAX + 1, sizeof(char *));

  *count = n < STACK_FRAMES_MAX ? n : STACK_FRAMES_MAX;
  for (unsigned i = 0; i < *count; i++) {
    char *text = frame_text(frames[i]);

    texts[i] = clean(text);
    free(text);
  }
  if (!*count)
    texts[(*count)++] = xstrdup("[unknown]");
  free(frames);
  return texts;
}

bool cell_is_right(enum column_kind kind)
{
  return kind != COLUMN_TEXT && kind != COLUMN_STACK && kind != COLUMN_ADDRESS && kind != COLUMN_FRAME;
}
