/*
 * The life of processes and threads: every way to end, to fork, to
 * create a thread, and what the traces say about it.
 */
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "life.h"
#include "vmtrace/format.h"

/* ---- ends ---- */

static const struct {
  const char *kind, *ended;
  int status;    /* exit status or signal, in the header */
  int how;       /* VT_EXIT_*; -1: no EXIT record */
  bool complete; /* nothing was cut */
} ends[] = {
    {"return", "exit", 3, 0, true},   {"exit", "exit", 4, 0, true},     {"_exit", "exit", 5, 1, true},
    {"quick", "exit", 6, 2, true},    {"abort", "signal", 6, -1, true}, {"caught", "exit", 7, 0, true},
    {"kill", "unknown", 0, -1, true}, {"failed", "exit", 17, 0, true},  {"failed-kill", "unknown", 0, -1, true},
};

START_TEST(ways_to_end)
{
  struct e2e_result result;
  json_t *info, *dump, *event;

  life_run("lifecycle", ends[_i].kind, NULL, &result);
  info = judge_info(e2e_only_trace(e2e_dir()));
  ck_assert_str_eq(e2e_str(info, "ended"), ends[_i].ended);
  ck_assert_int_eq(e2e_int(info, "end_status"), ends[_i].status);
  ck_assert_int_eq(json_is_true(e2e_get(info, "complete")), ends[_i].complete);
  ck_assert_int_eq(e2e_int(info, "lost"), 0);
  ck_assert(json_is_true(e2e_get(info, "deterministic")));
  dump = e2e_dump(e2e_only_trace(e2e_dir()));
  event = life_event(dump, "exit", 0);
  ck_assert_int_eq(event != NULL, ends[_i].how >= 0);
  if (event) {
    ck_assert_int_eq(e2e_int(event, "status"), ends[_i].status);
    ck_assert_int_eq(e2e_int(event, "how"), ends[_i].how);
  }
  ck_assert_int_eq(life_event(dump, "signal", 0) != NULL,
                   !strcmp(ends[_i].kind, "abort") || !strcmp(ends[_i].kind, "caught"));
  ck_assert_int_eq(life_event(dump, "exec_failed", 0) != NULL, !strncmp(ends[_i].kind, "failed", 6));
  json_decref(dump);
  json_decref(info);
  e2e_release(&result);
}
END_TEST

/* ---- forks ---- */

START_TEST(fork_goes_on_from_the_same_state)
{
  struct e2e_spec spec = {.argv = E2E_ARGV(e2e_prog("lifecycle"), "fork"), .preload = e2e_library()};
  struct e2e_result result;
  size_t count;
  char **traces;
  json_t *parent, *child, *dump;
  char *mine;

  e2e_run(&spec, &result);
  e2e_expect_exit(&result, 8);
  mine = strstr(result.out, "parent ");
  ck_assert_ptr_nonnull(mine);
  ck_assert_int_eq(strncmp(result.out, "child ", 6), 0);
  ck_assert_int_eq(strncmp(result.out + 6, mine + 7, strlen(mine + 7)), 0);
  traces = e2e_traces(e2e_dir(), &count);
  ck_assert_uint_eq(count, 2);
  parent = life_info(traces, result.pid, NULL, 0);
  child = life_info(traces, 0, NULL, result.pid);
  ck_assert_int_eq(e2e_int(child, "ppid"), result.pid);
  ck_assert_str_eq(e2e_str(child, "parent_id"), e2e_str(parent, "trace_id"));
  ck_assert_int_eq(e2e_int(child, "end_status"), 9);
  dump = e2e_dump(e2e_path("%s", strrchr(e2e_str(parent, "trace"), '/') + 1));
  ck_assert_int_eq(e2e_int(life_need_event(dump, "fork", 0), "child"), e2e_int(child, "pid"));
  json_decref(dump);
  json_decref(parent);
  json_decref(child);
  e2e_traces_free(traces);
  e2e_release(&result);
}
END_TEST

/* Every call stack of an allocation leads to the thread's first function, through nodes that the trace has. */
static void expect_whole_stacks(json_t *dump)
{
  static long long parents[4096];
  json_t *event;
  size_t index;

  memset(parents, 0, sizeof parents);
  json_array_foreach(dump, index, event) {
    if (!strcmp(e2e_str(event, "op"), "stack_node")) {
      ck_assert_int_lt(e2e_int(event, "id"), sizeof parents / sizeof *parents);
      parents[e2e_int(event, "id")] = e2e_int(event, "parent");
    } else if (!strcmp(e2e_str(event, "op"), "alloc")) {
      long long node = e2e_int(event, "stack");

      while (parents[node])
        node = parents[node];
      ck_assert_msg(node == VT_STACK_COMPLETE, "%s ends at node %lld", json_dumps(event, 0), node);
    }
  }
}

