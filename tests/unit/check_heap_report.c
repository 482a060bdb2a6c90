/*
 * The report of the heap in all its shapes, for traces made by hand: text word
 * by word against tests/golden/heap_*.txt (GOLDEN_UPDATE=1 writes them anew; read what
 * changed), folded lines, JSON, and which frames are sites.  Run from the project's top directory.
 */
#include <check.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "capture.h"
#include "golden.h"
#include "heap_maker.h"
#include "output/output_format.h"
#include "symbols/call_site.h"
#include "unit.h"

#define HEAP UINT64_C(0x200000)
#define OWN (VT_PG_PRESENT | VT_PG_ZERO_KNOWN | VT_PG_EXCLUSIVE)

enum { IN_FG = 30, IN_CUT = 31, IN_ODD = 32 };

/* One heap in which every column has something to say. */
static void make(const char *name, int pid, uint64_t kept)
{
  struct maker_stream *s, *sampler;
  struct trace_maker *m = heap_trace(name, &s);

  m->header.pid = pid;
  MAKE(s, STACK_NODE, IN_FG, IN_F, CODE + 0x300); /* g called by f */
  MAKE(s, STACK_NODE, IN_CUT, VT_STACK_LIMIT, CODE + 0x400);
  MAKE(s, STACK_NODE, IN_ODD, VT_STACK_BROKEN, UINT64_C(0x7fff00001234)); /* in no module */
  maker_alloc_stack(s, HEAP, 100000, IN_F);
  maker_alloc_stack(s, HEAP + 0x40000, kept, IN_G);
  maker_alloc_stack(s, HEAP + 0x80000, 500, IN_FG);
  maker_alloc_stack(s, HEAP + 0x80200, 20, IN_CUT);
  maker_alloc_stack(s, HEAP + 0x80240, 30, IN_ODD);
  maker_alloc_stack(s, HEAP + 0x80280, 40, 0);
  for (unsigned i = 0; i < 5; i++) {
    maker_alloc_stack(s, HEAP + 0x90000, 1000, IN_G);
    maker_free(s, HEAP + 0x90000);
  }
  maker_free(s, HEAP + 0x80000);
  MAKE(s, STACK, IN_MAIN);
  MAKE(s, MMAP, UINT64_C(0x100000000000), 16 * PAGE, 3, 0x22, UINT32_MAX, 0);
  maker_time(s, m->header.start_ns + 2500 * MS);
  heap_mark(s, "ready");
  sampler = heap_sample(m, NULL, 2000 * MS);
  heap_vma(sampler, HEAP, 0x200000, VT_VMA_R | VT_VMA_W, "");
  heap_vma(sampler, UINT64_C(0x7f0000000000), 4 * PAGE, VT_VMA_R | VT_VMA_X, "/lib/libc.so.6");
  MAKE(sampler, PAGES, HEAP, 10, OWN, 0x1000);
  MAKE(sampler, PAGES, HEAP + 0x40000, 5, OWN, 0x2000);
  MAKE(sampler, PAGES, HEAP + 0x80000, 1, OWN, 0x2100);
  MAKE(sampler, PAGES, HEAP + 0x90000, 1, OWN, 0x2200);
  MAKE(sampler, PAGES, UINT64_C(0x100000000000), 4, OWN, 0x2300);
  MAKE(sampler, PAGES, UINT64_C(0x7f0000000000), 4, VT_PG_PRESENT | VT_PG_FILE, 0x3000);
  if (pid != 4712) /* an older library did not write it */
    MAKE(sampler, RESIDENT, 33, 5, 3);
  MAKE(sampler, SAMPLE_END, 0, 25, 0);
  m->header.end_ns = m->header.start_ns + 3000 * MS;
  maker_finish(m);
}

struct shown {
  struct heap_process *now, *before;
  struct symbols *symbols;
  struct call_tree tree;
  struct heap_report report;
};

