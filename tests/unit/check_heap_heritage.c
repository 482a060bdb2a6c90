/*
 * What a child has from its parent: blocks with their call stacks, mappings,
 * over generations, at the moment of the fork and with a parent that goes on.
 */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "capture.h"
#include "heap_maker.h"
#include "unit.h"

#define HEAP UINT64_C(0x200000)
#define MAPPED UINT64_C(0x100000000000)
#define OWN (VT_PG_PRESENT | VT_PG_ZERO_KNOWN | VT_PG_EXCLUSIVE)
#define RW (VT_VMA_R | VT_VMA_W)

#define EXPECT(row, column, value) ck_assert_int_eq((row).v[HEAP_##column], (value))

/* A trace of process id, the child of id - 1 (0: of none), that begins id * 100 ms after the clock's first second. */
static struct trace_maker *generation(const char *name, uint8_t id, struct maker_stream **thread)
{
  struct trace_maker *m = heap_trace(name, thread);

  m->header.pid = 100 + id;
  m->header.origin = id > 1 ? VT_ORIGIN_FORK : VT_ORIGIN_IMAGE;
  memset(m->header.trace_id, id, sizeof m->header.trace_id);
  memset(m->header.parent_id, id - 1, sizeof m->header.parent_id);
  return m;
}

/* All that a process has at HEAP and at MAPPED is resident at its end. */
static void finish(struct trace_maker *m, uint64_t start_ms)
{
  struct maker_stream *s = heap_sample(m, NULL, (start_ms + 80) * MS);

  heap_vma(s, HEAP, 0x200000, RW, "");
  heap_vma(s, MAPPED, 4 * PAGE, RW | VT_VMA_SHARED, "/dev/zero (deleted)");
  MAKE(s, PAGES, HEAP, 8, OWN, 0x1000 + start_ms * 16);
  MAKE(s, PAGES, MAPPED, 4, OWN | VT_PG_FILE, 0x2000 + start_ms * 16);
  MAKE(s, SAMPLE_END, 0, 12, 0);
  m->header.start_ns += start_ms * MS;
  maker_finish(m);
}

/* The parent has four blocks at the fork, frees one and makes another behind it; its child frees one and makes one; and
 * has a child itself. */
static void make_family(void)
{
  struct maker_stream *s;
  struct trace_maker *m = generation("parent", 1, &s);

  maker_alloc_stack(s, HEAP, PAGE, IN_F);
  maker_alloc_stack(s, HEAP + PAGE, PAGE, IN_F);
  maker_alloc_stack(s, HEAP + 2 * PAGE, PAGE, IN_G);
  maker_alloc_stack(s, HEAP + 3 * PAGE, PAGE, IN_G);
  maker_alloc_stack(s, HEAP + 4 * PAGE, PAGE, IN_MAIN);
  MAKE(s, STACK, IN_F);
  MAKE(s, MMAP, MAPPED, 4 * PAGE, 3, 0x21, UINT32_MAX, 0);
  MAKE(s, FORK, 999);                           /* another one, earlier */
  maker_time(s, m->header.start_ns + 101 * MS); /* the child has run before fork returned here */
  MAKE(s, FORK, 102);
  maker_free(s, HEAP);
  maker_alloc_stack(s, HEAP + 7 * PAGE, PAGE, IN_G);
  finish(m, 0);

  m = generation("child", 2, &s);
  maker_time(s, m->header.start_ns + 110 * MS);
  maker_free(s, HEAP + PAGE);
  maker_alloc_stack(s, HEAP + 5 * PAGE, PAGE, IN_G);
  MAKE(s, FORK, 103);
  maker_free(s, HEAP + 2 * PAGE);
  finish(m, 100);

  m = generation("grandchild", 3, &s);
  finish(m, 120);
}

static const char *const names[] = {"parent", "child", "grandchild"};

static struct session *session;

