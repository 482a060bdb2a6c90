/*
 * Libraries that own live blocks and are unloaded (tests/progs/unload.c): the
 * blocks live on, and what the trace says of them names the code that is gone, also where other code came in its place.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "e2e_judge.h"

/* A library whose functions are called NAME_outer, NAME_inner and NAME_drop; all are of one length whatever NAME is. */
static const char source[] = "#include <stdlib.h>\n"
                             "#include <string.h>\n"
                             "#define NOINLINE __attribute__((noinline, noclone))\n"
                             "NOINLINE void *NAME_inner(size_t size, int byte) {\n"
                             "  void *p = malloc(size);\n"
                             "  memset(p, byte, size);\n"
                             "  return p;\n"
                             "}\n"
                             "NOINLINE void **NAME_outer(size_t count, size_t size) {\n"
                             "  void **blocks = malloc(count * sizeof *blocks);\n"
                             "  for (size_t i = 0; i < count; i++)\n"
                             "    blocks[i] = NAME_inner(size, (int)i);\n"
                             "  return blocks;\n"
                             "}\n"
                             "void **make(size_t count, size_t size) {\n"
                             "  void **blocks = NAME_outer(count, size);\n"
                             "  __asm__ volatile(\"\" ::: \"memory\");\n"
                             "  return blocks;\n"
                             "}\n"
                             "NOINLINE void NAME_drop(void *p) {\n"
                             "  free(p);\n"
                             "  __asm__ volatile(\"\" ::: \"memory\");\n"
                             "}\n"
                             "void drop(void **blocks, size_t count) {\n"
                             "  for (size_t i = 0; i < count; i++)\n"
                             "    NAME_drop(blocks[i]);\n"
                             "}\n";

static const char *library(const char *name)
{
  const char *file = e2e_path("%s.c", name), *made = e2e_path("lib%s.so", name);
  FILE *f = fopen(file, "w");
  struct e2e_result result;

  ck_assert_ptr_nonnull(f);
  for (const char *at = source, *found; *at; at = found) {
    found = strstr(at, "NAME");
    if (!found)
      found = at + strlen(at);
    fwrite(at, 1, (size_t)(found - at), f);
    if (*found) {
      fputs(name, f);
      found += 4;
    }
  }
  fclose(f);
  e2e_run(&(struct e2e_spec){.argv = E2E_ARGV("cc", "-O1", "-fno-builtin", "-g", "-shared", "-fPIC", "-o", made, file)},
          &result);
  e2e_expect_exit(&result, 0);
  e2e_release(&result);
  return made;
}

static void run(const char *mode, struct e2e_result *result)
{
  const struct e2e_spec spec = {.argv = E2E_ARGV(e2e_prog("unload"), mode, library("alpha"), library("omega")),
                                .preload = e2e_library()};

  e2e_run(&spec, result);
}

static bool names(const json_t *frames, size_t index, const char *function)
{
  const char *name = json_string_value(json_object_get(json_array_get(frames, index), "function"));

  return name && !strcmp(name, function);
}

/* The only stack whose innermost frames are NAME_inner and NAME_outer. */
static json_t *stack_of(const json_t *heap, const char *name)
{
  char inner[64], outer[64];
  json_t *stack, *found = NULL;
  size_t i;

  snprintf(inner, sizeof inner, "%s_inner", name);
  snprintf(outer, sizeof outer, "%s_outer", name);
  json_array_foreach(e2e_get(heap, "stacks"), i, stack) {
    const json_t *frames = e2e_get(stack, "frames");

    if (!names(frames, 0, inner) || !names(frames, 1, outer) || !names(frames, 2, "make"))
      continue;
    ck_assert_ptr_null(found);
    found = stack;
  }
  ck_assert_msg(found, "no stack is %s's", inner);
  return found;
}

START_TEST(blocks_outlive_their_library)
{
  static const char *const names_of[] = {"alpha", "omega"};
  struct e2e_result result;
  json_t *heap, *info;
  char *traces[2] = {NULL, NULL};

  if (!e2e_has("cc"))
    E2E_SKIP("no C compiler");
  run("keep", &result);
  e2e_expect_exit(&result, 0);
  ck_assert_str_eq(result.err, "");
  ck_assert_ptr_nonnull(strstr(result.out, "done"));
  ck_assert_ptr_null(strstr(result.out, "still there"));
  traces[0] = (char *)e2e_only_trace(e2e_dir());
  heap = e2e_json(E2E_ARGV("heap", "--no-skip"), traces);
  for (long long i = 0; i < 2; i++) {
    json_t *stack = stack_of(heap, names_of[i]);

    ck_assert_int_eq(e2e_int(stack, "allocations"), 100);
    ck_assert_int_eq(e2e_int(stack, "requested_bytes"), 100 * (777 + i));
    ck_assert_int_eq(e2e_int(stack, "live_bytes"), 10 * (777 + i));
    ck_assert_ptr_nonnull(strstr(e2e_str(json_array_get(e2e_get(stack, "frames"), 0), "module"), names_of[i]));
  }
  json_decref(heap);
  info = judge_info(traces[0]);
  ck_assert_int_ge(e2e_int(info, "events.module_gone"), 2);
  ck_assert_int_eq(e2e_int(info, "lost"), 0);
  json_decref(info);
  e2e_release(&result);
}
END_TEST