static void add(struct shown *s, struct heap_process *p, int factor)
{
  enum heap_scope scope = s->before ? HEAP_UNTIL_THEN : HEAP_WHOLE_RUN;
  struct heap_row row;

  ck_assert(call_tree_add(&s->tree, p, scope, factor));
  heap_process_totals(p, scope, &row);
  heap_row_add(&s->report.totals, &row, factor);
}

/* What the command does for one trace, or (before) for a difference. */
static struct shown *show(const char *name, const char *before, enum heap_value sort, enum heap_shape shape)
{
  struct shown *s = calloc(1, sizeof *s);

  ck_assert_ptr_nonnull(s);
  s->now = heap_load_one(name, "end");
  s->before = before ? heap_load_one(before, "end") : NULL;
  s->symbols = symbols_open();
  ck_assert(call_tree_init(&s->tree, s->symbols, before ? CALL_BY_FUNCTION : CALL_BY_LINE));
  s->report = (struct heap_report){.tree = &s->tree,
                                   .processes = &s->now,
                                   .count = 1,
                                   .before = before ? &s->before : NULL,
                                   .before_count = before != NULL,
                                   .sort = sort,
                                   .shape = shape,
                                   .top = 30,
                                   .style = {.width = 120}};
  capture_begin(2); /* that there is no file /nowhere/prog */
  add(s, s->now, 1);
  if (before)
    add(s, s->before, -1);
  free(capture_end());
  return s;
}

static void hide(struct shown *s)
{
  call_tree_release(&s->tree);
  symbols_close(s->symbols);
  heap_unload(s->now);
  heap_unload(s->before);
  free(s);
}

static int as_folded(FILE *out, const struct heap_report *r)
{
  return heap_format(out, r, format_find("folded", SHAPE_GRAPH));
}

static int as_json(FILE *out, const struct heap_report *r)
{
  return heap_json(out, r, true, true);
}

static char *text_of(const struct shown *s, int (*print)(FILE *, const struct heap_report *))
{
  char *text = NULL;
  size_t size = 0;
  FILE *out = open_memstream(&text, &size);

  ck_assert_ptr_nonnull(out);
  ck_assert_int_eq(print(out, &s->report), 0);
  fclose(out);
  return text;
}

static void expect_golden(const char *name, struct shown *s, int (*print)(FILE *, const struct heap_report *))
{
  char *text = text_of(s, print);

  golden_expect(name, text);
  free(text);
  hide(s);
}

START_TEST(sites_read_well)
{
  expect_golden("heap_sites", show("day1", NULL, HEAP_RESIDENT, HEAP_SITES), heap_text);
}
END_TEST

START_TEST(stacks_read_well)
{
  struct shown *s = show("day1", NULL, HEAP_REQUESTED, HEAP_STACKS);

  s->report.top = 3;
  expect_golden("heap_stacks", s, heap_text);
}
END_TEST

START_TEST(trees_read_well)
{
  struct shown *s = show("day1", NULL, HEAP_PEAK, HEAP_TREE);

  s->report.top = 0;
  expect_golden("heap_tree", s, heap_text);
  expect_golden("heap_tree_inverted", show("day1", NULL, HEAP_PEAK, HEAP_TREE_INVERTED), heap_text);
}
END_TEST

START_TEST(differences_read_well)
{
  expect_golden("heap_diff", show("day2", "day1", HEAP_LIVE, HEAP_SITES), heap_text);
}
END_TEST

START_TEST(folded_lines_have_every_stack)
{
  struct shown *s = show("day1", NULL, HEAP_REQUESTED, HEAP_SITES);
  char *text = text_of(s, as_folded);

  ck_assert_ptr_nonnull(strstr(text, "prog+0x100;prog+0x200 100000\n"));
  ck_assert_ptr_nonnull(strstr(text, "prog+0x100;prog+0x300 25000\n"));
  ck_assert_ptr_nonnull(strstr(text, "prog+0x100;prog+0x200;prog+0x300 500\n"));
  ck_assert_ptr_nonnull(strstr(text, "[outer frames not kept];prog+0x400 20\n"));
  ck_assert_ptr_nonnull(strstr(text, "[unwinding stopped];0x7fff00001234 30\n"));
  ck_assert_ptr_nonnull(strstr(text, "[no call stack] 40\n"));
  ck_assert_ptr_null(strstr(text, " 0\n"));
  free(text);
  hide(s);
}
END_TEST

