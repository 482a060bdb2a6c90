/*
 * C++'s operators new and delete: each is recorded once, with the stack of who
 * called it, under the pinned heap and over other allocators; and they fail as
 * they do without the library.  Also where C++ comes into the process late.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "e2e.h"

static const char *const allocators[] = {NULL, "libjemalloc.so.2", "libmimalloc.so.2", "libtcmalloc_minimal.so.4"};
#define ALLOCATORS ((int)(sizeof allocators / sizeof *allocators))

/* The program of tests/progs/operators.cc; NULL: there is no C++ compiler. */
static const char *build(const char *name, const char *option)
{
  const char *path = e2e_path("%s", name);
  char source[4200];
  const struct e2e_spec spec = {.argv = E2E_ARGV("g++", "-std=gnu++17", "-O1", "-g", "-fno-builtin", "-fPIC", option,
                                                 "-o", path, source, "-pthread", "-ldl")};
  struct e2e_result result;

  if (!e2e_has("g++"))
    return NULL;
  snprintf(source, sizeof source, "%s/tests/progs/operators.cc", e2e_top());
  e2e_run(&spec, &result);
  e2e_expect_exit(&result, 0);
  e2e_release(&result);
  return path;
}

/* The allocator itself may say what it thinks of a request that is too large. */
static void run(const char *const *argv, const char *library, const char *allocator, const char *heap,
                struct e2e_result *result)
{
  char preload[8500];
  struct e2e_spec spec = {.argv = argv,
                          .env = E2E_ARGV("VMTRACE_SAMPLE_MS=0", "TCMALLOC_LARGE_ALLOC_REPORT_THRESHOLD=0",
                                          heap ? heap : "VMTRACE_HEAP=pin")};

  snprintf(preload, sizeof preload, "%s%s%s", library ? library : "", library && allocator ? ":" : "",
           allocator ? allocator : "");
  spec.preload = preload[0] ? preload : NULL;
  e2e_run(&spec, result);
  e2e_expect_exit(result, 0);
}

static bool stack_has(const json_t *stack, const char *function)
{
  json_t *frame;
  size_t index;

  json_array_foreach(json_object_get(stack, "frames"), index, frame) {
    const char *name = json_string_value(json_object_get(frame, "function"));

    if (name && !strncmp(name, function, strlen(function)) && strchr("(", name[strlen(function)]))
      return true;
  }
  return false;
}

/* Functions of operators.cc, and what each asks for. */
static const struct {
  const char *function;
  long long size;
} callers[] = {{"call_plain", 100001},           {"call_array", 100002},
               {"call_plain_nothrow", 100003},   {"call_array_nothrow", 100004},
               {"call_aligned", 102400},         {"call_array_aligned", 102656},
               {"call_aligned_nothrow", 102912}, {"call_array_aligned_nothrow", 103168}};

static void expect_events(const char *trace)
{
  char *traces[] = {(char *)trace, NULL};
  json_t *dump = e2e_dump(trace), *heap = e2e_json(E2E_ARGV("heap"), traces), *event, *stack;
  size_t index;

  for (size_t i = 0; i < sizeof callers / sizeof *callers; i++) {
    const char *addr = NULL;
    int allocs = 0, frees = 0, by_caller = 0;

    json_array_foreach(dump, index, event) {
      const char *op = e2e_str(event, "op");

      if (!strcmp(op, "alloc") && e2e_int(event, "size") == callers[i].size) {
        addr = e2e_str(event, "addr");
        ck_assert_int_eq(e2e_int(event, "align"), i < 4 ? 16 : 256);
        allocs++;
      } else if (addr && !strcmp(op, "free") && !strcmp(e2e_str(event, "addr"), addr) &&
                 e2e_int(event, "size") == callers[i].size) {
        frees++;
      }
    }
    ck_assert_msg(allocs == 1 && frees == 1, "%s: %d allocations, %d frees", callers[i].function, allocs, frees);
    json_array_foreach(e2e_get(heap, "stacks"), index, stack) {
      if (stack_has(stack, callers[i].function))
        by_caller += e2e_int(stack, "requested_bytes") == callers[i].size;
    }
    ck_assert_msg(by_caller == 1, "%s: %d stacks", callers[i].function, by_caller);
  }
  json_decref(dump);
  json_decref(heap);
}

START_TEST(recorded_once)
{
  const char *program = build("operators", "-pie"), *allocator = allocators[_i % ALLOCATORS], *path = NULL;
  const char *const *argv;
  bool pin = _i >= ALLOCATORS;
  struct e2e_result without, with;

  if (!program)
    E2E_SKIP("needs a C++ compiler");
  if (allocator && !(path = e2e_system_library(allocator)))
    E2E_SKIP("%s is not installed", allocator);
  argv = E2E_ARGV(program, allocator && strstr(allocator, "mimalloc") ? "no failures" : NULL);
  run(argv, NULL, path, NULL, &without);
  run(argv, e2e_library(), path, pin ? NULL : "VMTRACE_HEAP=next", &with);
  e2e_expect_same(&without, &with, "without and with the library");
  expect_events(e2e_only_trace(e2e_dir()));
  e2e_release(&without);
  e2e_release(&with);
}
END_TEST

/* The process has no operator new until the object is loaded, which brings libstdc++ in its own scope. */
START_TEST(loaded_late)
{
  static const char *const modes[] = {"local", "global", "deep"};
  const char *object = build("operators.so", "-shared"), *const * argv;
  struct e2e_result without, with;

  if (!object)
    E2E_SKIP("needs a C++ compiler");
  argv = E2E_ARGV(e2e_prog("load_and_call"), object, "operators_main", modes[_i % 3]);
  run(argv, NULL, NULL, NULL, &without);
  run(argv, e2e_library(), NULL, _i >= 3 ? "VMTRACE_HEAP=next" : NULL, &with);
  e2e_expect_same(&without, &with, "without and with the library");
  ck_assert_ptr_nonnull(strstr(with.out, "new: std::bad_alloc, handler 3 times"));
  if (_i % 3 != 2) /* RTLD_DEEPBIND goes past every preloaded library */
    expect_events(e2e_only_trace(e2e_dir()));
  e2e_release(&without);
  e2e_release(&with);
}
END_TEST

int main(void)
{
  Suite *suite = suite_create("operators");
  TCase *tcase = e2e_case(suite, "operators", 120);

  tcase_add_loop_test(tcase, recorded_once, 0, 2 * ALLOCATORS);
  tcase_add_loop_test(tcase, loaded_late, 0, 6);
  return e2e_main(suite);
}
