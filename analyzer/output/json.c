/*
 * JSON: a table is an object with one array of rows, named as the table, and what the rows come to.
 * Values are as they are: bytes, nanoseconds, addresses as "0x..." strings, null for what is not known.
 */
#include "output/json_rows.h"

#include <stdlib.h>
#include <string.h>

#include "output/formats.h"
#include "reader/xalloc.h"
#include "symbols/symbols.h"

static const char *key_of(const struct column *column)
{
  return column->key ? column->key : column->name;
}

static void json_put_frame(struct json_writer *j, const struct symbol *f)
{
  json_open_object_row(j);
  json_put_key(j, "function");
  json_put_text(j, f->function);
  json_put_key(j, "file");
  json_put_text(j, f->file);
  json_put_key(j, "line");
  f->line ? json_put_number(j, f->line) : json_put_null(j);
  json_put_key(j, "module");
  json_put_text(j, f->module);
  json_put_key(j, "address");
  json_put_address(j, f->address);
  json_close(j);
}

/* Innermost first. */
static void json_put_stack(struct json_writer *j, const struct stack_names *names, int64_t stack)
{
  const struct symbol **frames = xcalloc(STACK_FRAMES_MAX, sizeof *frames);
  unsigned count = names ? names->frames(names->arg, stack, frames, STACK_FRAMES_MAX) : 0;

  json_open_array_row(j);
  for (unsigned i = 0; i < count && i < STACK_FRAMES_MAX; i++)
    json_put_frame(j, frames[i]);
  json_close(j);
  free(frames);
}

void json_put_cell(struct json_writer *j, const struct column *column, const struct stack_names *stacks,
                   union cell cell)
{
  if (!cell_is_known(column, cell)) {
    json_put_null(j);
    return;
  }
  switch (column->kind) {
  case COLUMN_TEXT:
    json_put_text(j, cell.text);
    break;
  case COLUMN_STACK:
    json_put_stack(j, stacks, cell.number);
    break;
  case COLUMN_ADDRESS:
  case COLUMN_FRAME:
    json_put_address(j, (uint64_t)cell.number);
    break;
  default:
    json_put_number(j, cell.number);
  }
}

void json_put_row(struct json_writer *j, const struct column *columns, unsigned count, const struct stack_names *stacks,
                  const union cell *row)
{
  json_open_object_row(j);
  for (unsigned i = 0; i < count; i++) {
    json_put_key(j, key_of(&columns[i]));
    json_put_cell(j, &columns[i], stacks, row[i]);
  }
  json_close(j);
}

/* Only what adds: a sum has no name and no address. */
static void json_put_sum(struct json_writer *j, const struct table *t, const union cell *sum)
{
  for (unsigned i = 0; i < t->column_count; i++) {
    if (!column_adds(&t->columns[i]))
      continue;
    json_put_key(j, key_of(&t->columns[i]));
    json_put_cell(j, &t->columns[i], t->stacks, sum[i]);
  }
}

void json_table_members(struct json_writer *j, const struct table *t)
{
  json_put_key(j, t->name);
  json_open_array(j);
  for (size_t i = 0; i < t->count; i++)
    json_put_row(j, t->columns, t->column_count, t->stacks, table_row(t, i));
  json_close(j);
  if (t->rest) {
    json_put_key(j, "rest");
    json_open_object_row(j);
    json_put_key(j, "rows");
    json_put_u64(j, t->rest_count);
    json_put_sum(j, t, t->rest);
    json_close(j);
  }
  if (t->total) {
    json_put_key(j, "totals");
    json_open_object_row(j);
    json_put_sum(j, t, t->total);
    json_close(j);
  }
}

static int json_table(FILE *out, const struct table *t, const struct style *style)
{
  struct json_writer j;

  (void)style;
  json_begin(&j, out);
  json_open_object(&j);
  json_table_members(&j, t);
  json_close(&j);
  return json_finish(&j);
}

static int json_rows(FILE *out, const struct row_source *source, const struct style *style)
{
  union cell *row = xcalloc(source->column_count + 1, sizeof *row);
  struct rows *rows = rows_open(source);
  struct json_writer j;

  (void)style;
  json_begin(&j, out);
  json_open_object(&j);
  json_put_key(&j, source->name);
  json_open_array(&j);
  while (rows_next(rows, row))
    json_put_row(&j, source->columns, source->column_count, source->stacks, row);
  json_close(&j);
  json_close(&j);
  rows_close(rows);
  free(row);
  return json_finish(&j);
}

const struct format format_json = {
    .name = "json",
    .ending = ".json",
    .meaning = "for programs",
    .table = json_table,
    .rows = json_rows,
};
