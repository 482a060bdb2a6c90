/*
 * What is done with rows: order, top, sums, trees, groups, differences, and SQL over them.
 */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "capture.h"
#include "query/process_tree.h"
#include "query/relations.h"
#include "query/rows.h"
#include "query/sql.h"
#include "query/table_group.h"
#include "query/table_order.h"
#include "table_maker.h"
#include "unit.h"

#include <sqlite3.h>

#define UNKNOWN CELL_UNKNOWN

static struct table *four(void)
{
  struct table *t = maker_table();

  maker_row(t, "b", 1, 100, 1);
  maker_row(t, "a", 2, 300, 2);
  maker_row(t, "c", 3, UNKNOWN, 3);
  maker_row(t, "a", 4, 100, 4);
  return t;
}

/* The pids of all rows, in order. */
static const char *order_of(const struct table *t)
{
  static char text[256];
  size_t used = 0;

  text[0] = '\0';
  for (size_t i = 0; i < t->count; i++)
    used += (size_t)snprintf(text + used, sizeof text - used, "%s%lld", i ? " " : "",
                             (long long)table_row(t, i)[T_PID].number);
  return text;
}

static void sort_by(struct table *t, const char *keys)
{
  struct sort_key key[SORT_KEYS_MAX];
  int count = sort_keys_parse(t, keys, key);

  ck_assert_int_gt(count, 0);
  table_sort(t, key, (unsigned)count);
}

START_TEST(sorting)
{
  struct table *t = four();

  sort_by(t, "size");
  ck_assert_str_eq(order_of(t), "2 1 4 3"); /* stable; what is not known comes last */
  sort_by(t, "-size,-pid");
  ck_assert_str_eq(order_of(t), "1 4 2 3");
  sort_by(t, "name,blocks");
  ck_assert_str_eq(order_of(t), "4 2 1 3");
  sort_by(t, "-name");
  ck_assert_str_eq(order_of(t), "3 1 4 2");
  t->is_difference = true;
  table_row(t, 1)[T_SIZE].number = -5000;
  sort_by(t, "size");
  ck_assert_int_eq(table_row(t, 0)[T_SIZE].number, -5000);
  table_free(t);
}
END_TEST

START_TEST(addresses_are_not_signed)
{
  struct table *t = four();

  table_row(t, 0)[T_ADDRESS].number = (int64_t)UINT64_C(0xffffffffff600000);
  sort_by(t, "address");
  ck_assert_int_eq(table_row(t, 0)[T_PID].number, 1);
  table_free(t);
}
END_TEST

START_TEST(top_and_sums)
{
  struct table *t = four();

  sort_by(t, "size");
  table_sum(t);
  table_top(t, 1);
  ck_assert_uint_eq(t->count, 1);
  ck_assert_uint_eq(t->rest_count, 3);
  ck_assert_int_eq(t->rest[T_SIZE].number, 200);
  ck_assert_int_eq(t->rest[T_BLOCKS].number, 8);
  ck_assert_int_eq(t->total[T_SIZE].number, 500);
  ck_assert_int_eq(t->total[T_PEAK].number, UNKNOWN); /* peaks do not add up */
  ck_assert_int_eq(t->total[T_PID].number, UNKNOWN);
  ck_assert_ptr_null(t->total[T_NAME].text);
  table_top(t, 1);
  ck_assert_ptr_null(t->rest);
  table_row(t, 0)[T_SIZE].number = INT64_MAX;
  maker_row(t, "d", 5, INT64_MAX, 1);
  table_sum(t);
  ck_assert_int_eq(t->total[T_SIZE].number, INT64_MAX);
  table_free(t);
}
END_TEST

/* 1 over 2 and 3, 3 over 4; 9 is alone; 7 and 8 say of each other that they are above. */
START_TEST(trees)
{
  struct table *t = maker_table();
  const size_t above[] = {2, TABLE_NO_ROW, TABLE_NO_ROW, 2, 0, 6, 5};
  bool keep[7];

  maker_row(t, "three", 3, 1, 1);
  maker_row(t, "nine", 9, 1, 1);
  maker_row(t, "one", 1, 1, 1);
  maker_row(t, "two", 2, 1, 1);
  maker_row(t, "four", 4, 1, 1);
  maker_row(t, "seven", 7, 1, 1);
  maker_row(t, "eight", 8, 1, 1);
  table_make_tree(t, above, T_NAME);
  ck_assert_str_eq(order_of(t), "9 1 3 4 2 7 8");
  ck_assert_uint_eq(t->parent[3], 2);
  ck_assert_uint_eq(t->parent[4], 1);
  sort_by(t, "-pid");
  ck_assert_str_eq(order_of(t), "1 2 3 4 7 8 9");
  for (size_t i = 0; i < 7; i++)
    keep[i] = i != 2;
  table_keep(t, keep);
  ck_assert_str_eq(order_of(t), "1 2 4 7 8 9");
  ck_assert_uint_eq(t->parent[2], 0); /* below who was above the one that went */
  ck_assert_uint_eq(t->parent[1], 0);
  ck_assert_uint_eq(t->parent[5], TABLE_NO_ROW);
  table_free(t);
}
END_TEST

