/*
 * `vmtrace heap` about programs of known behaviour: requested, live, resident,
 * untouched, temporary and leaked are exact, per function, file and line, and so are the shares of a family.  Needs
 * root.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "heap_run.h"

#define BLOCKS 20
#define FREED 2
#define TEMPORARIES 3
#define KEPT (BLOCKS - FREED)
#define MISER_BLOCKS 20000
#define MISER_SIZE 416
#define LINES_MAX 64

/* The line of known.cc whose comment says how blocks are had there. */
static long long line_of(const char *comment)
{
  char path[4200], wanted[64], text[512];
  long long line = 0, found = 0;
  FILE *file;

  snprintf(path, sizeof path, "%s/tests/progs/known.cc", e2e_top());
  snprintf(wanted, sizeof wanted, "/* %s */", comment);
  file = fopen(path, "re");
  ck_assert_ptr_nonnull(file);
  while (fgets(text, sizeof text, file)) {
    line++;
    if (strstr(text, wanted))
      found = line;
  }
  fclose(file);
  ck_assert_msg(found, "known.cc has no line with %s", wanted);
  return found;
}

static void add(json_t *sum, const json_t *stack)
{
  const char *key;
  json_t *value, *of_stack = (json_t *)stack;

  json_object_foreach(of_stack, key, value) {
    if (json_is_integer(value))
      json_object_set_new(sum, key,
                          json_integer(json_integer_value(json_object_get(sum, key)) + json_integer_value(value)));
  }
}

/* The sum over all stacks whose site is that function, at that line of known.cc. */
static json_t *site(const json_t *report, const char *function, long long line)
{
  json_t *sum = json_object(), *stack;
  size_t i;

  json_array_foreach(e2e_get(report, "stacks"), i, stack) {
    const json_t *frame = json_array_get(e2e_get(stack, "frames"), (size_t)e2e_int(stack, "site"));
    const char *file = json_string_value(json_object_get(frame, "file"));
    const char *name = json_string_value(json_object_get(frame, "function"));

    if (!file || !name || strncmp(name, function, strlen(function)) != 0 || !strstr(file, "known.cc") ||
        json_integer_value(json_object_get(frame, "line")) != line)
      continue;
    ck_assert_msg(json_is_true(json_object_get(frame, "inlined")), "%s is not inlined", function);
    add(sum, stack);
  }
  return sum;
}

struct numbers {
  long long allocations, requested, live, resident, untouched, temporary, leaked_blocks, leaked, mapped;
};

static void expect(const json_t *report, const char *function, const char *comment, struct numbers n)
{
  const struct {
    const char *key;
    long long value;
  } all[] = {{"allocations", n.allocations},          {"requested_bytes", n.requested}, {"live_bytes", n.live},
             {"resident_bytes", n.resident},          {"untouched_bytes", n.untouched}, {"temporary", n.temporary},
             {"leaked_allocations", n.leaked_blocks}, {"leaked_bytes", n.leaked},       {"mapped_bytes", n.mapped}};
  json_t *sum = site(report, function, line_of(comment));

  ck_assert_msg(json_object_size(sum), "%s: no stack for '%s'", function, comment);
  for (size_t i = 0; i < sizeof all / sizeof *all; i++)
    ck_assert_msg(e2e_int(sum, all[i].key) == all[i].value, "%s, '%s': %s is %lld, not %lld", function, comment,
                  all[i].key, e2e_int(sum, all[i].key), all[i].value);
  json_decref(sum);
}

static const char *const kinds[] = {"malloc",    "calloc", "realloc", "aligned_alloc", "new",
                                    "new_array", "vector", "string",  "make_unique"};

/* calloc writes zeros to blocks up to this size, and so touches all of them. */
#define CALLOC_CLEARS 32768

