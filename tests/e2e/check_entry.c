/*
 * The interposed functions: what the library exports, the rules of the malloc
 * family, what is recorded of every kind of call, misuse of the heap, and
 * signal handlers in the middle of a call.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "e2e.h"
#include "vmtrace/format.h"

static const char *const exports[] = {"MallocExtension_GetAllocatedSize",
                                      "_Exit",
                                      "_Fork",
                                      "_ZdaPv",
                                      "_ZdaPvRKSt9nothrow_t",
                                      "_ZdaPvSt11align_val_t",
                                      "_ZdaPvSt11align_val_tRKSt9nothrow_t",
                                      "_ZdaPvm",
                                      "_ZdaPvmSt11align_val_t",
                                      "_ZdlPv",
                                      "_ZdlPvRKSt9nothrow_t",
                                      "_ZdlPvSt11align_val_t",
                                      "_ZdlPvSt11align_val_tRKSt9nothrow_t",
                                      "_ZdlPvm",
                                      "_ZdlPvmSt11align_val_t",
                                      "_Znam",
                                      "_ZnamRKSt9nothrow_t",
                                      "_ZnamSt11align_val_t",
                                      "_ZnamSt11align_val_tRKSt9nothrow_t",
                                      "_Znwm",
                                      "_ZnwmRKSt9nothrow_t",
                                      "_ZnwmSt11align_val_t",
                                      "_ZnwmSt11align_val_tRKSt9nothrow_t",
                                      "__asan_default_options",
                                      "__fxstat",
                                      "__fxstat64",
                                      "__fxstatat",
                                      "__fxstatat64",
                                      "__libc_calloc",
                                      "__libc_cfree",
                                      "__libc_free",
                                      "__libc_malloc",
                                      "__libc_memalign",
                                      "__libc_pvalloc",
                                      "__libc_realloc",
                                      "__libc_valloc",
                                      "__lxstat",
                                      "__lxstat64",
                                      "__open64_2",
                                      "__open_2",
                                      "__openat64_2",
                                      "__openat_2",
                                      "__xstat",
                                      "__xstat64",
                                      "_exit",
                                      "abort",
                                      "aligned_alloc",
                                      "brk",
                                      "calloc",
                                      "capset",
                                      "cfree",
                                      "clone",
                                      "close",
                                      "close_range",
                                      "closefrom",
                                      "daemon",
                                      "dallocx",
                                      "dlclose",
                                      "dlopen",
                                      "dup2",
                                      "dup3",
                                      "execl",
                                      "execle",
                                      "execlp",
                                      "execv",
                                      "execve",
                                      "execveat",
                                      "execvp",
                                      "execvpe",
                                      "fcntl",
                                      "fcntl64",
                                      "fexecve",
                                      "fopen",
                                      "fopen64",
                                      "fork",
                                      "forkpty",
                                      "free",
                                      "free_aligned_sized",
                                      "free_sized",
                                      "fstat",
                                      "fstat64",
                                      "fstatat",
                                      "fstatat64",
                                      "getdents64",
                                      "initgroups",
                                      "lstat",
                                      "lstat64",
                                      "madvise",
                                      "mallinfo",
                                      "mallinfo2",
                                      "malloc",
                                      "malloc_info",
                                      "malloc_stats",
                                      "malloc_trim",
                                      "malloc_usable_size",
                                      "mallopt",
                                      "memalign",
                                      "mi_aligned_recalloc",
                                      "mi_cfree",
                                      "mi_free",
                                      "mi_free_aligned",
                                      "mi_free_size",
                                      "mi_free_size_aligned",
                                      "mi_malloc_size",
                                      "mi_malloc_usable_size",
                                      "mi_new_realloc",
                                      "mi_new_reallocn",
                                      "mi_realloc",
                                      "mi_realloc_aligned",
                                      "mi_reallocarray",
                                      "mi_reallocf",
                                      "mi_reallocn",
                                      "mi_recalloc",
                                      "mi_rezalloc",
                                      "mi_rezalloc_aligned",
                                      "mi_usable_size",
                                      "mmap",
                                      "mmap64",
                                      "mprotect",
                                      "mremap",
                                      "munmap",
                                      "open",
                                      "open64",
                                      "openat",
                                      "openat64",
                                      "opendir",
                                      "posix_memalign",
                                      "posix_spawn",
                                      "posix_spawnp",
                                      "prctl",
                                      "pthread_cancel",
                                      "pthread_clockjoin_np",
                                      "pthread_create",
                                      "pthread_detach",
                                      "pthread_exit",
                                      "pthread_join",
                                      "pthread_setname_np",
                                      "pthread_timedjoin_np",
                                      "pthread_tryjoin_np",
                                      "pvalloc",
                                      "quick_exit",
                                      "rallocx",
                                      "readdir",
                                      "readdir64",
                                      "readdir64_r",
                                      "readdir_r",
                                      "realloc",
                                      "reallocarray",
                                      "sallocx",
                                      "sbrk",
                                      "scandir",
                                      "scandir64",
                                      "sdallocx",
                                      "setegid",
                                      "seteuid",
                                      "setfsgid",
                                      "setfsuid",
                                      "setgid",
                                      "setgroups",
                                      "setns",
                                      "setregid",
                                      "setresgid",
                                      "setresuid",
                                      "setreuid",
                                      "setuid",
                                      "shmat",
                                      "shmdt",
                                      "stat",
                                      "stat64",
                                      "statx",
                                      "syscall",
                                      "tc_cfree",
                                      "tc_delete",
                                      "tc_delete_aligned",
                                      "tc_delete_aligned_nothrow",
                                      "tc_delete_nothrow",
                                      "tc_delete_sized",
                                      "tc_delete_sized_aligned",
                                      "tc_deletearray",
                                      "tc_deletearray_aligned",
                                      "tc_deletearray_aligned_nothrow",
                                      "tc_deletearray_nothrow",
                                      "tc_deletearray_sized",
                                      "tc_deletearray_sized_aligned",
                                      "tc_free",
                                      "tc_free_sized",
                                      "tc_malloc_size",
                                      "tc_realloc",
                                      "thrd_create",
                                      "thrd_detach",
                                      "thrd_join",
                                      "unshare",
                                      "valloc",
                                      "vfork",
                                      "vmtrace_active",
                                      "vmtrace_mark",
                                      "vmtrace_snapshot",
                                      "xallocx"};

/* Runs a program of tests/progs with one argument under the library (preload false: without), with an extra variable.
 */