/* The message names what it can; the trace all of it. */
START_TEST(freed_twice_by_code_that_is_gone)
{
  struct e2e_result result;
  json_t *info, *error;

  if (!e2e_has("cc"))
    E2E_SKIP("no C compiler");
  run("twice", &result);
  ck_assert_msg(WIFSIGNALED(result.status) && WTERMSIG(result.status) == SIGABRT, "%s%s", result.out, result.err);
  ck_assert_ptr_nonnull(strstr(result.err, "double free: free("));
  info = judge_info(e2e_only_trace(e2e_dir()));
  error = json_array_get(e2e_get(info, "heap_errors"), 0);
  ck_assert(names(e2e_get(error, "alloc_frames"), 0, "alpha_inner"));
  ck_assert(names(e2e_get(error, "alloc_frames"), 1, "alpha_outer"));
  ck_assert(names(e2e_get(error, "free_frames"), 0, "alpha_drop"));
  ck_assert(names(e2e_get(error, "free_frames"), 1, "drop"));
  json_decref(info);
  e2e_release(&result);
}
END_TEST

/* No module comes to an address where another one is, and none goes that is not there. */
static void expect_module_turns(const char *trace)
{
  json_t *dump = e2e_dump(trace), *there = json_object(), *event;
  size_t i;

  json_array_foreach(dump, i, event) {
    const char *op = e2e_str(event, "op");
    bool comes = !strcmp(op, "module");

    if (!comes && strcmp(op, "module_gone") != 0)
      continue;
    ck_assert_msg(comes == !json_object_get(there, e2e_str(event, "addr")), "%s of %s at %s", op,
                  e2e_str(event, "thread"), e2e_str(event, "addr"));
    if (comes)
      json_object_set_new(there, e2e_str(event, "addr"), json_true());
    else
      json_object_del(there, e2e_str(event, "addr"));
  }
  json_decref(there);
  json_decref(dump);
}

START_TEST(loops_in_threads)
{
  struct e2e_result result;
  long long allocs;

  if (!e2e_has("cc"))
    E2E_SKIP("no C compiler");
  run("threads", &result);
  e2e_expect_exit(&result, 0);
  ck_assert_str_eq(result.out, "done\n");
  ck_assert_str_eq(result.err, "");
  ck_assert_uint_eq(judge_whole("events.alloc", &allocs), 1);
  ck_assert_int_ge(allocs, 4 * 100 * 101);
  expect_module_turns(e2e_only_trace(e2e_dir()));
  e2e_release(&result);
}
END_TEST

/* Each thread has the list of modules compared when all of them change it; every change is recorded once. */
START_TEST(lists_of_several_threads)
{
  struct e2e_result result;
  long long gone;

  if (!e2e_has("cc"))
    E2E_SKIP("no C compiler");
  e2e_run(&(struct e2e_spec){.argv = E2E_ARGV(e2e_prog("unload"), "lists", library("alpha"), library("beta"),
                                              library("gamma"), library("delta")),
                             .preload = e2e_library()},
          &result);
  e2e_expect_exit(&result, 0);
  ck_assert_str_eq(result.out, "done\n");
  ck_assert_str_eq(result.err, "");
  ck_assert_uint_eq(judge_whole("events.module_gone", &gone), 1);
  ck_assert_int_eq(gone, 4 * 500); /* as tests/progs/unload.c does it */
  expect_module_turns(e2e_only_trace(e2e_dir()));
  e2e_release(&result);
}
END_TEST

int main(void)
{
  Suite *suite = suite_create("unload");
  TCase *tcase = e2e_case(suite, "unload", 120);

  tcase_add_test(tcase, blocks_outlive_their_library);
  tcase_add_test(tcase, freed_twice_by_code_that_is_gone);
  tcase_add_test(tcase, loops_in_threads);
  tcase_add_test(tcase, lists_of_several_threads);
  return e2e_main(suite);
}
