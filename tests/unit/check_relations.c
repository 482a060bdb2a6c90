/*
 * Relations of traces whose content is known: rows and values of each, asked
 * for by SQL as users will.
 */
#include <check.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "capture.h"
#include "heap_maker.h"
#include "query/relation_run.h"
#include "query/relations.h"
#include "query/rows.h"
#include "query/sql.h"
#include "unit.h"

#define HEAP UINT64_C(0x200000)
#define MAPPED UINT64_C(0x100000000000)
#define OWN (VT_PG_PRESENT | VT_PG_ZERO_KNOWN | VT_PG_EXCLUSIVE)
#define RW (VT_VMA_R | VT_VMA_W)

static void name_thread(struct maker_stream *s, uint64_t tid, const char *name)
{
  maker_record(s, VT_R_THREAD_NAME, 1, &tid, name, strlen(name));
}

/* A sample of two pages of the heap and one of a file. */
static void sample(struct trace_maker *m, uint64_t at_ms)
{
  struct maker_stream *s = heap_sample(m, NULL, at_ms * MS);

  heap_vma(s, HEAP, 16 * PAGE, RW, "");
  heap_vma(s, MAPPED, 4 * PAGE, VT_VMA_R | VT_VMA_SHARED, "/srv/data");
  MAKE(s, PAGES, HEAP, 2, OWN, 0x1000);
  MAKE(s, PAGES, MAPPED, 1, VT_PG_PRESENT | VT_PG_ZERO_KNOWN | VT_PG_FILE, 0x2000);
  MAKE(s, VALUE, HEAP, VT_VALUE_INT, 42);
  MAKE(s, RESIDENT, 100, 10, 5);
  MAKE(s, SAMPLE_END, 0, 3, 7000);
}

/* A parent with two threads and a child that inherits a block of IN_F and makes one of IN_G. */
static void make_family(void)
{
  struct maker_stream *s, *other;
  struct trace_maker *m = heap_trace("parent", &s);
  const uint64_t lost[] = {VT_LOSS_SIGNAL, 3}, nondet[] = {VT_NONDET_TAKEN, HEAP, 1};

  m->header.pid = 101;
  m->header.origin = VT_ORIGIN_IMAGE;
  memset(m->header.trace_id, 1, sizeof m->header.trace_id);
  other = maker_stream(m, 0, 1, VT_ROLE_PROGRAM);
  maker_time(s, m->header.start_ns + 1 * MS);
  maker_alloc_stack(s, HEAP, 1000, IN_F);
  maker_alloc_stack(s, HEAP + PAGE, 500, IN_G);
  maker_free(s, HEAP + PAGE);
  heap_mark(s, "ready");
  maker_record(s, VT_R_LOSS, 2, lost, NULL, 0);
  maker_record(s, VT_R_NONDET, 3, nondet, NULL, 0);
  MAKE(s, HEAP_ERROR, VT_HEAP_DOUBLE_FREE, HEAP + PAGE, HEAP + PAGE, IN_MAIN, IN_G, IN_G);
  name_thread(other, 0, "worker");
  maker_time(s, m->header.start_ns + 9 * MS);
  MAKE(s, FORK, 102);
  sample(m, 5);
  m->header.end_ns = m->header.start_ns + 50 * MS;
  maker_finish(m);

  m = heap_trace("child", &s);
  m->header.pid = 102;
  m->header.origin = VT_ORIGIN_FORK;
  memset(m->header.trace_id, 2, sizeof m->header.trace_id);
  memset(m->header.parent_id, 1, sizeof m->header.parent_id);
  m->header.start_ns += 9 * MS;
  maker_time(s, m->header.start_ns + 1 * MS);
  maker_alloc_stack(s, HEAP + 2 * PAGE, 77, IN_G);
  m->header.end_ns = m->header.start_ns + 20 * MS;
  maker_finish(m);
}

static struct session *session;
static struct sql *sql;

/* All relations over the family. */
static void ask_all(void)
{
  char *paths[] = {strdup(temp_path("parent")), strdup(temp_path("child"))};

  session = session_open(paths, 2);
  for (const struct relation *const *r = relations(); *r; r++)
    relation_want(*r, session);
  ck_assert_int_eq(session_run(session), 0);
  sql = sql_open();
  for (const struct relation *const *r = relations(); *r; r++) {
    static struct row_source source[32];

    ck_assert_int_lt(r - relations(), 32);
    source[r - relations()] = rows_of_relation(*r, session);
    sql_add(sql, &source[r - relations()]);
  }
  free(paths[0]);
  free(paths[1]);
}

static void close_all(void)
{
  sql_close(sql);
  session_close(session);
}