START_TEST(groups)
{
  struct table *t = four(), *g = table_group(t, (const unsigned[]){T_NAME}, 1);

  ck_assert_uint_eq(g->count, 3);
  ck_assert_str_eq(table_row(g, 1)[0].text, "a");
  ck_assert_int_eq(table_row(g, 1)[1].number, 2);
  ck_assert_int_eq(table_row(g, 1)[table_column(g, "size")].number, 400);
  ck_assert_int_eq(table_row(g, 2)[table_column(g, "size")].number, UNKNOWN);
  ck_assert_uint_eq(table_column(g, "peak"), g->column_count);
  table_free(t);
  ck_assert_str_eq(table_row(g, 0)[0].text, "b"); /* its own copy */
  table_free(g);
}
END_TEST

static const union cell *row_named(const struct table *t, const char *name)
{
  for (size_t i = 0; i < t->count; i++) {
    if (!strcmp(table_row(t, i)[0].text, name))
      return table_row(t, i);
  }
  ck_abort_msg("no row %s", name);
}

START_TEST(differences)
{
  struct table *before = four(), *after = maker_table(), *d;
  unsigned size, change;

  maker_row(after, "a", 9, 1000, 6);
  maker_row(after, "b", 8, 100, 1);
  maker_row(after, "new", 7, 7, 7);
  d = table_diff(before, after);
  size = table_column(d, "size");
  change = table_column(d, "change");
  ck_assert_uint_eq(d->count, 4);
  ck_assert_int_eq(row_named(d, "a")[size].number, 600);
  ck_assert_str_eq(row_named(d, "a")[change].text, "changed");
  ck_assert_str_eq(row_named(d, "b")[change].text, "same");
  ck_assert_str_eq(row_named(d, "new")[change].text, "new");
  ck_assert_str_eq(row_named(d, "c")[change].text, "gone");
  ck_assert_int_eq(row_named(d, "c")[table_column(d, "blocks")].number, -3);
  ck_assert_int_eq(row_named(d, "c")[size].number, UNKNOWN);
  table_free(before);
  table_free(after);
  table_free(d);
}
END_TEST

START_TEST(columns_chosen)
{
  struct table *t = four();
  unsigned *columns;
  int count = columns_parse(t, "size,note,name,size", &columns);

  ck_assert_int_eq(count, 4);
  table_sum(t);
  table_show(t, columns, 4);
  ck_assert_str_eq(t->columns[0].name, "size");
  ck_assert_str_eq(t->columns[1].name, "note");
  ck_assert_str_eq(t->columns[2].name, "name");
  ck_assert_uint_eq(t->columns[3].priority, COLUMN_HIDDEN);
  ck_assert_int_eq(table_row(t, 1)[0].number, 300);
  ck_assert_int_eq(t->total[0].number, 500);
  ck_assert_str_eq(table_row(t, 1)[2].text, "a");
  free(columns);
  table_free(t);
}
END_TEST

static struct table *where(const char *expression)
{
  struct table *t = four();
  bool keep[4];

  ck_assert_msg(sql_where(t, expression, keep) == 0, "%s", expression);
  table_keep(t, keep);
  return t;
}

START_TEST(where_expressions)
{
  static const struct {
    const char *expression, *pids;
  } all[] = {
      {"size > 100", "2"},
      {"size is null", "3"},
      {"name = 'a' and blocks between 1 and 3", "2"},
      {"name in ('b', 'c')", "1 3"},
      {"address >= 0x201000 -- and more", "2 3 4"},
      {"stack like 'main;a:b%'", "2 3"},
      {"pid = (select max(pid) from things)", "4"},
      {"1", "1 2 3 4"},
      {"0", ""},
  };

  for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
    struct table *t = where(all[i].expression);

    ck_assert_msg(!strcmp(order_of(t), all[i].pids), "%s: %s", all[i].expression, order_of(t));
    table_free(t);
  }
}
END_TEST

START_TEST(wrong_expressions)
{
  static const char *const all[] = {
      "sice > 1",
      "size >",
      "size > 1; delete from things",
      "load_extension('x')",
      "1) union select 1 from pragma_database_list where (1",
      "(select 1 from sqlite_master)",
      "readfile('/etc/passwd')",
  };

  for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
    struct table *t = four();
    bool keep[4];
    char *said;

    capture_begin(2);
    ck_assert_int_eq(sql_where(t, all[i], keep), -1);
    said = capture_end();
    ck_assert_msg(!strncmp(said, "vmtrace: --where '", 18), "%s", said);
    ck_assert_ptr_eq(strchr(said, '\n'), said + strlen(said) - 1);
    if (i < 2)
      ck_assert_msg(strstr(said, "; the columns are name, pid, size, ") != NULL, "%s", said);
    free(said);
    table_free(t);
  }
}
END_TEST

