/*
 * See heap_view.h.
 */
#include "report/heap_view.h"

#include <stdlib.h>
#include <string.h>

#include "output/output_format.h"
#include "query/sql.h"
#include "query/stack_text.h"
#include "query/table_order.h"
#include "reader/xalloc.h"
#include "report/heap_order.h"

/* Columns behind those of heap_column.h. */
enum { VIEW_WHAT = HEAP_VALUES, VIEW_FUNCTION, VIEW_FILE, VIEW_LINE, VIEW_MODULE, VIEW_STACKS, VIEW_COLUMNS };

static const struct column site_columns[VIEW_COLUMNS] = {
    [VIEW_WHAT] = {"site", NULL, "SITE", COLUMN_TEXT, 0, "the function that allocated, its line and its module",
                   COLUMN_WIDE},
    [VIEW_FUNCTION] = {"function", NULL, "FUNCTION", COLUMN_TEXT, COLUMN_HIDDEN, "the function", COLUMN_KEY},
    [VIEW_FILE] = {"file", NULL, "FILE", COLUMN_TEXT, COLUMN_HIDDEN, "its source file", 0},
    [VIEW_LINE] = {"line", NULL, "LINE", COLUMN_NUMBER, COLUMN_HIDDEN, "the line", 0},
    [VIEW_MODULE] = {"module", NULL, "MODULE", COLUMN_TEXT, COLUMN_HIDDEN, "executable or library", COLUMN_KEY},
    [VIEW_STACKS] = {"stacks", NULL, "STACKS", COLUMN_COUNT, COLUMN_HIDDEN, "call stacks that lead there", 0},
};
static const struct column stack_column = {
    "stack", NULL, "CALL STACK", COLUMN_STACK, 0, "the functions that were active", COLUMN_WIDE};

/* In this order they give way on a narrow terminal, the last ones first. */
static const enum heap_value usual[] = {HEAP_RESIDENT, HEAP_LIVE,        HEAP_UNTOUCHED, HEAP_MAPPED,   HEAP_PEAK,
                                        HEAP_LEAKED,   HEAP_ALLOCATIONS, HEAP_REQUESTED, HEAP_TEMPORARY};

/* Column of the table to value; heads[] has the first columns, the others follow. */
struct view_order {
  unsigned column[VIEW_COLUMNS];
  unsigned count, shown;
};

static void order_add(struct view_order *o, bool *used, unsigned column)
{
  if (used[column])
    return;
  used[column] = true;
  o->column[o->count++] = column;
}

/* What a table shows; r is NULL: all. */
static struct view_order order_of(const struct heap_report *r)
{
  bool sampled = !r || heap_report_sampled(r), mapped = !r || r->totals.v[HEAP_MAPPED];
  bool used[VIEW_COLUMNS] = {false};
  struct view_order o = {.count = 0};

  if (r)
    order_add(&o, used, r->sort);
  for (size_t i = 0; i < sizeof usual / sizeof *usual; i++) {
    bool told = sampled || (usual[i] != HEAP_RESIDENT && usual[i] != HEAP_UNTOUCHED);

    if (told && (usual[i] != HEAP_MAPPED || mapped))
      order_add(&o, used, usual[i]);
  }
  o.shown = o.count;
  for (unsigned i = VIEW_WHAT; i < VIEW_COLUMNS; i++)
    order_add(&o, used, i);
  for (unsigned i = 0; i < HEAP_VALUES; i++)
    order_add(&o, used, i);
  return o;
}

/* A dash in names of options is an underscore in those of columns, which SQL can read. */
static const char *column_name(enum heap_value value)
{
  static char names[HEAP_VALUES][24];

  snprintf(names[value], sizeof names[value], "%s", heap_column(value)->name);
  for (char *p = names[value]; (p = strchr(p, '-'));)
    *p = '_';
  return names[value];
}

static struct column column_of(enum heap_value value, bool first)
{
  const struct heap_column *c = heap_column(value);
  struct column column = {column_name(value), c->key,     c->heading, c->bytes ? COLUMN_BYTES : COLUMN_COUNT,
                          COLUMN_HIDDEN,      c->meaning, 0};

  for (size_t i = 0; i < sizeof usual / sizeof *usual; i++) {
    if (usual[i] == value)
      column.priority = (uint8_t)(i + 1);
  }
  if (first)
    column.priority = 0;
  if (value == HEAP_PEAK)
    column.flags |= COLUMN_ALONE;
  return column;
}