/* The rows of a statement: columns with blanks, rows with semicolons between them. */
static const char *answer(const char *statement)
{
  static char text[4096];
  struct sqlite3_stmt *s = sql_prepare(sql, statement);
  size_t used = 0;

  ck_assert_msg(s != NULL, "%s", statement);
  text[0] = '\0';
  for (bool more = false; sql_next(sql, s) > 0; more = true) {
    for (int i = 0; i < sqlite3_column_count(s); i++) {
      const char *value = (const char *)sqlite3_column_text(s, i);

      used += (size_t)snprintf(text + used, sizeof text - used, "%s%s",
                               i      ? " "
                               : more ? "; "
                                      : "",
                               value ? value : "-");
    }
  }
  sqlite3_finalize(s);
  return text;
}

#define EXPECT_ANSWER(statement, rows) ck_assert_str_eq(answer(statement), rows)

START_TEST(of_blocks_and_stacks)
{
  ask_all();
  EXPECT_ANSWER("SELECT pid, address, size FROM blocks ORDER BY pid, address",
                "101 2097152 1000; 102 2097152 1000; 102 2105344 77");
  /* What was inherited has the stack of the process that allocated it. */
  EXPECT_ANSWER("SELECT count(DISTINCT stack), min(stack) = max(stack) FROM blocks WHERE address = 0x200000", "1 1");
  EXPECT_ANSWER("SELECT pid, sum(live), sum(allocations), sum(frees) FROM stacks GROUP BY pid ORDER BY pid",
                "101 1000 2 1; 102 77 1 0");
  EXPECT_ANSWER("SELECT count(*) FROM blocks JOIN stacks USING (pid, stack)", "2");
  close_all();
}
END_TEST

START_TEST(of_pages_and_samples)
{
  ask_all();
  EXPECT_ANSWER("SELECT pid, address, size, rights, path FROM mappings ORDER BY address",
                "101 2097152 65536 rw-p -; 101 17592186044416 16384 r--s /srv/data");
  EXPECT_ANSWER("SELECT address, pages, frame, state, exclusive FROM pages ORDER BY address",
                "2097152 2 4096 anonymous 1; 17592186044416 1 8192 file 0");
  EXPECT_ANSWER("SELECT pid, rss, tracer, tables, cost FROM samples", "101 409600 40960 20480 7000");
  EXPECT_ANSWER("SELECT pid, address, type, value FROM \"values\"", "101 2097152 int 42");
  close_all();
}
END_TEST

START_TEST(of_what_was_said)
{
  ask_all();
  EXPECT_ANSWER("SELECT pid, name FROM marks", "101 ready");
  EXPECT_ANSWER("SELECT kind, thread, events FROM losses ORDER BY kind", "loss 0 3; nondet 0 -");
  EXPECT_ANSWER("SELECT count(*) FROM errors", "1");
  EXPECT_ANSWER("SELECT thread, name FROM threads WHERE pid = 101 AND role = 'program' ORDER BY thread",
                "0 -; 0.1 worker");
  EXPECT_ANSWER("SELECT pid, count(*) FROM modules GROUP BY pid ORDER BY pid", "101 1; 102 1");
  EXPECT_ANSWER("SELECT pid FROM processes ORDER BY pid", "101; 102");
  close_all();
}
END_TEST

/* Columns can be told apart, sorted by and explained. */
START_TEST(columns_are_described)
{
  for (const struct relation *const *r = relations(); *r; r++) {
    ck_assert_msg((*r)->meaning && *(*r)->meaning, "%s", (*r)->name);
    for (unsigned i = 0; i < (*r)->column_count; i++) {
      const struct column *c = &(*r)->columns[i];

      ck_assert_msg(c->meaning && *c->meaning && c->heading && *c->heading, "%s.%s", (*r)->name, c->name);
      ck_assert_msg(relation_column(*r, c->name) == i, "%s.%s is there twice", (*r)->name, c->name);
      ck_assert_msg(strspn(c->name, "abcdefghijklmnopqrstuvwxyz_") == strlen(c->name), "%s.%s", (*r)->name, c->name);
    }
    ck_assert_ptr_eq(relation_find((*r)->name), *r);
  }
}
END_TEST

int main(void)
{
  Suite *suite = suite_create("relations");
  TCase *tests = unit_case(suite, "relations", 60);

  tcase_add_checked_fixture(tests, make_family, NULL);
  tcase_add_test(tests, of_blocks_and_stacks);
  tcase_add_test(tests, of_pages_and_samples);
  tcase_add_test(tests, of_what_was_said);
  tcase_add_test(tests, columns_are_described);
  return unit_main(suite);
}