static void run_prog(const char *name, const char *arg, bool preload, const char *variable, struct e2e_result *result)
{
  struct e2e_spec spec = {.argv = E2E_ARGV(e2e_prog(name), arg), .env = E2E_ARGV(variable)};

  spec.preload = preload ? e2e_library() : NULL;
  e2e_run(&spec, result);
}

START_TEST(exported_names)
{
  struct e2e_spec spec = {.argv = E2E_ARGV("nm", "-D", "--defined-only", "-j", e2e_library())};
  struct e2e_result result;
  size_t n = 0;

  e2e_run(&spec, &result);
  e2e_expect_exit(&result, 0);
  for (char *line = strtok(result.out, "\n"); line; line = strtok(NULL, "\n"), n++) {
    ck_assert_msg(n < sizeof exports / sizeof *exports, "%s is exported, and more than expected", line);
    ck_assert_msg(!strcmp(line, exports[n]), "%s is exported where %s was expected", line, exports[n]);
  }
  ck_assert_uint_eq(n, sizeof exports / sizeof *exports);
  e2e_release(&result);
}
END_TEST

/* The rules hold without the library, with the pinned heap, and handed on to glibc. */
START_TEST(rules_of_the_family)
{
  static const struct {
    bool preload;
    const char *variable;
  } ways[] = {{false, NULL}, {true, "VMTRACE_OUT=off"}, {true, NULL}, {true, "VMTRACE_HEAP=next"}};
  struct e2e_result result;

  run_prog("family", NULL, ways[_i].preload, ways[_i].variable, &result);
  e2e_expect_exit(&result, 0);
  ck_assert_str_eq(result.out, "0 failures\n");
  ck_assert_str_eq(result.err, "");
  e2e_release(&result);
}
END_TEST

