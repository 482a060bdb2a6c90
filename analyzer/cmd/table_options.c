/*
 * See table_options.h.
 */
#include "cmd/table_options.h"

#include <stdlib.h>
#include <string.h>

#include "cmd/arguments.h"
#include "cmd/command.h"
#include "output/pager.h"
#include "query/sql.h"
#include "query/table_order.h"
#include "reader/xalloc.h"

enum { OPTION_SORT = 0x200, OPTION_TOP, OPTION_COLUMNS, OPTION_WHERE };

static const struct argp_option options[] = {
    {"format", 'f', "FORMAT", 0, "FORMAT is ", 0},
    {"sort", OPTION_SORT, "COLUMN,...", 0,
     "order of the rows: numbers from the largest, texts from A on; a '-' before a COLUMN turns that round", 0},
    {"top", OPTION_TOP, "N", 0, "the first N rows; what the others come to is one row", 0},
    {"columns", OPTION_COLUMNS, "COLUMN,...", 0, "these columns, in this order; help: lists all with their meanings",
     0},
    {"where", OPTION_WHERE, "EXPR", 0, "rows for which EXPR holds: an SQL expression over the columns", 0},
    {0},
};

static void parse_format(const char *arg, struct table_options *o, struct argp_state *state)
{
  o->format = format_find(arg, o->shapes);
  if (!o->format)
    argp_error(state, "--format takes %s, not '%s'", format_names(o->shapes), arg);
}

static void parse_top(const char *arg, struct table_options *o, struct argp_state *state)
{
  uint64_t top = 0;

  if (!argument_number(arg, 1, 1000000000, &top))
    argp_error(state, "--top takes a number of rows, 1 or more, not '%s'", arg);
  o->top = (size_t)top;
}

static error_t parse_table_option(int key, char *arg, struct argp_state *state)
{
  struct table_options *o = state->input;

  switch (key) {
  case ARGP_KEY_INIT:
    o->format = formats()[0];
    return 0;
  case 'f':
    parse_format(arg, o, state);
    return 0;
  case OPTION_SORT:
    o->sort = arg;
    return 0;
  case OPTION_TOP:
    parse_top(arg, o, state);
    return 0;
  case OPTION_COLUMNS:
    o->columns = arg;
    return 0;
  case OPTION_WHERE:
    o->where = arg;
    return 0;
  default:
    return ARGP_ERR_UNKNOWN;
  }
}

/* What --format takes depends on the command. */
static char *table_help(int key, const char *text, void *input)
{
  const struct table_options *o = input;
  char *formats, *help;

  if (key != 'f' || !o)
    return (char *)text;
  formats = format_help(o->shapes);
  help = xasprintf("%s%s", text, formats);
  free(formats);
  return help; /* argp frees it */
}

struct argp_child table_options_child(void)
{
  static const struct argp argp = {.options = options, .parser = parse_table_option, .help_filter = table_help};

  return (struct argp_child){&argp, 0, NULL, 0};
}

static void list_columns(const struct table *t)
{
  for (unsigned i = 0; i < t->column_count; i++) {
    const struct column *c = &t->columns[i];

    printf("%-14s %s%s\n", c->name, c->meaning, c->priority == COLUMN_HIDDEN ? " *" : "");
  }
  puts("\nWith a *: not in the table, unless asked for.");
  exit(command_finish(stdout, EXIT_FINE));
}

static bool where_holds(const struct table_options *o, const struct table *t, bool *keep)
{
  return !o->where || sql_where(t, o->where, keep) == 0;
}

bool table_options_hold(const struct table_options *o, const struct table *t)
{
  struct sort_key keys[SORT_KEYS_MAX];
  unsigned *columns = NULL;
  bool keep = false, holds;

  if (o->columns && !strcmp(o->columns, "help"))
    list_columns(t);
  holds = (!o->sort || sort_keys_parse(t, o->sort, keys) >= 0) &&
          (!o->columns || columns_parse(t, o->columns, &columns) >= 0) && where_holds(o, t, &keep);
  free(columns);
  return holds;
}

static bool apply_where(const struct table_options *o, struct table *t)
{
  bool *keep, holds;

  if (!o->where)
    return true;
  keep = xcalloc(t->count + 1, sizeof *keep);
  holds = where_holds(o, t, keep);
  if (holds)
    table_keep(t, keep);
  free(keep);
  return holds;
}

bool table_options_apply(const struct table_options *o, struct table *t, const char *sort)
{
  struct sort_key keys[SORT_KEYS_MAX];
  unsigned *columns = NULL;
  int count;

  if (!apply_where(o, t))
    return false;
  if (o->sort || sort) {
    count = sort_keys_parse(t, o->sort ? o->sort : sort, keys);
    if (count < 0)
      return false;
    table_sort(t, keys, (unsigned)count);
  }
  table_sum(t);
  table_top(t, o->top);
  if (!o->columns)
    return true;
  count = columns_parse(t, o->columns, &columns);
  if (count > 0)
    table_show(t, columns, (unsigned)count);
  free(columns);
  return count >= 0;
}

int table_options_put(const struct table_options *o, const struct table *t, const char *head, int code)
{
  struct style style = style_for(stdout);
  struct pager pager;

  if (!o->format->paged) {
    o->format->table(stdout, t, &style);
    return command_finish(stdout, code);
  }
  pager_begin(&pager, stdout);
  fputs(head, pager.out);
  o->format->table(pager.out, t, &style);
  pager_end(&pager);
  return command_finish(stdout, code);
}
