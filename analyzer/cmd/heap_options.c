/*
 * The command line of `vmtrace heap`.  Called by cmd/heap.c alone.
 */
#include "cmd/heap_options.h"

#include <stdlib.h>
#include <string.h>

#include "cmd/arguments.h"
#include "cmd/command.h"
#include "cmd/symbol_options.h"
#include "reader/xalloc.h"
#include "report/heap_view.h"

#define TOP_DEFAULT 30

enum {
  OPTION_AT = 0x100,
  OPTION_UNTIL,
  OPTION_SORT,
  OPTION_STACKS,
  OPTION_TREE,
  OPTION_INVERT,
  OPTION_PER_PROCESS,
  OPTION_DIFF,
  OPTION_DIFF_AT,
  OPTION_ALL,
  OPTION_TOP,
  OPTION_NO_SKIP,
  OPTION_WHERE,
  OPTION_COLUMNS
};

/* JSON is the report's own, with more than the table (report/heap_json.c). */
static void parse_format(const char *arg, struct heap_options *o, struct argp_state *state)
{
  o->format = format_find(arg, SHAPE_TABLE | SHAPE_GRAPH);
  if (!o->format)
    argp_error(state, "--format takes %s, not '%s'", format_names(SHAPE_TABLE | SHAPE_GRAPH), arg);
}

static bool is_json(const struct heap_options *o)
{
  return !strcmp(o->format->name, "json");
}

static void parse_column(const char *arg, struct heap_options *o, struct argp_state *state)
{
  char list[512] = "";

  o->sort = heap_column_find(arg);
  o->has_sort = true;
  if (o->sort < HEAP_VALUES)
    return;
  for (unsigned i = 0; i < HEAP_VALUES; i++) {
    strcat(list, i ? ", " : "");
    strcat(list, heap_column(i)->name);
  }
  argp_error(state, "there is no column '%s'; there are %s", arg, list);
}

static void parse_instant(const char *name, const char *arg, struct instant *instant, struct argp_state *state)
{
  if (!instant_parse(arg, instant))
    argp_error(state, "%s takes " INSTANT_TAKES ", not '%s'", name, arg);
}

static void parse_top(const char *arg, struct heap_options *o, struct argp_state *state)
{
  uint64_t top = 0;

  if (!argument_number(arg, 1, 1000000000, &top))
    argp_error(state, "--top takes a number of rows, 1 or more, not '%s' (--all: all of them)", arg);
  o->top = (unsigned)top;
  o->has_top = true;
}

/* Whether a column says something about the whole run, not about a moment. */
static bool is_of_run(enum heap_value column)
{
  switch (column) {
  case HEAP_ALLOCATIONS:
  case HEAP_FREES:
  case HEAP_REQUESTED:
  case HEAP_PEAK:
  case HEAP_AT_PEAK:
  case HEAP_TEMPORARY:
  case HEAP_LEAKED:
  case HEAP_LEAKED_BLOCKS:
    return true;
  default:
    return false;
  }
}

/* What options mean together. */
static void settle(struct heap_options *o, struct argp_state *state)
{
  if (o->inverted && !o->tree)
    argp_error(state, "--invert turns a tree around: it needs --tree");
  if (o->tree && o->stacks)
    argp_error(state, "--tree and --stacks are two shapes of the report: choose one");
  if (o->has_at && o->until)
    argp_error(state, "--at and --until both name a moment: choose one");
  if (o->per_process && (o->diff || o->has_diff_at))
    argp_error(state, "--per-process and --diff do not go together");
  if (o->per_process && !o->format->paged && !is_json(o) && strcmp(o->format->name, "folded") != 0)
    argp_error(state, "--format=%s is one document; --per-process needs text, json or folded", o->format->name);
  o->shape = o->inverted ? HEAP_TREE_INVERTED : o->tree ? HEAP_TREE : o->stacks ? HEAP_STACKS : HEAP_SITES;
  if (!o->format->table && o->format->graph && o->stacks)
    argp_error(state, "--format=%s shows calls, and --stacks makes a table", o->format->name);
  if (o->tree && !o->format->graph && !is_json(o))
    argp_error(state, "--format=%s takes tables; --tree needs %s", o->format->name, format_names(SHAPE_GRAPH));
  if (o->all || (!o->has_top && !o->format->paged))
    o->top = 0;
  if (!heap_view_holds(o->shape, o->where, o->columns))
    exit(EXIT_USAGE);
  if (!o->has_sort)
    o->sort = !strcmp(o->format->name, "folded") ? HEAP_REQUESTED : o->diff || o->has_diff_at ? HEAP_LIVE : HEAP_VALUES;
  if (o->diff || o->has_diff_at || (!o->format->table && !is_of_run(o->sort)))
    o->until = true;
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
  struct heap_options *o = state->input;

  switch (key) {
  case 'f':
    parse_format(arg, o, state);
    return 0;
  case OPTION_AT:
    parse_instant("--at", arg, &o->at, state);
    o->has_at = true;
    return 0;
  case OPTION_UNTIL:
    parse_instant("--until", arg, &o->at, state);
    o->until = true;
    return 0;
  case OPTION_DIFF_AT:
    parse_instant("--diff-at", arg, &o->diff_at, state);
    o->has_diff_at = true;
    return 0;
  case OPTION_DIFF:
    o->diff = arg;
    return 0;
  case OPTION_SORT:
    parse_column(arg, o, state);
    return 0;
  case OPTION_STACKS:
    o->stacks = true;
    return 0;
  case OPTION_TREE:
    o->tree = true;
    return 0;
  case OPTION_INVERT:
    o->inverted = true;
    return 0;
  case OPTION_PER_PROCESS:
    o->per_process = true;
    return 0;
  case OPTION_ALL:
    o->all = true;
    return 0;
  case OPTION_WHERE:
    o->where = arg;
    return 0;
  case OPTION_COLUMNS:
    o->columns = arg;
    return 0;
  case OPTION_NO_SKIP:
    o->no_skip = true;
    return 0;
  case OPTION_TOP:
    parse_top(arg, o, state);
    return 0;
  case ARGP_KEY_ARGS:
    o->traces = argument_traces(state, &o->trace_count);
    if (o->diff)
      argument_trace(o->diff);
    return 0;
  case ARGP_KEY_NO_ARGS:
    argp_error(state, "name at least one trace (a file that ends in .vmt, or a directory of them)");
    return 0;
  case ARGP_KEY_SUCCESS:
    settle(o, state);
    return 0;
  default:
    return ARGP_ERR_UNKNOWN;
  }
}