/* A child that no hook saw leaves its parent's trace alone and has its own, with all of its call stacks. */
START_TEST(raw_fork)
{
  struct e2e_result result;
  size_t count;
  char **traces;
  json_t *parent, *child, *dump;

  life_run("lifecycle", _i ? "raw-fork-again" : "raw-fork", NULL, &result);
  traces = e2e_traces(e2e_dir(), &count);
  ck_assert_uint_eq(count, 2);
  parent = life_info(traces, result.pid, NULL, 0);
  child = life_info(traces, 0, NULL, result.pid);
  ck_assert_str_eq(e2e_str(child, "parent_id"), e2e_str(parent, "trace_id"));
  ck_assert_str_eq(e2e_str(parent, "ended"), "exit");
  ck_assert_int_eq(e2e_int(parent, "end_status"), 0);
  ck_assert_int_eq(e2e_int(child, "end_status"), 9);
  ck_assert_int_eq(e2e_int(child, "events.alloc"), 1);
  ck_assert_int_eq(e2e_int(child, "events.free"), 2);
  dump = e2e_dump(e2e_path("%s", strrchr(e2e_str(child, "trace"), '/') + 1));
  expect_whole_stacks(dump);
  json_decref(dump);
  json_decref(parent);
  json_decref(child);
  e2e_traces_free(traces);
  e2e_release(&result);
}
END_TEST

/* A thread that forks, one that allocates under a stream's lock, and one that has libc's list of streams do not wait
 * for each other in a circle. */
START_TEST(fork_among_streams)
{
  struct e2e_result result;

  life_run("fork_streams", NULL, _i ? "VMTRACE_HEAP=next" : "VMTRACE_OUT=off", &result);
  e2e_expect_exit(&result, 0);
  e2e_release(&result);
}
END_TEST

/* Children that share the parent's memory end nothing of it. */
START_TEST(vfork_and_spawn)
{
  static const struct {
    const char *kind;
    int spawns, traces;
  } kinds[] = {{"vfork", 2, 2}, {"spawn", 2, 4}};
  struct e2e_result result;
  size_t count;
  char **traces;
  json_t *parent, *child, *dump;

  life_run("lifecycle", kinds[_i].kind, NULL, &result);
  traces = e2e_traces(e2e_dir(), &count);
  ck_assert_int_eq((int)count, kinds[_i].traces);
  parent = life_info(traces, result.pid, NULL, 0);
  ck_assert_str_eq(e2e_str(parent, "ended"), "exit");
  ck_assert_int_eq(e2e_int(parent, "end_status"), 0);
  ck_assert_int_eq(e2e_int(parent, "events.spawn"), kinds[_i].spawns);
  ck_assert_int_eq(e2e_int(parent, "events.exit"), 1);
  dump = e2e_dump(e2e_path("%s", strrchr(e2e_str(parent, "trace"), '/') + 1));
  child = life_info(traces, e2e_int(life_need_event(dump, "spawn", 0), "child"), NULL, 0);
  ck_assert_str_eq(e2e_str(child, "parent_id"), e2e_str(parent, "trace_id"));
  json_decref(dump);
  json_decref(child);
  json_decref(parent);
  e2e_traces_free(traces);
  e2e_release(&result);
}
END_TEST

/* Of a process that may be at its end still: a daemon is nobody's child, and nobody waited for it. */
static json_t *ended_info(const char *trace)
{
  json_t *info = judge_info(trace);

  for (int tries = 0; tries < 200 && !strcmp(e2e_str(info, "ended"), "unknown"); tries++) {
    json_decref(info);
    usleep(50000);
    info = judge_info(trace);
  }
  return info;
}

/* Every trace has an end. */
static void expect_all_ended(size_t expected)
{
  size_t count;
  char **traces = e2e_traces(e2e_dir(), &count);

  ck_assert_uint_eq(count, expected);
  for (char **t = traces; *t; t++) {
    json_t *info = ended_info(*t);

    ck_assert_str_eq(e2e_str(info, "ended"), "exit");
    ck_assert(json_is_true(e2e_get(info, "complete")));
    ck_assert_int_eq(e2e_int(info, "lost"), 0);
    json_decref(info);
  }
  e2e_traces_free(traces);
}

START_TEST(other_forks)
{
  static const struct {
    const char *kind;
    size_t traces;
  } kinds[] = {{"daemon", 3}, {"handlers", 21}, {"threads", 101}};
  struct e2e_result result;

  life_run("lifecycle", kinds[_i].kind, NULL, &result);
  expect_all_ended(kinds[_i].traces);
  e2e_release(&result);
}

/* ---- threads ---- */

/* The lineage of the thread that allocated size bytes. */
static const char *thread_of(json_t *dump, long long size)
{
  json_t *event;
  size_t i;

  json_array_foreach(dump, i, event) {
    if (!strcmp(e2e_str(event, "op"), "alloc") && e2e_int(event, "size") == size)
      return e2e_str(event, "thread");
  }
  return "none";
}