/* What the program said it did, line by line, against its allocation and mapping events in order. */
static void compare_events(char *said, json_t *dump)
{
  static const char *const ops[] = {"alloc",  "realloc", "free",  "mmap",  "mprotect", "madvise",
                                    "munmap", "mremap",  "shmat", "shmdt", "brk"};
  char *line = strtok(said, "\n");
  size_t index;
  json_t *event;

  json_array_foreach(dump, index, event) {
    const char *op = e2e_str(event, "op");
    char text[128];
    bool wanted = false;

    for (size_t i = 0; i < sizeof ops / sizeof *ops; i++)
      wanted |= !strcmp(op, ops[i]);
    if (!wanted)
      continue;
    if (json_object_get(event, "size"))
      snprintf(text, sizeof text, "%s %s %lld", op, e2e_str(event, "addr"), e2e_int(event, "size"));
    else
      snprintf(text, sizeof text, "%s %s", op, e2e_str(event, "addr"));
    ck_assert_msg(line, "the trace goes on with %s", text);
    ck_assert_str_eq(text, line);
    line = strtok(NULL, "\n");
  }
  ck_assert_msg(!line, "not in the trace: %s", line);
}

START_TEST(every_kind_of_event)
{
  struct e2e_result result;
  json_t *dump;

  run_prog("events", NULL, true, _i ? "VMTRACE_HEAP=next" : NULL, &result);
  e2e_expect_exit(&result, 0);
  ck_assert_str_eq(result.err, "");
  dump = e2e_dump(e2e_only_trace(e2e_dir()));
  compare_events(result.out, dump);
  json_decref(dump);
  e2e_release(&result);
}
END_TEST

/* A mapping gets the same address in every run; so do shared memory and the program break. */
START_TEST(mappings_are_pinned)
{
  char *first = NULL;

  for (int i = 0; i < 3; i++) {
    struct e2e_result result;
    char *mapped;

    run_prog("events", NULL, true, "VMTRACE_OUT=off", &result);
    e2e_expect_exit(&result, 0);
    mapped = strstr(result.out, "mmap ");
    ck_assert_ptr_nonnull(mapped);
    if (first)
      ck_assert_str_eq(mapped, first);
    else
      first = strdup(mapped);
    e2e_release(&result);
  }
  free(first);
}
END_TEST

static const struct {
  const char *kind, *text; /* of the message on stderr */
  int error;               /* VT_R_HEAP_ERROR.kind; 0: none */
  bool dies;
} misuses[] = {
    {"double", "double free", 1, true},
    {"double-far", "double free", 1, true},
    {"thread", "double free", 1, true},
    {"realloc-free", "double free", 1, true},
    {"interior", "inside a block", 3, true},
    {"realloc", "inside a block", 3, true},
    {"sized", "the block has", 4, true},
    {"stack", "on this thread's stack", 2, true},
    {"dead", "on this thread's stack", 2, true},
    {"argument", "on this thread's stack", 2, true},
    {"environment", "on this thread's stack", 2, true},
    {"thread-stack", "on this thread's stack", 2, true},
    {"zeroed", "a global or static variable's", 2, true},
    {"filled", "a global or static variable's", 2, true},
    {"library", "a global or static variable's", 2, true},
    {"moved", "realloc(", 2, true},
    {"constant", "in code or constants", 2, true},
    {"function", "in code or constants", 2, true},
    {"nowhere", "nothing is mapped", 2, true},
    {"kernel", "nothing is mapped", 2, true},
    {"unmapped", "nothing is mapped", 2, true},
    {"pinned", "no block is at this address", 2, true},
    {"mapped", NULL, 0, false},
    {"sealed", NULL, 0, false},
    {"break", NULL, 0, false},
    {"loader", NULL, 0, false},
    {"libc", NULL, 0, false},
    {"libc-large", NULL, 0, false},
    {"other-thread", NULL, 0, false},
    {"coroutine", NULL, 0, false},
};

