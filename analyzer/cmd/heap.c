/*
 * `vmtrace heap`: which call stacks own the memory.  Loads the
 * traces (cmd/heap_load.h), names their
 * stacks (model/call_tree.h) and reports (report/heap_report.h).
 */
#include <stdlib.h>
#include <unistd.h>

#include "cmd/command.h"
#include "cmd/heap_load.h"
#include "cmd/heap_options.h"
#include "reader/terminal.h"

static bool add(struct call_tree *tree, struct heap_report *r, const struct heap_set *set, enum heap_scope scope,
                int factor)
{
  for (size_t i = 0; i < set->count; i++) {
    struct heap_row row;

    if (!call_tree_add(tree, set->process[i], scope, factor))
      return false;
    heap_process_totals(set->process[i], scope, &row);
    heap_row_add(&r->totals, &row, factor);
  }
  return true;
}

static bool init_tree(struct call_tree *tree, struct symbols *symbols, const struct heap_options *o)
{
  if (!call_tree_init(tree, symbols, o->diff ? CALL_BY_FUNCTION : CALL_BY_LINE))
    return false;
  tree->innermost = o->no_skip;
  return true;
}

/* One report over a set; before is what is taken off, or NULL; part of parts. */
static int report(const struct heap_options *o, const struct heap_set *set, const struct heap_set *before, size_t part,
                  size_t parts)
{
  struct symbols *symbols = symbols_open();
  struct call_tree tree = {0};
  struct heap_report r = {
      .tree = &tree,
      .processes = set->process,
      .count = set->count,
      .before = before ? before->process : NULL,
      .before_count = before ? before->count : 0,
      .sort = o->sort,
      .shape = o->shape,
      .top = o->top,
      .colour = terminal_has_colour(STDOUT_FILENO),
  };
  enum heap_scope scope = before || o->extent == HEAP_READ_UNTIL ? HEAP_UNTIL_THEN : HEAP_WHOLE_RUN;
  int result = -1;

  if (r.sort == HEAP_VALUES)
    r.sort = heap_report_sampled(&r) ? HEAP_RESIDENT : HEAP_LIVE;
  if (!symbols || !init_tree(&tree, symbols, o) || !add(&tree, &r, set, scope, 1) ||
      (before && !add(&tree, &r, before, scope, -1)))
    command_error(EXIT_UNREADABLE, "out of memory");
  else if (o->format == HEAP_FORMAT_JSON)
    result = heap_json(stdout, &r, part == 0, part + 1 == parts);
  else if (o->format == HEAP_FORMAT_FOLDED)
    result = heap_folded(stdout, &r);
  else
    result = heap_text(stdout, &r);
  call_tree_release(&tree);
  symbols_close(symbols);
  return result;
}

static int report_apart(const struct heap_options *o, const struct heap_set *set)
{
  int result = 0;

  for (size_t i = 0; i < set->count && result == 0; i++) {
    const struct heap_set one = {&set->process[i], 1};

    if (i && o->format == HEAP_FORMAT_TEXT)
      putchar('\n');
    result = report(o, &one, NULL, i, set->count);
  }
  return result;
}

static int report_difference(const struct heap_options *o, const struct heap_set *set, int *code)
{
  const struct heap_moment *at = o->has_diff_at ? &o->diff_at : &o->at;
  char *other = (char *)o->diff;
  char **traces = other ? &other : o->traces;
  struct heap_set before;
  int loaded = heap_set_load(traces, other ? 1 : (size_t)o->trace_count, at, HEAP_READ_UNTIL, &before), result = -1;

  if (loaded != EXIT_FINE)
    *code = loaded;
  else
    result = report(o, set, &before, 0, 1);
  heap_set_release(&before);
  return result;
}

int cmd_heap(int argc, char **argv)
{
  struct heap_options options;
  struct heap_set set;
  int code, result = -1;

  heap_options_parse(argc, argv, &options);
  code = heap_set_load(options.traces, (size_t)options.trace_count, &options.at, options.extent, &set);
  if (set.count) {
    if (options.diff || options.has_diff_at)
      result = report_difference(&options, &set, &code);
    else
      result = options.per_process ? report_apart(&options, &set) : report(&options, &set, NULL, 0, 1);
  }
  heap_set_release(&set);
  return command_finish(stdout, result < 0 ? EXIT_UNREADABLE : code);
}
