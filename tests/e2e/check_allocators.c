/*
 * Programs whose malloc has second names, or is not this library's: libc's
 * __libc_*, other allocators' own functions, allocators that come first, and
 * sanitizers, which own malloc.
 */
#include <stdio.h>
#include <string.h>

#include "e2e.h"

static const char *const heaps[] = {"VMTRACE_HEAP=pin", "VMTRACE_HEAP=next"};

static const struct {
  const char *name, *soname;
} allocators[] = {{"libc", NULL},
                  {"jemalloc", "libjemalloc.so.2"},
                  {"tcmalloc", "libtcmalloc_minimal.so.4"},
                  {"mimalloc", "libmimalloc.so.2"}};
#define ALLOCATORS ((int)(sizeof allocators / sizeof *allocators))

/* Blocks go to the heap that has them, whatever the function is called. */
START_TEST(names_are_mixed)
{
  const char *name = allocators[_i / 4].name, *library = allocators[_i / 4].soname, *path = NULL;
  const char *out = _i & 2 ? "VMTRACE_OUT=off" : NULL;
  struct e2e_spec spec = {.argv = E2E_ARGV(e2e_prog("mixed_names"), name)};
  struct e2e_result without, with;
  char preload[8500];

  if (library && !(path = e2e_system_library(library)))
    E2E_SKIP("%s is not installed", library);
  spec.preload = path;
  e2e_run(&spec, &without);
  e2e_expect_exit(&without, 0);
  snprintf(preload, sizeof preload, "%s%s%s", e2e_library(), path ? ":" : "", path ? path : "");
  spec.preload = preload;
  spec.env = E2E_ARGV(heaps[_i & 1], out);
  e2e_run(&spec, &with);
  e2e_expect_same(&without, &with, "without and with the library");
  e2e_release(&without);
  e2e_release(&with);
}
END_TEST

static int count_events(const json_t *dump, const char *op)
{
  const json_t *event;
  size_t index;
  int count = 0;

  json_array_foreach(dump, index, event)
    count += !strcmp(e2e_str(event, "op"), op);
  return count;
}

/* libc's second names leave the records that the first ones would: once each, also where libc's heap is observed. */
START_TEST(second_names_are_recorded)
{
  struct e2e_result result;
  json_t *dump;

  e2e_run(&(struct e2e_spec){.argv = E2E_ARGV(e2e_prog("mixed_names"), "libc"),
                             .env = E2E_ARGV(heaps[_i], "VMTRACE_SAMPLE_MS=0"),
                             .preload = e2e_library()},
          &result);
  e2e_expect_exit(&result, 0);
  e2e_release(&result);
  dump = e2e_dump(e2e_only_trace(e2e_dir()));
  ck_assert_int_eq(count_events(dump, "alloc"), 9); /* and stdout's buffer */
  ck_assert_int_eq(count_events(dump, "realloc"), 2);
  ck_assert_int_eq(count_events(dump, "free"), 8); /* stdout's buffer stays */
  json_decref(dump);
}
END_TEST

static const char *untraced_text(const json_t *dump)
{
  const json_t *event;
  size_t index;

  json_array_foreach(dump, index, event) {
    if (!strcmp(e2e_str(event, "op"), "untraced")) {
      ck_assert_int_eq(e2e_int(event, "reason"), 1);
      return e2e_str(event, "text");
    }
  }
  return NULL;
}

static void expect_untraced(const char *const *argv, const char *preload, const char *expected)
{
  struct e2e_result result;
  const char *text;
  json_t *dump;

  e2e_run(&(struct e2e_spec){.argv = argv, .preload = preload}, &result);
  e2e_expect_exit(&result, 0);
  e2e_release(&result);
  dump = e2e_dump(e2e_only_trace(e2e_dir()));
  text = untraced_text(dump);
  if (expected)
    ck_assert_str_eq(text ? text : "(nothing)", expected);
  else
    ck_assert_ptr_null(text);
  json_decref(dump);
}

/* The trace says whose malloc the program calls when that is not this library's; else nothing. */
START_TEST(malloc_of_the_executable_is_named)
{
  char expected[8192];

  ck_assert_ptr_nonnull(realpath(e2e_prog("own_malloc"), expected));
  expect_untraced(E2E_ARGV(e2e_prog("own_malloc")), e2e_library(), expected);
}
END_TEST

/* An executable at a fixed address that takes malloc's address has a place of its own for it, as python3 of Debian. */
START_TEST(malloc_whose_address_is_taken_is_the_librarys)
{
  expect_untraced(E2E_ARGV(e2e_prog("malloc_pointer-nopie")), e2e_library(), NULL);
}
END_TEST