/* All ten functions; live and resident as at a moment when so many of their blocks are there. */
static void expect_known(const json_t *report, long long size, long long there)
{
  for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
    bool clears = !strcmp(kinds[i], "calloc") && size <= CALLOC_CLEARS;
    long long touched = clears ? size : size / 2;
    char function[32], kept[32], passed[32];

    snprintf(function, sizeof function, "by_%s", kinds[i]);
    snprintf(kept, sizeof kept, "kept by %s", kinds[i]);
    snprintf(passed, sizeof passed, "passed by %s", kinds[i]);
    expect(report, function, kept,
           (struct numbers){.allocations = BLOCKS,
                            .requested = BLOCKS * size,
                            .live = there * size,
                            .resident = there * touched,
                            .untouched = there * (size - touched),
                            .leaked_blocks = KEPT,
                            .leaked = KEPT * size});
    if (strcmp(kinds[i], "string") != 0)
      expect(report, function, passed,
             (struct numbers){.allocations = TEMPORARIES, .requested = TEMPORARIES * size, .temporary = TEMPORARIES});
  }
  expect(report, "by_realloc", "begun by realloc",
         (struct numbers){.allocations = BLOCKS, .requested = BLOCKS * 16, .temporary = BLOCKS});
  expect(report, "by_mmap", "kept by mmap",
         (struct numbers){.mapped = there * size, .resident = there * size / 2, .untouched = there * size / 2});
  expect(report, "by_miser", "kept by miser",
         (struct numbers){.allocations = MISER_BLOCKS,
                          .requested = MISER_BLOCKS * MISER_SIZE,
                          .live = MISER_BLOCKS * MISER_SIZE,
                          .untouched = MISER_BLOCKS * MISER_SIZE,
                          .leaked_blocks = MISER_BLOCKS,
                          .leaked = MISER_BLOCKS * MISER_SIZE});
}

static const char *compile_known(void)
{
  const char *built = e2e_path("known");
  char include[4200], source[4200];

  snprintf(include, sizeof include, "-I%s/include", e2e_top());
  snprintf(source, sizeof source, "%s/tests/progs/known.cc", e2e_top());
  DO("c++", "-std=c++20", "-O2", "-g", include, "-o", built, source);
  return built;
}

/* The build id as readelf prints it; false when the compiler's linker makes none. */
static bool build_id(const char *path, char *id, size_t size)
{
  struct e2e_result notes = RUN(0, "readelf", "-n", path);
  const char *at = strstr(notes.out, "Build ID: ");

  if (at)
    snprintf(id, size, "%.*s", (int)strspn(at + 10, "0123456789abcdef"), at + 10);
  e2e_release(&notes);
  return at != NULL;
}

static void split_by_link(const char *built)
{
  char debug[4200], option[4300];

  snprintf(debug, sizeof debug, "%s.debug", built);
  snprintf(option, sizeof option, "--add-gnu-debuglink=%s", debug);
  DO("objcopy", "--only-keep-debug", built, debug);
  DO("strip", built);
  DO("objcopy", option, built);
}

/* Returns the option that says where the debug file is. */
static const char *split_by_id(const char *built)
{
  static char option[4200];
  char id[128], path[4400];

  if (!build_id(built, id, sizeof id))
    return NULL;
  snprintf(path, sizeof path, "%s/debug/.build-id/%.2s", e2e_dir(), id);
  DO("mkdir", "-p", path);
  snprintf(path, sizeof path, "%s/debug/.build-id/%.2s/%s.debug", e2e_dir(), id, id + 2);
  DO("objcopy", "--only-keep-debug", built, path);
  DO("strip", built);
  snprintf(option, sizeof option, "--debug-root=%s/debug", e2e_dir());
  return option;
}

enum { WHOLE, BY_LINK, BY_ID, WAYS };
static const long long sizes[] = {65536, 8192, 1 << 20};
#define SIZES (int)(sizeof sizes / sizeof *sizes)

/* Requested, live, resident, untouched, temporary and leaked, per function, file and line. */
START_TEST(known_program)
{
  int way = _i % WAYS;
  long long size = sizes[_i / WAYS];
  const char *option = NULL, *built, *path = e2e_path("known.vmt");
  char number[32];
  json_t *report;

  if (!e2e_has("c++") || !e2e_has("objcopy"))
    E2E_SKIP("needs c++ and objcopy");
  if (!heap_can_sample())
    E2E_SKIP("needs /proc/self/pagemap");
  built = compile_known();
  if (way == BY_LINK)
    split_by_link(built);
  else if (way == BY_ID && !(option = split_by_id(built)))
    E2E_SKIP("this linker writes no build id");
  snprintf(number, sizeof number, "%lld", size);
  TRACE(path, built, number);
  report = heap_report(path, "--at=mark:full", option);
  expect_known(report, size, BLOCKS);
  json_decref(report);
  report = heap_report(path, "--at=mark:freed", option);
  expect_known(report, size, KEPT);
  json_decref(report);
}
END_TEST