/* Tables join; nothing can be written. */
START_TEST(statements)
{
  struct table *t = four();
  struct row_source source = rows_of_table(t), other = source;
  struct sql *sql = sql_open();
  struct sqlite3_stmt *statement;

  other.name = "others";
  sql_add(sql, &source);
  sql_add(sql, &other);
  statement = sql_prepare(sql, "with x as (select name, sum(size) as s from things group by name) "
                               "select x.s, count(*) from x join others using (name) where name = 'a'");
  ck_assert_ptr_nonnull(statement);
  ck_assert_int_eq(sql_next(sql, statement), 1);
  ck_assert_int_eq(sqlite3_column_int64(statement, 0), 400);
  ck_assert_int_eq(sqlite3_column_int64(statement, 1), 2);
  ck_assert_int_eq(sql_next(sql, statement), 0);
  sqlite3_finalize(statement);
  sql_close(sql);
  table_free(t);
}
END_TEST

/* Rows of `processes` with what the tree asks for. */
static void add_image(struct table *t, int64_t pid, int64_t start, const char *id, const char *parent, int64_t peak)
{
  union cell *row = calloc(t->column_count, sizeof *row);

  for (unsigned i = 0; i < t->column_count; i++)
    row[i] = t->columns[i].kind == COLUMN_TEXT ? (union cell){.text = NULL} : (union cell){.number = UNKNOWN};
  row[table_column(t, "pid")].number = pid;
  row[table_column(t, "start")].number = start;
  row[table_column(t, "events")].number = 10;
  row[table_column(t, "peak")].number = peak;
  row[table_column(t, "live")].number = peak / 2;
  row[table_column(t, "boot_id")].text = "boot";
  row[table_column(t, "trace_id")].text = id;
  row[table_column(t, "parent_id")].text = parent;
  row[table_column(t, "command")].text = id;
  table_add(t, row);
  free(row);
}

/* make forks, its child becomes sh and then cc, which starts cc1; two traces claim to be each other's parents. */
START_TEST(process_trees)
{
  struct table *t = table_new("processes", relation_processes.columns, relation_processes.column_count), *tree;
  unsigned pid = table_column(t, "pid"), events = table_column(t, "events"), peak = table_column(t, "peak");

  add_image(t, 30, 50, "cc1", "cc", 7);
  add_image(t, 20, 40, "cc", "sh", 100);
  add_image(t, 10, 10, "make", "outside", 5);
  add_image(t, 20, 20, "fork", "make", 8);
  add_image(t, 20, 30, "sh", "fork", 300);
  add_image(t, 50, 60, "x", "y", 1);
  add_image(t, 50, 60, "y", "x", 1);
  tree = process_tree(t, false);
  ck_assert_uint_eq(tree->count, 5);
  ck_assert_int_eq(table_row(tree, 0)[pid].number, 10);
  ck_assert_int_eq(table_row(tree, 1)[pid].number, 20);
  ck_assert_str_eq(table_row(tree, 1)[table_column(tree, "command")].text, "cc");
  ck_assert_int_eq(table_row(tree, 1)[events].number, 30);
  ck_assert_int_eq(table_row(tree, 1)[peak].number, 300);
  ck_assert_int_eq(table_row(tree, 1)[table_column(tree, "live")].number, 50);
  ck_assert_int_eq(table_row(tree, 1)[table_column(tree, "images")].number, 3);
  ck_assert_uint_eq(tree->parent[1], 0);
  ck_assert_uint_eq(tree->parent[2], 1);
  ck_assert_uint_eq(tree->parent[3], TABLE_NO_ROW);
  table_free(tree);
  tree = process_tree(t, true);
  ck_assert_uint_eq(tree->count, 7);
  ck_assert_uint_eq(tree->parent[4], 3);
  table_free(tree);
  table_free(t);
}
END_TEST

int main(void)
{
  Suite *suite = suite_create("tables");
  TCase *tcase = unit_case(suite, "tables", 60);

  tcase_add_test(tcase, sorting);
  tcase_add_test(tcase, addresses_are_not_signed);
  tcase_add_test(tcase, top_and_sums);
  tcase_add_test(tcase, trees);
  tcase_add_test(tcase, groups);
  tcase_add_test(tcase, differences);
  tcase_add_test(tcase, columns_chosen);
  tcase_add_test(tcase, where_expressions);
  tcase_add_test(tcase, wrong_expressions);
  tcase_add_test(tcase, statements);
  tcase_add_test(tcase, process_trees);
  return unit_main(suite);
}