START_TEST(allocator_preloaded_before_is_named)
{
  const char *jemalloc = e2e_system_library("libjemalloc.so.2");
  char preload[8500];

  if (!jemalloc)
    E2E_SKIP("libjemalloc.so.2 is not installed");
  snprintf(preload, sizeof preload, "%s:%s", jemalloc, e2e_library());
  expect_untraced(E2E_ARGV("true"), preload, jemalloc);
}
END_TEST

START_TEST(allocator_preloaded_behind_is_not)
{
  const char *jemalloc = e2e_system_library("libjemalloc.so.2");
  char preload[8500];

  if (!jemalloc)
    E2E_SKIP("libjemalloc.so.2 is not installed");
  snprintf(preload, sizeof preload, "%s:%s", e2e_library(), jemalloc);
  expect_untraced(E2E_ARGV("true"), preload, NULL);
}
END_TEST

/* ---- sanitizers ---- */

static const struct {
  const char *compiler, *options;
} sanitizers[] = {
    {"gcc", "-fsanitize=address"},
    {"gcc", "-fsanitize=address -static-libasan"},
    {"gcc", "-fsanitize=leak"},
    {"gcc", "-fsanitize=thread"},
    {"gcc", "-fsanitize=thread -static-libtsan"},
    {"gcc", "-fsanitize=undefined"},
    {"clang", "-fsanitize=address"},
    {"clang", "-fsanitize=leak"},
    {"clang", "-fsanitize=memory"},
    {"clang", "-fsanitize=thread"},
};
#define SANITIZERS ((int)(sizeof sanitizers / sizeof *sanitizers))

/* NULL: that compiler does not have that sanitizer here. */
static const char *build_sanitized(int which)
{
  const char *path = e2e_path("sanitized");
  char command[9000];
  struct e2e_result result;

  snprintf(command, sizeof command, "%s -g -O1 -fno-builtin %s -o %s %s/tests/progs/sanitized.c -pthread -ldl",
           sanitizers[which].compiler, sanitizers[which].options, path, e2e_top());
  e2e_run(&(struct e2e_spec){.argv = E2E_ARGV("sh", "-c", command)}, &result);
  path = WIFEXITED(result.status) && WEXITSTATUS(result.status) == 0 ? path : NULL;
  e2e_release(&result);
  return path;
}

/* What it finds and says stays the same, too: argument `leak` makes it leak, `race`, `undefined` and so on do that. */
static void compare_sanitized(const char *program, const char *argument, bool run)
{
  struct e2e_spec spec = {.argv = E2E_ARGV(program, argument), .env = E2E_ARGV("TSAN_OPTIONS=exitcode=66")};
  const char *const *traced = E2E_ARGV(e2e_analyzer(), "run", "-o", e2e_path("traces"), "--", program, argument);
  struct e2e_result without, with;

  e2e_run(&spec, &without);
  spec.argv = run ? traced : spec.argv;
  spec.preload = run ? NULL : e2e_library();
  e2e_run(&spec, &with);
  ck_assert_msg(with.status == without.status && !strcmp(with.out, without.out),
                "%s: status %x and %x, output\n%s\n%s\nmessages\n%s", argument, (unsigned)without.status,
                (unsigned)with.status, without.out, with.out, with.err);
  e2e_release(&without);
  e2e_release(&with);
}

/* The program runs as it does untraced and finds what it finds, and one line says that nothing is traced. */
START_TEST(sanitizer_owns_malloc)
{
  const char *program = build_sanitized(_i);
  bool owns = !strstr(sanitizers[_i].options, "undefined");
  struct e2e_result result;
  const char *line;

  if (!program)
    E2E_SKIP("%s has no %s", sanitizers[_i].compiler, sanitizers[_i].options);
  compare_sanitized(program, "work", false);
  compare_sanitized(program, "work", true);
  compare_sanitized(program, "leak", false);
  compare_sanitized(program, "race", false);
  compare_sanitized(program, "misuse", false);
  e2e_run(&(struct e2e_spec){.argv = E2E_ARGV(program, "plain"), .preload = e2e_library()}, &result);
  line = strstr(result.err, "nothing is traced\n");
  ck_assert_msg(owns ? line && !strstr(line + 1, "vmtrace:") : !line, "%s", result.err);
  e2e_release(&result);
}
END_TEST

int main(void)
{
  Suite *suite = suite_create("allocators");
  TCase *tcase = e2e_case(suite, "allocators", 120);

  tcase_add_loop_test(tcase, names_are_mixed, 0, 4 * ALLOCATORS);
  tcase_add_loop_test(tcase, second_names_are_recorded, 0, 2);
  tcase_add_test(tcase, malloc_of_the_executable_is_named);
  tcase_add_test(tcase, malloc_whose_address_is_taken_is_the_librarys);
  tcase_add_test(tcase, allocator_preloaded_before_is_named);
  tcase_add_test(tcase, allocator_preloaded_behind_is_not);
  tcase_add_loop_test(tcase, sanitizer_owns_malloc, 0, SANITIZERS);
  return e2e_main(suite);
}
