/*
 * `vmtrace ps`: a row per process of a group, as a tree.
 * Options and exit code only; the rows are query/process_tree.c's.
 */
#include <stdlib.h>
#include <string.h>

#include "cmd/command.h"
#include "cmd/table_options.h"
#include "output/cell_text.h"
#include "output/quantity.h"
#include "query/process_tree.h"
#include "query/relation_run.h"
#include "query/relations.h"
#include "query/session/instant.h"
#include "query/session/session.h"
#include "reader/xalloc.h"

struct ps_options {
  struct table_options table;
  struct command_traces traces;
  struct instant at;
  bool images;
};

enum { OPTION_AT = 0x100, OPTION_IMAGES };

static const struct argp_option options[] = {
    {"at", OPTION_AT, "INSTANT", 0,
     "what is live and resident then: " INSTANT_TAKES " (default: each process's own end)", 0},
    {"images", OPTION_IMAGES, NULL, 0, "a row for each program that a process ran (exec), not one for all of them", 0},
    {0},
};

static error_t parse_ps(int key, char *arg, struct argp_state *state)
{
  struct ps_options *o = state->input;

  switch (key) {
  case ARGP_KEY_INIT:
    state->child_inputs[0] = &o->table;
    state->child_inputs[1] = &o->traces;
    return 0;
  case OPTION_AT:
    if (!instant_parse(arg, &o->at))
      argp_error(state, "--at takes %s, not '%s'", INSTANT_TAKES, arg);
    return 0;
  case OPTION_IMAGES:
    o->images = true;
    return 0;
  default:
    return ARGP_ERR_UNKNOWN;
  }
}

static bool options_hold(const struct ps_options *o)
{
  struct table *none = table_new(relation_processes.name, relation_processes.columns, relation_processes.column_count);
  struct table *tree = process_tree(none, o->images);
  bool hold = table_options_hold(&o->table, tree);

  table_free(tree);
  table_free(none);
  return hold;
}

/* Each process's own end is no instant of all: what they had then is not to be added up. */
static void forbid_sums(struct table *t)
{
  static const char *const of_instant[] = {"rss", "pss", "private", "copied", "live", "live_blocks"};

  for (size_t i = 0; i < sizeof of_instant / sizeof *of_instant; i++) {
    unsigned column = table_column(t, of_instant[i]);

    if (column < t->column_count)
      t->columns[column].flags |= COLUMN_ALONE;
  }
}

/* "163 processes in 12.3 s", "2 of 163 processes in 12.3 s" */
static char *head_of(const struct session *s, const struct table *t, size_t all)
{
  uint64_t start = UINT64_MAX, end = 0;
  char count[QUANTITY_MAX], shown[QUANTITY_MAX], time[QUANTITY_MAX];
  bool some = t->count + t->rest_count < all;

  for (size_t i = 0; i < session_count(s); i++) {
    const struct session_trace *trace = session_trace(s, i);

    start = trace->start_ns < start ? trace->start_ns : start;
    end = trace->end_ns > end ? trace->end_ns : end;
  }
  return xasprintf("%s%s%s %s in %s\n\n", some ? quantity_count(shown, t->count + t->rest_count) : "",
                   some ? " of " : "", quantity_count(count, all), all == 1 ? "process" : "processes",
                   quantity_time(time, end > start ? end - start : 0));
}

/* The rows of all processes, in order; NULL after one line on stderr. */
static struct table *ps_table(const struct ps_options *o, struct session *s, char **head)
{
  struct table *images = relation_load(&relation_processes, s);
  struct table *t = process_tree(images, o->images);

  size_t all = t->count;

  table_free(images);
  if (o->at.kind == INSTANT_END)
    forbid_sums(t);
  if (o->table.sort || o->table.top) {
    free(t->parent);
    t->parent = NULL;
  }
  if (table_options_apply(&o->table, t, o->table.top ? "peak" : NULL)) {
    *head = head_of(s, t, all);
    return t;
  }
  table_free(t);
  return NULL;
}

int cmd_ps(int argc, char **argv)
{
  const struct argp_child children[] = {table_options_child(), command_traces_child(), {0}};
  const struct argp argp = {.options = options,
                            .parser = parse_ps,
                            .args_doc = "TRACE...",
                            .doc = "Shows the processes of a group, one row each, as a tree of who started whom.  "
                                   "--sort and --top make it a list.",
                            .children = children};
  struct ps_options o = {.table = {.shapes = SHAPE_TABLE}, .at = {.kind = INSTANT_END}};
  struct table *t = NULL;
  struct session *s;
  char *head = NULL;
  int code;

  command_parse(&argp, argc, argv, &o);
  if (!options_hold(&o))
    return EXIT_USAGE;
  s = session_open(o.traces.path, o.traces.count);
  session_at(s, &o.at);
  relation_want(&relation_processes, s);
  code = session_failed(s) ? EXIT_UNREADABLE : EXIT_FINE;
  if (session_count(s) && session_run(s) == 0)
    t = ps_table(&o, s, &head);
  code = t ? table_options_put(&o.table, t, head, session_failed(s) ? EXIT_UNREADABLE : code) : EXIT_UNREADABLE;
  free(head);
  table_free(t);
  session_close(s);
  return code;
}