START_TEST(misuse)
{
  struct e2e_result result;
  json_t *dump, *event;
  size_t index;
  long long error = 0;

  run_prog("misuse", misuses[_i].kind, true, NULL, &result);
  if (misuses[_i].dies) {
    ck_assert_msg(WIFSIGNALED(result.status) && WTERMSIG(result.status) == SIGABRT, "%s", result.err);
    ck_assert_str_eq(result.out, "");
  } else {
    e2e_expect_exit(&result, 0);
    ck_assert_str_eq(result.out, "still here\n");
  }
  if (misuses[_i].text) {
    ck_assert_msg(strstr(result.err, misuses[_i].text), "%s", result.err);
    ck_assert_msg(!strncmp(result.err, "vmtrace: ", 9), "%s", result.err);
  } else {
    ck_assert_str_eq(result.err, "");
  }
  dump = e2e_dump(e2e_only_trace(e2e_dir()));
  json_array_foreach(dump, index, event) {
    if (!strcmp(e2e_str(event, "op"), "heap_error"))
      error = e2e_int(event, "kind");
  }
  ck_assert_int_eq(error, misuses[_i].error);
  json_decref(dump);
  if (misuses[_i].dies) {
    char *traces[] = {(char *)e2e_only_trace(e2e_dir()), NULL};
    json_t *info = e2e_json(E2E_ARGV("info"), traces);

    ck_assert_str_eq(e2e_str(info, "ended"), "signal");
    json_decref(info);
  }
  e2e_release(&result);
}
END_TEST

