/*
 * Misuse of the heap: what the message on stderr says, what is recorded, what
 * `vmtrace info` makes of it, and what happens to the program.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "e2e.h"

static void run(const char *kind, const char *detail, const char *option, struct e2e_result *result)
{
  const struct e2e_spec spec = {.argv = E2E_ARGV(e2e_prog("misuse_sites"), kind, detail),
                                .env =
                                    option ? E2E_ARGV("VMTRACE_SAMPLE_MS=0", option) : E2E_ARGV("VMTRACE_SAMPLE_MS=0"),
                                .preload = e2e_library()};

  e2e_run(&spec, result);
}

static json_t *info(void)
{
  char *traces[] = {(char *)e2e_only_trace(e2e_dir()), NULL};

  return e2e_json(E2E_ARGV("info"), traces);
}

/* The part of the message that begins with a line that holds head: its stack, up to the next heading. */
static char *section(const char *message, const char *head)
{
  const char *at = strstr(message, head), *end;

  ck_assert_msg(at, "no \"%s\" in:\n%s", head, message);
  at = strchr(at, '\n') + 1;
  end = at;
  while (!strncmp(end, "vmtrace:     ", 13))
    end = strchr(end, '\n') + 1;
  return strndup(at, (size_t)(end - at));
}

/* The innermost frame is in function; every line has a module, and main comes further out. */
static void expect_stack(const char *message, const char *head, const char *function)
{
  char *stack = section(message, head), first[100];

  snprintf(first, sizeof first, "#0 %s+0x", function);
  ck_assert_msg(strstr(stack, first), "\"%s\" is not by %s:\n%s", head, function, message);
  ck_assert_msg(strstr(stack, "(/"), "no path of a module:\n%s", message);
  free(stack);
}

static bool has_function(const json_t *frames, const char *function)
{
  json_t *frame;
  size_t index;

  json_array_foreach(frames, index, frame) {
    const char *name = json_string_value(json_object_get(frame, "function"));

    if (name && !strcmp(name, function))
      return true;
  }
  return false;
}

static const struct {
  const char *kind, *detail;
  const char *title;                  /* of the message */
  const char *named;                  /* of the record */
  const char *at, *allocated, *freed; /* functions; freed NULL: nothing is said of a free */
  int code;                           /* VT_R_HEAP_ERROR.kind */
} errors[] = {
    {"twice", "", "double free: free(0x200000)", "double free", "release_again", "make_block", "release_first", 1},
    {"twice", "grown", "double free: free(0x200000)", "double free", "release_again", "grow_block", "release_first", 1},
    {"twice", "long", "double free: free(0x200000)", "double free", "release_again", "make_block", NULL, 1},
    {"threads", "", "double free: free(0x200000)", "double free", "release_again", "make_block", "release_first", 1},
    {"inside", "small", "invalid pointer: free(0x200030)", "free inside a block", "release_again", "make_block", NULL,
     3},
    {"inside", "medium", "invalid pointer: free(", "free inside a block", "release_again", "make_block", NULL, 3},
    {"inside", "huge", "invalid pointer: free(", "free inside a block", "release_again", "make_block", NULL, 3},
    {"inside", "huge, at its start", "invalid pointer: free(", "free inside a block", "release_again", "make_block",
     NULL, 3},
    {"size", "large", "size mismatch: free_sized(0x200000, 5000)", "size mismatch", "wrong_size", "make_block", NULL,
     4},
    {"size", "small", "size mismatch: free_sized(0x200000, 100)", "size mismatch", "wrong_size", "make_block", NULL, 4},
    {"size", "aligned", "size mismatch: free_aligned_sized(", "size mismatch", "wrong_size", "wrong_size", NULL, 4},
    {"size", "alignment", "size mismatch: free_aligned_sized(", "size mismatch", "wrong_size", "wrong_size", NULL, 4},
    {"size", "odd", "size mismatch: free_aligned_sized(", "size mismatch", "wrong_size", "wrong_size", NULL, 4},
};

