/*
 * Relations as SQLite's virtual tables.  See sql.h.
 *
 * Every question is answered by reading all rows: the module offers no index, and SQLite filters, sorts and joins.
 */
#include "query/sql.h"

#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "query/column_list.h"
#include "query/stack_text.h"
#include "reader/complain.h"
#include "reader/xalloc.h"

/* What one virtual table was made of. */
struct sql_table {
  struct row_source source;
  struct sql *sql;
  struct sql_table *next;
};

struct sql {
  sqlite3 *db;
  struct sql_table *tables; /* the latest first */
  bool declaring;           /* a virtual table says what its columns are */
};

/* SQLite's own: base comes first. */
struct sql_vtab {
  sqlite3_vtab base;
  const struct row_source *source;
};

struct sql_cursor {
  sqlite3_vtab_cursor base;
  struct rows *rows;
  union cell *row;
  sqlite3_int64 number;
  bool at_end;
};

static const struct row_source *source_of(sqlite3_vtab_cursor *cursor)
{
  return ((struct sql_vtab *)cursor->pVtab)->source;
}

static const char *sql_type(enum column_kind kind)
{
  return kind == COLUMN_TEXT || kind == COLUMN_STACK ? "TEXT" : "INTEGER";
}

/* "CREATE TABLE x(...)"; freed by sqlite3_free. */
static char *sql_declaration(const struct row_source *source)
{
  sqlite3_str *text = sqlite3_str_new(NULL);

  sqlite3_str_appendall(text, "CREATE TABLE x(");
  for (unsigned i = 0; i < source->column_count; i++)
    sqlite3_str_appendf(text, "%s\"%w\" %s", i ? ", " : "", source->columns[i].name, sql_type(source->columns[i].kind));
  sqlite3_str_appendall(text, ")");
  return sqlite3_str_finish(text);
}

static int vtab_connect(sqlite3 *db, void *arg, int argc, const char *const *argv, sqlite3_vtab **vtab, char **error)
{
  struct sql_table *table = arg;
  struct sql_vtab *made = xcalloc(1, sizeof *made);
  char *declaration = sql_declaration(&table->source);
  int code;

  (void)argc;
  (void)argv;
  (void)error;
  table->sql->declaring = true;
  code = declaration ? sqlite3_declare_vtab(db, declaration) : SQLITE_NOMEM;
  table->sql->declaring = false;
  sqlite3_free(declaration);
  made->source = &table->source;
  *vtab = &made->base;
  if (code == SQLITE_OK)
    return code;
  free(made);
  *vtab = NULL;
  return code;
}

static int vtab_disconnect(sqlite3_vtab *vtab)
{
  free(vtab);
  return SQLITE_OK;
}

/* There is one way: all rows. */
static int vtab_best_index(sqlite3_vtab *vtab, sqlite3_index_info *info)
{
  const struct sql_vtab *v = (struct sql_vtab *)vtab;

  info->estimatedRows = v->source->table ? (sqlite3_int64)v->source->table->count : 1000000;
  info->estimatedCost = (double)info->estimatedRows;
  return SQLITE_OK;
}

static int vtab_open(sqlite3_vtab *vtab, sqlite3_vtab_cursor **cursor)
{
  struct sql_cursor *c = xcalloc(1, sizeof *c);

  c->row = xcalloc(((struct sql_vtab *)vtab)->source->column_count + 1, sizeof *c->row);
  *cursor = &c->base;
  return SQLITE_OK;
}

static int vtab_close(sqlite3_vtab_cursor *cursor)
{
  struct sql_cursor *c = (struct sql_cursor *)cursor;

  if (c->rows)
    rows_close(c->rows);
  free(c->row);
  free(c);
  return SQLITE_OK;
}

static int vtab_next(sqlite3_vtab_cursor *cursor)
{
  struct sql_cursor *c = (struct sql_cursor *)cursor;

  c->at_end = !rows_next(c->rows, c->row);
  c->number++;
  return SQLITE_OK;
}

static int vtab_filter(sqlite3_vtab_cursor *cursor, int index, const char *name, int argc, sqlite3_value **argv)
{
  struct sql_cursor *c = (struct sql_cursor *)cursor;

  (void)index;
  (void)name;
  (void)argc;
  (void)argv;
  if (c->rows)
    rows_close(c->rows);
  c->rows = rows_open(source_of(cursor));
  c->number = -1;
  return vtab_next(cursor);
}

static int vtab_eof(sqlite3_vtab_cursor *cursor)
{
  return ((struct sql_cursor *)cursor)->at_end;
}

static int vtab_column(sqlite3_vtab_cursor *cursor, sqlite3_context *context, int column)
{
  const struct row_source *source = source_of(cursor);
  union cell cell = ((struct sql_cursor *)cursor)->row[column];
  char *text;

  if (!cell_is_known(&source->columns[column], cell)) {
    sqlite3_result_null(context);
    return SQLITE_OK;
  }
  switch (source->columns[column].kind) {
  case COLUMN_TEXT:
    sqlite3_result_text(context, cell.text, -1, SQLITE_TRANSIENT);
    return SQLITE_OK;
  case COLUMN_STACK:
    text = stack_folded(source->stacks, cell.number);
    sqlite3_result_text(context, text, -1, free);
    return SQLITE_OK;
  default:
    sqlite3_result_int64(context, cell.number);
    return SQLITE_OK;
  }
}

static int vtab_rowid(sqlite3_vtab_cursor *cursor, sqlite3_int64 *rowid)
{
  *rowid = ((struct sql_cursor *)cursor)->number;
  return SQLITE_OK;
}

