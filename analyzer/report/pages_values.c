/*
 * The time table of watched values: who counted to what, when.  A column is a
 * second of time since the first process's start (in long runs not every second), a
 * row is a process; the cell is the last value seen in that second or before.
 * Called by report/pages_text.c.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "reader/plain_text.h"
#include "report/pages_parts.h"
#include "track/pages/value_text.h"

#define TIMES_MAX 12
#define SECOND UINT64_C(1000000000)

/* The smallest step of 1, 2, 5, 10, 20, 50 ... seconds that needs at most TIMES_MAX columns. */
static uint64_t choose_step(uint64_t duration_ns)
{
  uint64_t step = SECOND;

  for (unsigned i = 0; duration_ns / step >= TIMES_MAX && step < UINT64_MAX / 10; i++)
    step = i % 3 == 1 ? step / 2 * 5 : step * 2;
  return step;
}

/* The last value of addr that was seen before end; NULL: none. */
static const struct value_seen *value_before(const struct picture *p, uint64_t addr, uint64_t end)
{
  size_t after = picture_values(p, addr, end);

  return after && p->values[after - 1].addr == addr ? &p->values[after - 1] : NULL;
}

/* What stands in a process's row for the second from then on: blank when it did not run, "-" before the first value. */
static const char *value_cell(const struct page_set *set, size_t process, uint64_t addr, uint64_t from, char *buf)
{
  const struct picture *p = set->pictures[process];
  const struct value_seen *v;

  if (p->start_ns >= from + SECOND || p->end_ns <= from)
    return "";
  v = value_before(p, addr, from + SECOND);
  return v ? value_text(buf, v->type, v->bits) : "-";
}

static bool has_value(const struct page_set *set, size_t process, uint64_t addr)
{
  return set->kin[process].boot == set->kin[0].boot && value_before(set->pictures[process], addr, UINT64_MAX);
}

/* One watched address.  Without out: measures the widest cell and name. */
static void value_rows(FILE *out, const struct page_set *set, uint64_t addr, uint64_t step, int *cell_width,
                       int *name_width)
{
  uint64_t columns = (set->end_ns - set->start_ns + step - 1) / step;
  char buf[VALUE_TEXT_MAX > 64 ? VALUE_TEXT_MAX : 64], name[41];

  for (size_t i = 0; i < set->count; i++) {
    if (!has_value(set, i, addr))
      continue;
    snprintf(buf, sizeof buf, "%d %s", set->pictures[i]->pid,
             plain_copy(name, sizeof name, set->pictures[i]->name, SIZE_MAX));
    if (out)
      fprintf(out, "  %-*s", *name_width, buf);
    else if ((int)strlen(buf) > *name_width)
      *name_width = (int)strlen(buf);
    for (uint64_t c = 0; c < columns; c++) {
      const char *cell = value_cell(set, i, addr, set->start_ns + c * step, buf);

      if (out)
        fprintf(out, "  %*s", *cell_width, cell);
      else if ((int)strlen(cell) > *cell_width)
        *cell_width = (int)strlen(cell);
    }
    if (out)
      putc('\n', out);
  }
}

int pages_values_table(FILE *out, const struct page_set *set)
{
  size_t count;
  uint64_t *watched = page_set_watched(set, &count);
  uint64_t duration = set->end_ns - set->start_ns, step = choose_step(duration);

  if (!watched)
    return -1;
  for (size_t i = 0; i < count; i++) {
    int name_width, cell_width;
    char buf[32];

    name_width = snprintf(buf, sizeof buf, "value at 0x%" PRIx64, watched[i]);
    cell_width = snprintf(buf, sizeof buf, "%" PRIu64 " s", duration / step * step / SECOND);
    value_rows(NULL, set, watched[i], step, &cell_width, &name_width);
    snprintf(buf, sizeof buf, "value at 0x%" PRIx64, watched[i]);
    fprintf(out, "\n  %-*s", name_width, buf);
    for (uint64_t at = 0; at < duration; at += step) {
      snprintf(buf, sizeof buf, "%" PRIu64 " s", at / SECOND);
      fprintf(out, "  %*s", cell_width, buf);
    }
    putc('\n', out);
    value_rows(out, set, watched[i], step, &cell_width, &name_width);
  }
  free(watched);
  return 0;
}