static int by_address(const void *a, const void *b)
{
  return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* No address is given out twice at a time: sorted by address, alloc and free take turns. */
static void expect_turns(json_t *dump)
{
  size_t count = json_array_size(dump), n = 0, index;
  char **lines = calloc(count * 2, sizeof *lines);
  json_t *event;

  json_array_foreach(dump, index, event) {
    const char *op = e2e_str(event, "op");
    bool alloc = !strcmp(op, "alloc"), again = !strcmp(op, "realloc");

    if (again || !strcmp(op, "free"))
      ck_assert_int_gt(asprintf(&lines[n++], "%16s %10zu -", e2e_str(event, again ? "old" : "addr"), 2 * index), 0);
    if (again || alloc)
      ck_assert_int_gt(asprintf(&lines[n++], "%16s %10zu +", e2e_str(event, "addr"), 2 * index + 1), 0);
  }
  qsort(lines, n, sizeof *lines, by_address);
  for (size_t i = 0; i < n; i++) {
    bool same = i && !strncmp(lines[i], lines[i - 1], 16);
    char sign = lines[i][strlen(lines[i]) - 1],
         expected = same && lines[i - 1][strlen(lines[i]) - 1] == '+' ? '-' : '+';

    ck_assert_msg(sign == expected, "%s after %s", lines[i], same ? lines[i - 1] : "nothing");
  }
  for (size_t i = 0; i < n; i++)
    free(lines[i]);
  free(lines);
}

START_TEST(signal_handlers)
{
  static const char *const ways[] = {"plain", "altstack", "highstack", "smallstack", "longjmp"};
  struct e2e_result result;
  json_t *info, *dump;
  char *traces[2] = {NULL, NULL};

  run_prog("reentry", ways[_i], true, NULL, &result);
  e2e_expect_exit(&result, 0);
  ck_assert_str_eq(result.out, "interrupted calls\n");
  ck_assert_str_eq(result.err, "");
  traces[0] = (char *)e2e_only_trace(e2e_dir());
  info = e2e_json(E2E_ARGV("info"), traces);
  ck_assert(json_is_true(e2e_get(info, "complete")));
  ck_assert_str_eq(e2e_str(info, "ended"), "exit");
  /* A handler that jumps out of a call takes with it whether that call had been done. */
  if (_i < 4) {
    ck_assert_int_eq(e2e_int(info, "lost"), 0);
    dump = e2e_dump(traces[0]);
    expect_turns(dump);
    json_decref(dump);
    /* What the handler and the work keep, and what libc has; blocks that the handler frees are freed. */
    ck_assert_int_le(e2e_int(info, "events.alloc") - e2e_int(info, "events.free"), 200);
  } else {
    ck_assert_int_le(e2e_int(info, "lost"), 500); /* a few of each of 125 jumps */
  }
  json_decref(info);
  e2e_release(&result);
}
END_TEST

/* From the moment on that the trace tells of the region that was given up, its addresses are nobody's. */
static void expect_region_left(const char *trace)
{
  json_t *dump = e2e_dump(trace), *event;
  uint64_t left = 0, after = 0;
  size_t i;

  json_array_foreach(dump, i, event) {
    const char *op = e2e_str(event, "op");
    uint64_t addr;

    if (strcmp(op, "nondet") && strcmp(op, "alloc"))
      continue;
    addr = strtoull(e2e_str(event, "addr"), NULL, 0);
    if (!left && !strcmp(op, "nondet") && e2e_int(event, "reason") == VT_NONDET_SIGNAL)
      left = addr;
    if (!left || strcmp(op, "alloc"))
      continue;
    after++;
    ck_assert_msg(addr >= left + (UINT64_C(1) << 40), "0x%lx is allocated after the region at 0x%lx was given up",
                  (unsigned long)addr, (unsigned long)left);
  }
  ck_assert_uint_gt(after, 20);
  json_decref(dump);
}

/* A handler leaves by longjmp while a lock of the heap is held: that region is given up, and all goes on in another. */
START_TEST(left_under_a_lock)
{
  struct e2e_result result;
  json_t *info;
  char *traces[2] = {NULL, NULL};

  run_prog("reentry", "leave", true, NULL, &result);
  e2e_expect_exit(&result, 0);
  ck_assert_str_eq(result.err, "");
  traces[0] = (char *)e2e_only_trace(e2e_dir());
  info = e2e_json(E2E_ARGV("info"), traces);
  ck_assert(json_is_true(e2e_get(info, "complete")));
  ck_assert_str_eq(e2e_str(info, "ended"), "exit");
  ck_assert(json_is_false(e2e_get(info, "deterministic")));
  ck_assert_int_gt(e2e_int(info, "events.alloc"), 60 * 20);
  expect_region_left(traces[0]);
  json_decref(info);
  e2e_release(&result);
}
END_TEST

int main(void)
{
  Suite *suite = suite_create("entry");
  TCase *names = e2e_case(suite, "names", 60), *events = e2e_case(suite, "events", 60);
  TCase *wrong = e2e_case(suite, "misuse", 60), *nested = e2e_case(suite, "signal handlers", 120);

  tcase_add_test(names, exported_names);
  tcase_add_loop_test(names, rules_of_the_family, 0, 4);
  tcase_add_loop_test(events, every_kind_of_event, 0, 2);
  tcase_add_test(events, mappings_are_pinned);
  tcase_add_loop_test(wrong, misuse, 0, (int)(sizeof misuses / sizeof *misuses));
  tcase_add_loop_test(nested, signal_handlers, 0, 5);
  tcase_add_test(nested, left_under_a_lock);
  return e2e_main(suite);
}