/* Without xCreate: a table of the module's name is there at once. */
static const sqlite3_module vtab_module = {
    .xConnect = vtab_connect,
    .xBestIndex = vtab_best_index,
    .xDisconnect = vtab_disconnect,
    .xOpen = vtab_open,
    .xClose = vtab_close,
    .xFilter = vtab_filter,
    .xNext = vtab_next,
    .xEof = vtab_eof,
    .xColumn = vtab_column,
    .xRowid = vtab_rowid,
};

/* SQLite's own tables say nothing about traces. */
static bool is_own_table(const char *name)
{
  return name && (!strncasecmp(name, "sqlite_", 7) || !strncasecmp(name, "pragma_", 7));
}

/* Reading, functions and common table expressions: all else (ATTACH, PRAGMA, writing) has no place in a question. */
static int sql_authorize(void *arg, int action, const char *a, const char *b, const char *c, const char *d)
{
  const struct sql *sql = arg;

  (void)b;
  (void)c;
  (void)d;
  if (sql->declaring || action == SQLITE_SELECT || action == SQLITE_FUNCTION || action == SQLITE_RECURSIVE)
    return SQLITE_OK;
  return action == SQLITE_READ && !is_own_table(a) ? SQLITE_OK : SQLITE_DENY;
}

static void sql_check(int code)
{
  if (code == SQLITE_NOMEM)
    xalloc_failed();
}

struct sql *sql_open(void)
{
  struct sql *sql = xcalloc(1, sizeof *sql);

  if (sqlite3_open(":memory:", &sql->db) != SQLITE_OK)
    xalloc_failed(); /* in memory nothing else can go wrong */
  sqlite3_set_authorizer(sql->db, sql_authorize, sql);
  return sql;
}

void sql_close(struct sql *sql)
{
  sqlite3_close(sql->db);
  while (sql->tables) {
    struct sql_table *next = sql->tables->next;

    free(sql->tables);
    sql->tables = next;
  }
  free(sql);
}

void sql_add(struct sql *sql, const struct row_source *source)
{
  struct sql_table *table = xcalloc(1, sizeof *table);

  table->source = *source;
  table->sql = sql;
  table->next = sql->tables;
  sql->tables = table;
  sql_check(sqlite3_create_module_v2(sql->db, source->name, &vtab_module, table, NULL));
}

static void complain_statement(struct sql *sql)
{
  char *text = xstrdup("");

  for (const struct sql_table *table = sql->tables; table; table = table->next) {
    char *more = xasprintf("%s%s%s", table->source.name, *text ? ", " : "", text);

    free(text);
    text = more;
  }
  complain("SQL: %s; there are the tables %s", sqlite3_errmsg(sql->db), text);
  free(text);
}

/* Whether nothing but blanks and semicolons follows. */
static bool is_blank(const char *text)
{
  return !text[strspn(text, "; \t\r\n")];
}

struct sqlite3_stmt *sql_prepare(struct sql *sql, const char *text)
{
  sqlite3_stmt *statement = NULL;
  const char *tail = "";
  int code = sqlite3_prepare_v2(sql->db, text, -1, &statement, &tail);

  sql_check(code);
  if (code != SQLITE_OK)
    complain_statement(sql);
  else if (!statement)
    complain("SQL: there is no statement in '%s'", text);
  else if (!is_blank(tail))
    complain("SQL: one statement at a time; there is more behind it: %s", tail);
  else
    return statement;
  sqlite3_finalize(statement);
  return NULL;
}

int sql_next(struct sql *sql, struct sqlite3_stmt *statement)
{
  int code = sqlite3_step(statement);

  sql_check(code);
  if (code == SQLITE_ROW)
    return 1;
  if (code == SQLITE_DONE)
    return 0;
  complain("SQL: %s", sqlite3_errmsg(sql->db));
  return -1;
}

static void complain_where(struct sql *sql, const struct table *t, const char *expression)
{
  char *columns = column_names(t->columns, t->column_count);

  complain("--where '%s': %s; the columns are %s", expression, sqlite3_errmsg(sql->db), columns);
  free(columns);
}

/* The lines of their own keep a comment in the expression from taking the parenthesis with it. */
static sqlite3_stmt *where_prepare(struct sql *sql, const struct table *t, const char *expression)
{
  char *text = xasprintf("SELECT rowid FROM \"%s\" WHERE (\n%s\n)", t->name, expression);
  sqlite3_stmt *statement = NULL;
  const char *tail = "";
  int code = sqlite3_prepare_v2(sql->db, text, -1, &statement, &tail);

  sql_check(code);
  if (code != SQLITE_OK)
    complain_where(sql, t, expression);
  else if (!is_blank(tail)) {
    complain("--where '%s': one expression is taken, and no ';'", expression);
    sqlite3_finalize(statement);
    statement = NULL;
  }
  free(text);
  return statement;
}

int sql_where(const struct table *t, const char *expression, bool *keep)
{
  struct row_source source = rows_of_table(t);
  struct sql *sql = sql_open();
  sqlite3_stmt *statement;
  int code = SQLITE_ERROR;

  sql_add(sql, &source);
  memset(keep, 0, t->count * sizeof *keep);
  statement = where_prepare(sql, t, expression);
  if (statement) {
    while ((code = sqlite3_step(statement)) == SQLITE_ROW) {
      sqlite3_int64 row = sqlite3_column_int64(statement, 0);

      if (row >= 0 && (size_t)row < t->count)
        keep[row] = true;
    }
    sql_check(code);
    if (code != SQLITE_DONE)
      complain_where(sql, t, expression);
    sqlite3_finalize(statement);
  }
  sql_close(sql);
  return code == SQLITE_DONE ? 0 : -1;
}