static struct table *view_new(enum heap_shape shape, const struct view_order *o)
{
  struct column columns[VIEW_COLUMNS];
  bool stacks = shape == HEAP_STACKS;

  for (unsigned i = 0; i < o->count; i++) {
    unsigned column = o->column[i];

    columns[i] = column >= HEAP_VALUES ? site_columns[column] : column_of(column, i == 0);
    if (column == VIEW_WHAT && stacks)
      columns[i] = stack_column;
    if (i >= o->shown && column != VIEW_WHAT)
      columns[i].priority = COLUMN_HIDDEN;
  }
  return table_new(stacks ? "stacks" : "sites", columns, o->count);
}

/* Stacks by their nodes in the tree. */

static unsigned tree_frames(void *arg, int64_t stack, const struct symbol **frame, unsigned room)
{
  const struct call_tree *t = arg;
  unsigned count = 0;

  for (uint32_t node = (uint32_t)stack; node != CALL_TREE_ROOT && count < room; node = t->nodes[node].parent)
    frame[count++] = &t->frames[t->nodes[node].frame];
  return count;
}

static unsigned tree_site(void *arg, int64_t stack)
{
  unsigned depth = 0;

  call_tree_site(arg, (uint32_t)stack, &depth);
  return depth;
}

static union cell value_cell(const struct heap_report *r, enum heap_value value, const struct heap_row *row)
{
  bool unknown =
      (!heap_report_sampled(r) && value >= HEAP_RESIDENT && value < HEAP_MAPPED) || !heap_row_tells(row, value);

  return (union cell){.number = unknown ? CELL_UNKNOWN : row->v[value]};
}

static void view_add(struct table *t, const struct heap_report *r, const struct view_order *o,
                     const struct heap_line *line)
{
  const struct symbol *f = line->frame == CALL_NONE ? NULL : &r->tree->frames[line->frame];
  union cell row[VIEW_COLUMNS];
  char *site = f ? frame_text(f) : xstrdup("[unknown]");

  for (unsigned i = 0; i < o->count; i++) {
    switch (o->column[i]) {
    case VIEW_WHAT:
      row[i] = r->shape == HEAP_STACKS ? (union cell){.number = line->node} : (union cell){.text = site};
      break;
    case VIEW_FUNCTION:
      row[i].text = f ? f->function : NULL;
      break;
    case VIEW_FILE:
      row[i].text = f ? f->file : NULL;
      break;
    case VIEW_LINE:
      row[i].number = f && f->line ? f->line : CELL_UNKNOWN;
      break;
    case VIEW_MODULE:
      row[i].text = f ? f->module : NULL;
      break;
    case VIEW_STACKS:
      row[i].number = line->stacks;
      break;
    default:
      row[i] = value_cell(r, o->column[i], &line->row);
    }
  }
  table_add(t, row);
  free(site);
}

/* A proportional size is not known of all if it is not known of some. */
static void forget_divided(union cell *sum, const struct view_order *o)
{
  unsigned shared = 0, undivided = 0;

  for (unsigned i = 0; i < o->count; i++) {
    shared = o->column[i] == HEAP_SHARED ? i : shared;
    undivided = o->column[i] == HEAP_UNDIVIDED ? i : undivided;
  }
  if (sum && sum[undivided].number)
    sum[shared].number = CELL_UNKNOWN;
}

static bool view_filter(struct table *t, const char *where)
{
  bool *keep = xcalloc(t->count + 1, sizeof *keep);
  bool good = sql_where(t, where, keep) == 0;

  if (good)
    table_keep(t, keep);
  free(keep);
  return good;
}

static bool view_show(struct table *t, const char *list)
{
  unsigned *columns;
  int count = columns_parse(t, list, &columns);

  if (count > 0)
    table_show(t, columns, (unsigned)count);
  free(columns);
  return count >= 0;
}

struct table *heap_view_table(const struct heap_report *r)
{
  static struct stack_names names = {NULL, tree_frames, tree_site};
  struct view_order o = order_of(r);
  struct table *t = view_new(r->shape, &o);
  size_t count = 0;
  struct heap_line *lines = r->shape == HEAP_STACKS ? heap_stacks(r, &count) : heap_sites(r, &count);

