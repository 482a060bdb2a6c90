/*
 * CSV as RFC 4180 has it: a line of names, lines end in CR LF, what has a comma or a quote in it is quoted.
 *
 * Numbers are plain, addresses 0x..., and what is not known is empty.  Names are cleaned as for a terminal, so that
 * every row is one line (the JSON has them as they are).
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "output/formats.h"
#include "query/stack_text.h"
#include "reader/plain_text.h"
#include "reader/xalloc.h"

static void csv_text(FILE *out, const char *text)
{
  char *clean = plain_dup(text, strlen(text));
  bool quoted = strpbrk(clean, ",\"") != NULL || *clean == ' ' || (*clean && clean[strlen(clean) - 1] == ' ');

  if (quoted)
    putc('"', out);
  for (const char *p = clean; *p; p++) {
    if (*p == '"')
      putc('"', out);
    putc(*p, out);
  }
  if (quoted)
    putc('"', out);
  free(clean);
}

static void csv_cell(FILE *out, const struct column *column, const struct stack_names *stacks, union cell cell)
{
  char *text;

  if (!cell_is_known(column, cell))
    return;
  switch (column->kind) {
  case COLUMN_TEXT:
    csv_text(out, cell.text);
    break;
  case COLUMN_STACK:
    text = stack_folded(stacks, cell.number);
    csv_text(out, text);
    free(text);
    break;
  case COLUMN_ADDRESS:
  case COLUMN_FRAME:
    fprintf(out, "0x%" PRIx64, (uint64_t)cell.number);
    break;
  default:
    fprintf(out, "%" PRId64, cell.number);
  }
}

static int csv_rows(FILE *out, const struct row_source *source, const struct style *style)
{
  union cell *row = xcalloc(source->column_count + 1, sizeof *row);
  struct rows *rows = rows_open(source);

  (void)style;
  for (unsigned i = 0; i < source->column_count; i++) {
    const struct column *c = &source->columns[i];

    fprintf(out, "%s%s", i ? "," : "", c->name);
  }
  fputs("\r\n", out);
  while (rows_next(rows, row)) {
    for (unsigned i = 0; i < source->column_count; i++) {
      if (i)
        putc(',', out);
      csv_cell(out, &source->columns[i], source->stacks, row[i]);
    }
    fputs("\r\n", out);
  }
  rows_close(rows);
  free(row);
  return ferror(out) ? -1 : 0;
}

static int csv_table(FILE *out, const struct table *t, const struct style *style)
{
  struct row_source source = rows_of_table(t);

  return csv_rows(out, &source, style);
}

const struct format format_csv = {
    .name = "csv",
    .ending = ".csv",
    .meaning = "a table for spreadsheets and databases",
    .table = csv_table,
    .rows = csv_rows,
};