START_TEST(told_with_its_stacks)
{
  struct e2e_result result;
  json_t *document, *error;

  run(errors[_i].kind, errors[_i].detail, NULL, &result);
  ck_assert_msg(WIFSIGNALED(result.status) && WTERMSIG(result.status) == SIGABRT, "%s", result.err);
  ck_assert_str_eq(result.out, "");
  expect_stack(result.err, errors[_i].title, errors[_i].at);
  expect_stack(result.err, "allocated by thread ", errors[_i].allocated);
  if (errors[_i].freed)
    expect_stack(result.err, "freed first by thread ", errors[_i].freed);
  else if (errors[_i].code != 1)
    ck_assert_ptr_null(strstr(result.err, "freed first"));

  document = info();
  ck_assert_str_eq(e2e_str(document, "ended"), "signal");
  ck_assert_int_eq(e2e_int(document, "events.heap_error"), 1);
  ck_assert_uint_eq(json_array_size(e2e_get(document, "heap_errors")), 1);
  error = json_array_get(e2e_get(document, "heap_errors"), 0);
  ck_assert_str_eq(e2e_str(error, "kind"), errors[_i].named);
  ck_assert(has_function(e2e_get(error, "frames"), errors[_i].at));
  ck_assert(has_function(e2e_get(error, "frames"), "main"));
  ck_assert(has_function(e2e_get(error, "alloc_frames"), errors[_i].allocated));
  if (errors[_i].freed)
    ck_assert(has_function(e2e_get(error, "free_frames"), errors[_i].freed));
  json_decref(document);
  e2e_release(&result);
}
END_TEST

/* The heap error of a trace, which belongs to the dump; ids of call stacks in it are defined by the same trace. */
static json_t *need_error(json_t *dump)
{
  static const char *const ids[] = {"stack", "alloc_stack", "free_stack"};
  json_t *event, *found = NULL;
  size_t index;

  json_array_foreach(dump, index, event) {
    if (!strcmp(e2e_str(event, "op"), "heap_error"))
      found = event;
  }
  ck_assert_ptr_nonnull(found);
  for (size_t i = 0; i < 3; i++) {
    bool defined = e2e_int(found, ids[i]) == 0;

    json_array_foreach(dump, index, event) {
      if (!strcmp(e2e_str(event, "op"), "stack_node"))
        defined |= e2e_int(event, "id") == e2e_int(found, ids[i]);
    }
    ck_assert_msg(defined, "%s %lld is not defined", ids[i], e2e_int(found, ids[i]));
  }
  return found;
}

START_TEST(recorded)
{
  struct e2e_result result;
  json_t *dump, *error;

  run("twice", "", NULL, &result);
  dump = e2e_dump(e2e_only_trace(e2e_dir()));
  error = need_error(dump);
  ck_assert_int_eq(e2e_int(error, "kind"), 1);
  ck_assert_str_eq(e2e_str(error, "addr"), "0x200000");
  ck_assert_str_eq(e2e_str(error, "block"), "0x200000");
  ck_assert_int_gt(e2e_int(error, "stack"), 0);
  ck_assert_int_gt(e2e_int(error, "alloc_stack"), 0);
  ck_assert_int_gt(e2e_int(error, "free_stack"), 0);
  json_decref(dump);
  e2e_release(&result);
}
END_TEST

START_TEST(goes_on)
{
  struct e2e_result result;
  json_t *document;
  int told = 0;

  run("many", NULL, "VMTRACE_ON_ERROR=continue", &result);
  e2e_expect_exit(&result, 0);
  ck_assert_str_eq(result.out, "went on\n");
  for (const char *p = result.err; (p = strstr(p, "double free: ")); p++)
    told++;
  ck_assert_int_eq(told, 100);
  ck_assert_ptr_nonnull(strstr(result.err, "further ones are only recorded"));
  document = info();
  ck_assert_int_eq(e2e_int(document, "events.heap_error"), 150);
  ck_assert_int_eq(e2e_int(document, "events.free"), 150);
  ck_assert_uint_eq(json_array_size(e2e_get(document, "heap_errors")), 150);
  ck_assert_str_eq(e2e_str(document, "ended"), "exit");
  json_decref(document);
  e2e_release(&result);
}
END_TEST

START_TEST(realloc_fails_when_it_goes_on)
{
  struct e2e_result result;

  run("moved", NULL, "VMTRACE_ON_ERROR=continue", &result);
  e2e_expect_exit(&result, 0);
  ck_assert_str_eq(result.out, "realloc gave nothing, errno 22\nwent on\n");
  expect_stack(result.err, "invalid pointer: realloc(0x200010)", "moved");
  e2e_release(&result);
}
END_TEST