/* What --format takes is the formats' own matter. */
static char *heap_help(int key, const char *text, void *input)
{
  char *formats, *help;

  (void)input;
  if (key != 'f')
    return (char *)text;
  formats = format_help(SHAPE_TABLE | SHAPE_GRAPH);
  help = xasprintf("%s%s", text, formats);
  free(formats);
  return help; /* argp frees it */
}

void heap_options_parse(int argc, char **argv, struct heap_options *options)
{
  static const struct argp_option table[] = {
      {"at", OPTION_AT, "MOMENT", 0,
       "what is live and resident then: a time since the start, before the end (-2s) or of the day (14:03:07), "
       "peak, end (the default) or mark:NAME; one instant for all traces",
       1},
      {"until", OPTION_UNTIL, "MOMENT", 0, "the same, and all other numbers as of then: what comes later is not read",
       1},
      {"stacks", OPTION_STACKS, NULL, 0, "a table of call stacks instead of sites", 1},
      {"tree", OPTION_TREE, NULL, 0, "a tree of calls, from the root", 1},
      {"invert", OPTION_INVERT, NULL, 0, "with --tree: from where memory is allocated", 1},
      {"sort", OPTION_SORT, "COLUMN", 0, "what rows are ordered, trees and folded lines are weighed by", 1},
      {"weight", OPTION_SORT, NULL, OPTION_ALIAS, NULL, 1},
      {"top", OPTION_TOP, "N", 0, "rows of a table, at most (text: 30)", 1},
      {"where", OPTION_WHERE, "EXPR", 0, "rows for which EXPR holds: an SQL expression over the columns", 1},
      {"columns", OPTION_COLUMNS, "COLUMN,...", 0, "these columns of a table, in this order", 1},
      {"all", OPTION_ALL, NULL, 0, "all rows, all branches", 1},
      {"per-process", OPTION_PER_PROCESS, NULL, 0, "several traces apart, not merged by function", 2},
      {"diff", OPTION_DIFF, "OTHER", 0, "growth per stack since another trace", 2},
      {"diff-at", OPTION_DIFF_AT, "MOMENT", 0, "growth per stack since another moment (of OTHER, or of the same trace)",
       2},
      {"no-skip", OPTION_NO_SKIP, NULL, 0, "sites are innermost frames: malloc's wrappers, operator new ... too", 1},
      {"format", 'f', "FORMAT", 0, "FORMAT is ", 3},
      {0},
  };
  const struct argp_child children[] = {symbol_options_sites, symbol_options_files, {0}};
  const struct argp argp = {.options = table,
                            .parser = parse,
                            .children = children,
                            .help_filter = heap_help,
                            .args_doc = "TRACE...",
                            .doc = "Says which call stacks own the memory: what they requested, what of it is "
                                   "live, resident, never touched, leaked ..."};

  *options = (struct heap_options){.format = formats()[0], .top = TOP_DEFAULT, .sort = HEAP_VALUES};
  command_parse(&argp, argc, argv, options);
}