static json_int_t integer(const json_t *object, const char *key)
{
  const json_t *value = json_object_get(object, key);

  ck_assert_msg(json_is_integer(value), "%s", key);
  return json_integer_value(value);
}

START_TEST(json_has_its_keys_and_sums)
{
  static const char *const keys[] = {"allocations", "requested_bytes", "live_bytes", "resident_bytes", "temporary"};
  struct shown *s = show("day1", NULL, HEAP_RESIDENT, HEAP_SITES);
  char *text = text_of(s, as_json);
  json_t *root = json_loads(text, 0, NULL), *stacks = json_object_get(root, "stacks"), *stack, *value;
  const json_t *totals = json_object_get(root, "totals"), *frame;
  json_int_t sum = 0;
  const char *key;
  size_t i;

  ck_assert_msg(root != NULL, "%s", text);
  ck_assert_uint_eq(json_array_size(stacks), 7);
  for (size_t k = 0; k < sizeof keys / sizeof *keys; k++) {
    sum = 0;
    json_array_foreach(stacks, i, stack)
      sum += integer(stack, keys[k]);
    ck_assert_int_eq(sum, integer(totals, keys[k]));
  }
  ck_assert_int_eq(integer(totals, "temporary"), 5);
  ck_assert_int_eq(integer(totals, "leaked_allocations"), 5);
  ck_assert_int_gt(integer(totals, "peak_live_bytes"), 0);
  ck_assert_int_gt(integer(totals, "leaked_bytes"), 0);
  stack = json_array_get(stacks, 0);
  ck_assert_int_gt(integer(stack, "peak_bytes"), 0);
  frame = json_array_get(json_object_get(stack, "frames"), 0);
  ck_assert_str_eq(json_string_value(json_object_get(frame, "module")), "prog");
  ck_assert_str_eq(json_string_value(json_object_get(frame, "address")), "0x200");
  ck_assert(json_is_null(json_object_get(frame, "function")) && json_is_null(json_object_get(frame, "line")));
  sum = 0;
  json_object_foreach(json_object_get(root, "resident"), key, value) {
    if (strcmp(key, "total_bytes") != 0 && strcmp(key, "zero_page_bytes") != 0 && strcmp(key, "rss_bytes") != 0)
      sum += json_integer_value(value);
  }
  ck_assert_int_eq(sum, integer(json_object_get(root, "resident"), "total_bytes"));
  json_decref(root);
  free(text);
  hide(s);
}
END_TEST