  names.arg = (void *)r->tree;
  t->stacks = &names;
  t->whole_stacks = r->shape == HEAP_STACKS;
  t->is_difference = r->before != NULL;
  for (size_t i = 0; i < count; i++)
    view_add(t, r, &o, &lines[i]);
  free(lines);
  if (r->where && !view_filter(t, r->where)) {
    table_free(t);
    return NULL;
  }
  table_sum(t);
  table_top(t, r->top);
  forget_divided(t->total, &o);
  forget_divided(t->rest, &o);
  if (r->columns && !view_show(t, r->columns)) {
    table_free(t);
    return NULL;
  }
  return t;
}

bool heap_view_holds(enum heap_shape shape, const char *where, const char *columns)
{
  struct view_order o = order_of(NULL);
  struct table *t = view_new(shape, &o);
  bool holds = (!where || view_filter(t, where)) && (!columns || view_show(t, columns));

  table_free(t);
  return holds;
}

/* Graphs */

/* A name for each frame of a tree, made once. */
struct frame_names {
  char **name, **detail;
};

static struct frame_names names_of(const struct call_tree *t)
{
  struct frame_names names = {xcalloc(t->frame_count + 1, sizeof(char *)), xcalloc(t->frame_count + 1, sizeof(char *))};

  for (size_t i = 0; i < t->frame_count; i++) {
    names.name[i] = frame_function(&t->frames[i]);
    names.detail[i] = frame_text(&t->frames[i]);
  }
  return names;
}

static void names_free(struct frame_names *names, const struct call_tree *t)
{
  for (size_t i = 0; i < t->frame_count; i++) {
    free(names->name[i]);
    free(names->detail[i]);
  }
  free(names->name);
  free(names->detail);
}

/* "Heap of 4711 prog: bytes live ..." */
static char *title_of(const struct heap_report *r)
{
  const struct vt_file_header *h = r->count ? r->processes[0]->header : NULL;
  const char *slash = h ? strrchr(h->exe, '/') : NULL, *what = heap_column(r->sort)->meaning;

  if (r->count != 1)
    return xasprintf("Heap of %zu processes: %s", r->count, what);
  return xasprintf("Heap of %d %s: %s", h->pid, slash ? slash + 1 : h->exe, what);
}

struct call_graph *heap_view_graph(const struct heap_report *r)
{
  struct call_tree inverted = {0};
  const struct call_tree *t = r->tree;
  struct frame_names names;
  struct call_graph *g;
  char *title = title_of(r);

  if (r->shape == HEAP_TREE_INVERTED) {
    call_tree_invert(&inverted, r->tree);
    t = &inverted;
  }
  g = call_graph_new(title, column_of(r->sort, true));
  free(title);
  g->inverted = t == &inverted;
  g->is_difference = r->before != NULL;
  names = names_of(t);
  for (uint32_t i = 0; i < t->node_count; i++) {
    const struct call_node *node = &t->nodes[i];
    const struct heap_row *row = node->row == CALL_NONE ? NULL : &t->rows[node->row];
    size_t at = CALL_GRAPH_ROOT;

    if (i != CALL_TREE_ROOT)
      at = call_graph_append(g, node->parent, names.name[node->frame], names.detail[node->frame]);
    if (row && heap_row_tells(row, r->sort))
      call_graph_add(g, at, row->v[r->sort]);
  }
  call_graph_finish(g);
  names_free(&names, t);
  call_tree_release(&inverted);
  return g;
}

static int put_table(FILE *out, const struct heap_report *r, const struct format *format)
{
  struct table *t = heap_view_table(r);
  int result = t ? format->table(out, t, &r->style) : -1;

  table_free(t);
  return result;
}

static int put_graph(FILE *out, const struct heap_report *r, const struct format *format)
{
  struct call_graph *g = heap_view_graph(r);
  struct style style = r->style;
  int result;

  style.whole = !r->top;
  result = format->graph(out, g, &style);
  call_graph_free(g);
  return result;
}

int heap_format(FILE *out, const struct heap_report *r, const struct format *format)
{
  bool table = r->shape == HEAP_SITES || r->shape == HEAP_STACKS;

  return (table && format->table) || !format->graph ? put_table(out, r, format) : put_graph(out, r, format);
}