START_TEST(without_a_trace)
{
  struct e2e_result result;

  run("twice", NULL, "VMTRACE_OUT=off", &result);
  ck_assert_msg(WIFSIGNALED(result.status) && WTERMSIG(result.status) == SIGABRT, "%s", result.err);
  expect_stack(result.err, "double free: free(0x200000)", "release_again");
  ck_assert_ptr_nonnull(strstr(result.err, "there is no trace"));
  e2e_release(&result);
}
END_TEST

START_TEST(without_stacks)
{
  struct e2e_result result;

  run("twice", NULL, "VMTRACE_STACK=0", &result);
  ck_assert_msg(WIFSIGNALED(result.status) && WTERMSIG(result.status) == SIGABRT, "%s", result.err);
  expect_stack(result.err, "double free: free(0x200000)", "release_again");
  ck_assert_ptr_nonnull(strstr(result.err, "the block of 100 bytes was allocated by thread"));
  e2e_release(&result);
}
END_TEST

/* The parent's blocks are not in the child's trace; its own frees are. */
START_TEST(in_a_child)
{
  struct e2e_result result;

  run("child", NULL, NULL, &result);
  e2e_expect_exit(&result, 0);
  ck_assert_str_eq(result.out, "child signal 6\nwent on\n");
  expect_stack(result.err, "double free: free(0x200000)", "release_again");
  expect_stack(result.err, "freed first by", "release_first");
  ck_assert_ptr_nonnull(strstr(result.err, "not in this process's trace"));
  e2e_release(&result);
}
END_TEST

/* Who freed it in the parent is not told by the number of one of the child's call stacks. */
START_TEST(freed_before_the_fork)
{
  struct e2e_result result;
  char *stack, **traces, parent[32];
  size_t count;

  run("inherited", NULL, NULL, &result);
  snprintf(parent, sizeof parent, ".%d.vmt", (int)result.pid);
  e2e_expect_exit(&result, 0);
  ck_assert_str_eq(result.out, "child 6\nwent on\n");
  expect_stack(result.err, "double free: free(0x200000)", "release_again");
  stack = section(result.err, "freed first by");
  ck_assert_msg(strstr(stack, "not kept") && !strstr(stack, "#0"), "%s", result.err);
  free(stack);
  traces = e2e_traces(e2e_dir(), &count);
  ck_assert_uint_eq(count, 2);
  for (char **trace = traces; *trace; trace++) {
    json_t *dump = NULL;

    if (strstr(*trace, parent))
      continue;
    dump = e2e_dump(*trace);
    ck_assert_int_eq(e2e_int(need_error(dump), "free_stack"), 0);
    json_decref(dump);
  }
  e2e_traces_free(traces);
  e2e_release(&result);
}
END_TEST

START_TEST(right_sizes_pass)
{
  struct e2e_result result;

  run("sizes", NULL, _i ? "VMTRACE_HEAP=next" : NULL, &result);
  e2e_expect_exit(&result, 0);
  ck_assert_str_eq(result.err, "");
  e2e_release(&result);
}
END_TEST

START_TEST(wrong_option)
{
  struct e2e_result result;

  run("twice", NULL, "VMTRACE_ON_ERROR=maybe", &result);
  ck_assert_msg(WIFSIGNALED(result.status), "%s", result.err);
  ck_assert_ptr_nonnull(strstr(result.err, "VMTRACE_ON_ERROR=maybe is not understood: it takes abort or continue"));
  e2e_release(&result);
}
END_TEST

int main(void)
{
  Suite *suite = suite_create("heap errors");
  TCase *tcase = e2e_case(suite, "heap errors", 60);

  tcase_add_loop_test(tcase, told_with_its_stacks, 0, (int)(sizeof errors / sizeof *errors));
  tcase_add_test(tcase, recorded);
  tcase_add_test(tcase, goes_on);
  tcase_add_test(tcase, realloc_fails_when_it_goes_on);
  tcase_add_test(tcase, without_a_trace);
  tcase_add_test(tcase, without_stacks);
  tcase_add_test(tcase, in_a_child);
  tcase_add_test(tcase, freed_before_the_fork);
  tcase_add_loop_test(tcase, right_sizes_pass, 0, 2);
  tcase_add_test(tcase, wrong_option);
  return e2e_main(suite);
}