START_TEST(lineage)
{
  static const struct {
    long long size;
    const char *thread;
  } expected[] = {{1001, "0.1"}, {1002, "0.2"}, {1003, "0.3"},   {1004, "0.4"},   {1005, "0.5"},
                  {1006, "0.6"}, {1010, "0.7"}, {1011, "0.7.1"}, {1012, "0.7.2"}, {1077, "0.8"}};
  struct e2e_result result;
  json_t *dump, *info;

  life_run("lineage", NULL, _i ? "VMTRACE_HEAP=next" : NULL, &result);
  dump = e2e_dump(e2e_only_trace(e2e_dir()));
  for (size_t i = 0; i < sizeof expected / sizeof *expected; i++)
    ck_assert_str_eq(thread_of(dump, expected[i].size), expected[i].thread);
  info = judge_info(e2e_only_trace(e2e_dir()));
  ck_assert_int_eq(e2e_int(info, "threads"), 11);
  ck_assert_int_eq(e2e_int(info, "events.thread_end"), 10);
  ck_assert_int_eq(e2e_int(info, "events.thread_join"), 8);
  ck_assert_int_eq(e2e_int(info, "lost"), 0);
  ck_assert_int_eq(json_is_true(e2e_get(info, "deterministic")), !_i);
  ck_assert_str_eq(e2e_str(life_need_event(dump, "thread_name", 0), "name"), "returns");
  ck_assert_str_eq(e2e_str(life_need_event(dump, "thread_name", 1), "name"), "exits by itself");
  json_decref(dump);
  json_decref(info);
  e2e_release(&result);
}
END_TEST

/* ---- descriptors, name spaces, the program's own word ---- */

static void few_descriptors(const void *unused)
{
  struct rlimit limit = {256, 256};

  (void)unused;
  setrlimit(RLIMIT_NOFILE, &limit);
}

START_TEST(descriptors_are_the_programs)
{
  struct e2e_spec spec = {.argv = E2E_ARGV(e2e_prog("lifecycle"), "descriptors"), .prepare = few_descriptors};
  struct e2e_result plain, traced;
  json_t *info;

  e2e_run(&spec, &plain);
  spec.preload = e2e_library();
  e2e_run(&spec, &traced);
  e2e_expect_same(&plain, &traced, "descriptors");
  ck_assert_int_eq(strncmp(traced.out, "3\n0\n0\n", 6), 0);
  info = judge_info(e2e_only_trace(e2e_dir()));
  ck_assert_str_eq(e2e_str(info, "ended"), "exit");
  ck_assert_int_eq(e2e_int(info, "lost"), 0);
  ck_assert_int_ge(e2e_int(info, "events.free"), 4);
  json_decref(info);
  e2e_release(&plain);
  e2e_release(&traced);
}
END_TEST

START_TEST(name_spaces)
{
  struct e2e_result result;
  json_t *info;

  life_run("lifecycle", "unshare", NULL, &result);
  info = judge_info(e2e_only_trace(e2e_dir()));
  ck_assert_int_ge(e2e_int(info, "samples"), 1);
  json_decref(info);
  e2e_release(&result);
}
END_TEST

START_TEST(marks)
{
  struct e2e_spec spec = {.argv = E2E_ARGV(e2e_prog("marks"))};
  struct e2e_result result;
  json_t *dump, *event;
  size_t i;
  bool sampled = false;

  e2e_run(&spec, &result);
  ck_assert_str_eq(result.out, "not traced\n");
  e2e_release(&result);
  spec.preload = e2e_library();
  e2e_run(&spec, &result);
  ck_assert_str_eq(result.out, "traced\n");
  dump = e2e_dump(e2e_only_trace(e2e_dir()));
  ck_assert_str_eq(e2e_str(life_need_event(dump, "mark", 0), "name"), "first");
  ck_assert_str_eq(e2e_str(life_need_event(dump, "mark", 1), "name"), "middle");
  ck_assert_str_eq(e2e_str(life_need_event(dump, "mark", 2), "name"), "second");
  json_array_foreach(dump, i, event) {
    if (!strcmp(e2e_str(event, "op"), "sample"))
      sampled |= e2e_int(event, "reason") == 4;
  }
  ck_assert(sampled);
  json_decref(dump);
  e2e_release(&result);
}
END_TEST

int main(void)
{
  Suite *suite = suite_create("lifecycle");
  TCase *end = e2e_case(suite, "ends", 60), *forks = e2e_case(suite, "forks", 120);
  TCase *threads = e2e_case(suite, "threads", 60);
  TCase *rest = e2e_case(suite, "rest", 60);

  tcase_add_loop_test(end, ways_to_end, 0, (int)(sizeof ends / sizeof *ends));
  tcase_add_test(forks, fork_goes_on_from_the_same_state);
  tcase_add_loop_test(forks, raw_fork, 0, 2);
  tcase_add_loop_test(forks, fork_among_streams, 0, 2);
  tcase_add_loop_test(forks, vfork_and_spawn, 0, 2);
  tcase_add_loop_test(forks, other_forks, 0, 3);
  tcase_add_loop_test(threads, lineage, 0, 2);
  tcase_add_test(rest, descriptors_are_the_programs);
  tcase_add_test(rest, name_spaces);
  tcase_add_test(rest, marks);
  return e2e_main(suite);
}