/* Without skipping, operator new of the C++ library is the site of what new allocates. */
START_TEST(wrappers_are_passed_over)
{
  const char *path = e2e_path("known.vmt");
  struct e2e_result with, without;

  if (!e2e_has("c++"))
    E2E_SKIP("needs c++");
  TRACE(path, compile_known(), "8192");
  with = RUN(0, heap_analyzer(), "heap", "--sort=requested", path);
  without = RUN(0, heap_analyzer(), "heap", "--sort=requested", "--no-skip", path);
  ck_assert_msg(!strstr(with.out, "operator new"), "%s", with.out);
  ck_assert_msg(strstr(with.out, "by_vector (known.cc:") != NULL, "%s", with.out);
  ck_assert_msg(strstr(without.out, "operator new(unsigned long) in libstdc++") != NULL, "%s", without.out);
  ck_assert_msg(!strstr(without.out, "by_vector (known.cc:"), "%s", without.out);
  e2e_release(&with);
  e2e_release(&without);
}
END_TEST

/* ---- shared by fork ---- */

static void expect_member(const json_t *report, const char *function, long long resident, long long private,
                          long long proportional)
{
  json_t *stack;
  size_t i;

  json_array_foreach(e2e_get(report, "stacks"), i, stack) {
    const json_t *frame = json_array_get(e2e_get(stack, "frames"), 0);

    if (strcmp(e2e_str(frame, "function"), function) != 0)
      continue;
    ck_assert_msg(e2e_int(stack, "resident_bytes") == resident && e2e_int(stack, "private_bytes") == private &&
                      e2e_int(stack, "proportional_bytes") == proportional,
                  "%s: resident %lld, private %lld, proportional %lld", function, e2e_int(stack, "resident_bytes"),
                  e2e_int(stack, "private_bytes"), e2e_int(stack, "proportional_bytes"));
    return;
  }
  ck_abort_msg("no stack of %s", function);
}

/*
 * heirs: of 64 inherited pages, which parent and child have, the child broke 16; of the 32 pages that it
 * freed it has 24 again for blocks of its own, and 8 as free memory of its heap that it still shares.
 */
START_TEST(a_family)
{
  struct e2e_result result;
  char **traces;
  size_t count;
  json_t *report;

  E2E_NEED_ROOT(); /* frame numbers */
  e2e_run(&(struct e2e_spec){.argv = E2E_ARGV(e2e_prog("heirs")), .preload = e2e_library()}, &result);
  e2e_expect_exit(&result, 0);
  traces = e2e_traces(e2e_dir(), &count);
  ck_assert_uint_eq(count, 2);
  report = e2e_json(E2E_ARGV("heap", "--at=mark:settled"), traces);
  expect_member(report, "inheritance", 2 * 64 * 4096, 2 * 16 * 4096, 2 * 16 * 4096 + 48 * 4096);
  expect_member(report, "savings", 32 * 4096, 24 * 4096, 24 * 4096 + 8 * 4096 / 2);
  expect_member(report, "income", 24 * 4096, 24 * 4096, 24 * 4096);
  ck_assert_uint_eq(json_array_size(e2e_get(report, "processes")), 2);
  json_decref(report);
  e2e_traces_free(traces);
  e2e_release(&result);
}
END_TEST

int main(void)
{
  Suite *suite = suite_create("heap: known programs");
  TCase *tcase = e2e_case(suite, "exact", 120);

  tcase_add_loop_test(tcase, known_program, 0, WAYS * SIZES);
  tcase_add_test(tcase, wrappers_are_passed_over);
  tcase_add_test(tcase, a_family);
  return e2e_main(suite);
}