/* Loads those of the family that are named. */
static struct heap_set load(const unsigned *which, size_t count)
{
  const char *given[4];

  for (size_t i = 0; i < count; i++)
    given[i] = names[which[i]];
  return heap_load_set(given, count, "end", &session);
}

static void unload(struct heap_set *set)
{
  heap_set_release(set);
  session_close(session);
}

static int64_t resident_of(struct heap_process *p, const char *what, uint32_t pc)
{
  int64_t sum = 0;

  for (uint32_t id = 0; (id = heap_process_stack(p, id)) < ID_TABLE_LIMIT; id++) {
    struct stack_place place = heap_process_place(p, id);
    const struct stack_node *node = place.names ? id_table_get(&place.names->nodes, place.stack) : NULL;

    if (node && node->known && node->pc == CODE + pc)
      sum += heap_row_of(p, id).v[HEAP_RESIDENT];
    if (id >= STACK_INHERITED && node && node->known)
      ck_assert_msg(modules_find(&place.names->modules, node->pc, node->time_ns) != NULL, "%s: no module", what);
  }
  return sum;
}

START_TEST(what_lived_at_the_fork)
{
  struct heap_set set = load((const unsigned[]){1, 0}, 2); /* in any order */
  struct heap_process *child = set.process[0];
  struct heap_row all;

  ck_assert_int_eq(child->header->pid, 102);
  ck_assert_int_eq(resident_of(child, "child", 0x200), 5 * 4096); /* f: one block, and the mapping */
  ck_assert_int_eq(resident_of(child, "child", 0x300), 2 * 4096); /* g: one block, and one of its own */
  heap_process_totals(child, HEAP_WHOLE_RUN, &all);
  EXPECT(all, RESIDENT, 8 * 4096); /* and the one of main */
  EXPECT(all, INHERITED, 3 * 4096);
  EXPECT(all, LIVE, 4096);
  EXPECT(all, ALLOCATIONS, 1);
  EXPECT(all, FREES, 2);
  EXPECT(all, MAPPED_RESIDENT, 4 * 4096);
  ck_assert_uint_eq(child->counts->unknown_frees, 0);
  ck_assert_uint_eq(child->residence.rest[REST_INHERITED], 0);
  ck_assert_uint_eq(child->residence.rest[REST_HEAP], 4 * PAGE);
  ck_assert_int_eq(resident_of(set.process[1], "parent", 0x200), 5 * 4096);
  ck_assert_int_eq(resident_of(set.process[1], "parent", 0x300), 3 * 4096);
  unload(&set);
}
END_TEST

/* One report after the other: each opens the files of modules anew, those of the parent too. */
START_TEST(reports_one_by_one)
{
  struct heap_set set = load((const unsigned[]){0, 1, 2}, 3);

  for (size_t i = 0; i < set.count; i++) {
    struct symbols *symbols = symbols_open();
    struct call_tree tree;

    ck_assert(call_tree_init(&tree, symbols, CALL_BY_LINE));
    ck_assert(call_tree_add(&tree, set.process[i], HEAP_WHOLE_RUN, 1));
    for (size_t k = 0; k < tree.frame_count; k++)
      ck_assert_msg(!tree.frames[k].module || !strcmp(tree.frames[k].module, "prog"), "%s", tree.frames[k].module);
    call_tree_release(&tree);
    symbols_close(symbols);
  }
  unload(&set);
}
END_TEST

START_TEST(over_generations)
{
  struct heap_set set = load((const unsigned[]){0, 1, 2}, 3);
  struct heap_process *grandchild = set.process[2];
  struct heap_row all;

  ck_assert_int_eq(resident_of(grandchild, "grandchild", 0x200), 5 * 4096);
  ck_assert_int_eq(resident_of(grandchild, "grandchild", 0x300),
                   3 * 4096); /* two of its grandparent, one of its parent */
  heap_process_totals(grandchild, HEAP_WHOLE_RUN, &all);
  EXPECT(all, RESIDENT, 9 * 4096);
  EXPECT(all, INHERITED, 5 * 4096);
  EXPECT(all, LIVE, 0);
  unload(&set);
}
END_TEST

