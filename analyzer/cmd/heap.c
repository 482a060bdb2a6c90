/*
 * `vmtrace heap`: which call stacks own the memory.  Reads the traces
 * (query/session/session.h), names their stacks (query/heap/call_tree.h) and reports
 * (report/heap_report.h).
 */
#include <stdlib.h>
#include <string.h>

#include "cmd/command.h"
#include "cmd/heap_options.h"
#include "output/pager.h"
#include "query/heap/heap_process.h"

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
static int report(FILE *out, const struct heap_options *o, const struct heap_set *set, const struct heap_set *before,
                  size_t part, size_t parts)
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
      .where = o->where,
      .columns = o->columns,
      .style = style_for(stdout),
  };
  enum heap_scope scope = before || o->until ? HEAP_UNTIL_THEN : HEAP_WHOLE_RUN;
  int result = -1;

  if (r.sort == HEAP_VALUES)
    r.sort = heap_report_sampled(&r) ? HEAP_RESIDENT : HEAP_LIVE;
  if (!symbols || !init_tree(&tree, symbols, o) || !add(&tree, &r, set, scope, 1) ||
      (before && !add(&tree, &r, before, scope, -1)))
    command_error(EXIT_UNREADABLE, "out of memory");
  else if (!strcmp(o->format->name, "json"))
    result = heap_json(out, &r, part == 0, part + 1 == parts);
  else if (o->format->paged)
    result = heap_text(out, &r);
  else
    result = heap_format(out, &r, o->format);
  call_tree_release(&tree);
  symbols_close(symbols);
  return result;
}

static int report_apart(FILE *out, const struct heap_options *o, const struct heap_set *set)
{
  int result = 0;

  for (size_t i = 0; i < set->count && result == 0; i++) {
    const struct heap_set one = {&set->process[i], 1};

    if (i && o->format->paged)
      putc('\n', out);
    result = report(out, o, &one, NULL, i, set->count);
  }
  return result;
}

/* The traces at the instant, and what is taken off: at another one, or of another trace. */
static int heap_of(FILE *out, const struct heap_options *o, struct session *s, struct session *other)
{
  bool difference = other || o->has_diff_at;
  unsigned now = session_at(s, &o->at), then = 0;
  struct heap_set set, before;
  int result = -1;

  heap_set_want(s);
  if (o->until)
    session_until(s);
  if (other) {
    heap_set_want(other);
    session_until(other);
  }
  if (difference)
    then = session_at(other ? other : s, o->has_diff_at ? &o->diff_at : &o->at);
  if (session_run(s) < 0 || (other && session_run(other) < 0))
    return -1;
  heap_set_at(s, now, &set);
  if (difference) {
    heap_set_at(other ? other : s, then, &before);
    if (set.count && before.count)
      result = report(out, o, &set, &before, 0, 1);
    heap_set_release(&before);
  } else if (set.count) {
    result = o->per_process ? report_apart(out, o, &set) : report(out, o, &set, NULL, 0, 1);
  }
  heap_set_release(&set);
  return result;
}

int cmd_heap(int argc, char **argv)
{
  struct heap_options options;
  struct session *s, *other = NULL;
  struct pager pager = {.out = stdout};
  char *before;
  int code;

  heap_options_parse(argc, argv, &options);
  before = (char *)options.diff;
  s = session_open(options.traces, (size_t)options.trace_count);
  if (before)
    other = session_open(&before, 1);
  code = session_failed(s) || (other && session_failed(other)) ? EXIT_UNREADABLE : EXIT_FINE;
  if (options.format->paged)
    pager_begin(&pager, stdout);
  if (!session_count(s) || (other && !session_count(other)) || heap_of(pager.out, &options, s, other) < 0)
    code = EXIT_UNREADABLE;
  pager_end(&pager);
  session_close(s);
  session_close(other);
  return command_finish(stdout, code);
}