START_TEST(sites_are_no_wrappers)
{
  static const char *const wrappers[] = {
      "malloc",
      "operator new(unsigned long)",
      "operator new[](unsigned long, std::align_val_t)",
      "g_malloc0",
      "xrealloc",
      "zmalloc",
      "std::vector<int, std::allocator<int> >::push_back(int&&)",
      "void std::vector<int, std::allocator<int> >::_M_realloc_insert<int>(int*, int&&)",
      "std::string& std::vector<std::string>::emplace_back<char const*>(char const*&&)",
      "__gnu_cxx::new_allocator<char>::allocate(unsigned long, void const*)",
      "alloc::vec::Vec<T,A>::reserve",
      "<alloc::vec::Vec<prog::Item>>::push",
      "<alloc::string::String as core::clone::Clone>::clone",
      "<[u8] as alloc::borrow::ToOwned>::to_owned",
      "<str>::to_owned",
      "<hashbrown::raw::RawTable<(u64, alloc::string::String)>>::reserve_rehash::<hashbrown::map::make_hasher<u64>>",
      "hashbrown::raw::RawTable<T,A>::reserve_rehash",
      "core::ops::function::FnOnce::call_once",
      "__rustc::__rdl_alloc",
      "os::malloc(unsigned long, MEMFLAGS, NativeCallStack const&)",
      "AllocateHeap(unsigned long, MEMFLAGS, NativeCallStack const&, AllocFailStrategy::AllocFailEnum)",
      "palloc0",
      "MemoryContextAllocZeroAligned",
      "AllocSetContextCreateInternal",
      "xmalloc.part.0",
      "_PyObject_GC_New",
      "ngx_pcalloc",
  };
  static const char *const sites[] = {
      "main",
      "f(std::string const&)",
      "void work<std::vector<int> >(std::vector<int>&)",
      "Cache::operator[](std::string const&)",
      "stdlike::thing()",
      "operator<<(std::ostream&, Thing const&)",
      "my_malloc_user",
      "<prog::Item as core::clone::Clone>::clone",
      "<alloc::vec::Vec<u8> as prog::Encode>::encode",
      "<u64 as prog::Encode>::encode",
      "prog::main",
      "corelib::start",
      "core::Engine::start(int)",
      "core::Engine::size() const",
      "palloc_user",
      "os::Linux::start()",
  };

  for (size_t i = 0; i < sizeof wrappers / sizeof *wrappers; i++)
    ck_assert_msg(call_site_is_wrapper(&(struct symbol){.function = wrappers[i]}), "%s", wrappers[i]);
  for (size_t i = 0; i < sizeof sites / sizeof *sites; i++)
    ck_assert_msg(!call_site_is_wrapper(&(struct symbol){.function = sites[i]}), "%s", sites[i]);
  ck_assert(!call_site_is_wrapper(&(struct symbol){.module = "prog"}));
}
END_TEST

START_TEST(wrappers_of_the_user_s)
{
  char error[100] = "";

  ck_assert(!call_site_is_wrapper(&(struct symbol){.function = "pool_get"}));
  ck_assert(call_site_skip("^pool_", error, sizeof error));
  ck_assert(call_site_skip("_alloc$", error, sizeof error));
  ck_assert(call_site_is_wrapper(&(struct symbol){.function = "pool_get"}));
  ck_assert(call_site_is_wrapper(&(struct symbol){.function = "my_alloc"}));
  ck_assert(!call_site_is_wrapper(&(struct symbol){.function = "my_pool_get"}));
  ck_assert(!call_site_skip("(", error, sizeof error));
  ck_assert_str_ne(error, "");
}
END_TEST

/* A chain of twenty thousand stacks, each one frame deeper: no recursion may depend on it. */
START_TEST(endless_depth_does_no_harm)
{
  struct maker_stream *thread;
  struct trace_maker *m = heap_trace("deep", &thread);
  struct shown *s;
  char *text;

  thread->chunk_size = 1 << 16;
  for (uint32_t id = 100; id < 20100; id++)
    MAKE(thread, STACK_NODE, id, id - 1 > 99 ? id - 1 : IN_MAIN, CODE + id);
  maker_alloc_stack(thread, HEAP, 100, 20099);
  maker_finish(m);
  s = show("deep", NULL, HEAP_LIVE, HEAP_TREE);
  text = text_of(s, heap_text);
  ck_assert_ptr_nonnull(strstr(text, "prog+0x4e83"));
  free(text);
  hide(s);
}
END_TEST

int main(void)
{
  Suite *suite = suite_create("heap report");
  TCase *tests = unit_case(suite, "report", 60);

  make("day1", 4711, 20000);
  make("day2", 4712, 60000);
  tcase_add_test(tests, sites_read_well);
  tcase_add_test(tests, stacks_read_well);
  tcase_add_test(tests, trees_read_well);
  tcase_add_test(tests, differences_read_well);
  tcase_add_test(tests, folded_lines_have_every_stack);
  tcase_add_test(tests, json_has_its_keys_and_sums);
  tcase_add_test(tests, sites_are_no_wrappers);
  tcase_add_test(tests, wrappers_of_the_user_s);
  tcase_add_test(tests, endless_depth_does_no_harm);
  return unit_main(suite);
}