/* Without its parent's trace what a child inherited is called that. */
START_TEST(an_orphan)
{
  struct heap_set set = load((const unsigned[]){1}, 1);
  struct heap_process *child = set.process[0];

  ck_assert_uint_eq(child->residence.rest[REST_INHERITED], (7 + 4) * PAGE);
  ck_assert_uint_eq(child->residence.rest[REST_HEAP], 0);
  ck_assert_uint_eq(child->residence.rest[REST_FILES], 0);
  ck_assert_uint_eq(child->counts->unknown_frees, 2);
  unload(&set);
}
END_TEST

START_TEST(a_trace_that_is_given_twice)
{
  struct heap_set set;

  capture_begin(2);
  set = load((const unsigned[]){0, 1, 0}, 3);
  free(capture_end());
  ck_assert_uint_eq(set.count, 2);
  unload(&set);
}
END_TEST

/* What was executed has nothing of its parent's. */
START_TEST(exec_inherits_nothing)
{
  struct maker_stream *s;
  struct trace_maker *m = generation("child", 2, &s);
  struct heap_set set;

  m->header.origin = VT_ORIGIN_IMAGE;
  finish(m, 100);
  set = load((const unsigned[]){0, 1}, 2);
  ck_assert_int_eq(resident_of(set.process[1], "child", 0x200), 0);
  ck_assert_uint_eq(set.process[1]->residence.rest[REST_HEAP], 8 * PAGE);
  unload(&set);
}
END_TEST

/* A mark is one instant for those that did not set it, too; who did not live then is not counted. */
START_TEST(a_mark_of_another_process)
{
  static const char *const paths[] = {"marker", "other", "later"};
  struct heap_set set;
  char *said;

  for (uint8_t i = 0; i < 3; i++) {
    struct maker_stream *s;
    struct trace_maker *m = generation(paths[i], (uint8_t)(1 + 2 * i), &s);

    maker_time(s, m->header.start_ns + (i < 2 ? 20 : 520) * MS);
    maker_alloc_stack(s, HEAP, PAGE, IN_F);
    maker_time(s, m->header.start_ns + (i < 2 ? 30 : 530) * MS);
    if (i == 0)
      heap_mark(s, "here");
    maker_time(s, m->header.start_ns + (i < 2 ? 40 : 540) * MS);
    maker_alloc_stack(s, HEAP + PAGE, PAGE, IN_F);
    m->header.origin = VT_ORIGIN_IMAGE;
    finish(m, i < 2 ? 0 : 500);
  }
  capture_begin(2);
  set = heap_load_set(paths, 3, "mark:here", &session);
  said = capture_end();
  ck_assert_msg(strstr(said, "did not live at that mark") != NULL, "%s", said);
  free(said);
  ck_assert_uint_eq(set.count, 2);
  ck_assert_uint_eq(set.process[0]->then->total.live, PAGE);
  ck_assert_uint_eq(set.process[1]->then->total.live, PAGE);
  ck_assert_uint_eq(set.process[1]->moment_ns, 30 * MS);
  unload(&set);
}
END_TEST

int main(void)
{
  Suite *suite = suite_create("heap heritage");
  TCase *tests = unit_case(suite, "heritage", 60);

  tcase_add_checked_fixture(tests, make_family, NULL);
  tcase_add_test(tests, what_lived_at_the_fork);
  tcase_add_test(tests, over_generations);
  tcase_add_test(tests, reports_one_by_one);
  tcase_add_test(tests, an_orphan);
  tcase_add_test(tests, a_trace_that_is_given_twice);
  tcase_add_test(tests, exec_inherits_nothing);
  tcase_add_test(tests, a_mark_of_another_process);
  return unit_main(suite);
}
