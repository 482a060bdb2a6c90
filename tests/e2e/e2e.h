/*
 * What the end-to-end tests have in common: they start programs under the
 * library, collect output and exit status, and judge by what `vmtrace` says
 * about the traces.  The Check process itself is never preloaded.
 *
 * A test program's main() makes a Suite and returns e2e_main(suite).  Run them
 * from the top of the checkout (make check does); E2E_BUILD names the build
 * tree that holds progs/ (default build).
 *
 * All functions end the test with a message when something cannot be done.
 * Processes die with the test that started them.
 */
#ifndef VMTRACE_E2E_H
#define VMTRACE_E2E_H

#include "chosen.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/resource.h>
#include <sys/types.h>

/* Runs the suite and returns what main() returns.  Removes the temporary directories of all its tests. */
int e2e_main(Suite *suite);
/* A test case with room for slow machines: seconds are a guard against hangs, never a verdict. */
TCase *e2e_case(Suite *suite, const char *name, int seconds);

/* Ends the test as passed, and says that and why it did not run. */
#define E2E_SKIP(...)                                                                                                  \
  do {                                                                                                                 \
    e2e_note_skip(__func__, __VA_ARGS__);                                                                              \
    return;                                                                                                            \
  } while (0)
#define E2E_NEED_ROOT()                                                                                                \
  do {                                                                                                                 \
    if (geteuid() != 0)                                                                                                \
      E2E_SKIP("needs root");                                                                                          \
  } while (0)
void e2e_note_skip(const char *test, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Paths, absolute, valid until the test ends. */
const char *e2e_top(void);              /* the checkout */
const char *e2e_library(void);          /* libvmtrace.so, or what E2E_LIBRARY names */
const char *e2e_debug_library(void);    /* the one that asserts the library's own rules */
const char *e2e_analyzer(void);         /* vmtrace, or what E2E_VMTRACE names */
const char *e2e_prog(const char *name); /* a program of tests/progs, or mem-nopie; "mem" is the one at the top */
const char *e2e_dir(void);              /* an empty directory of this test's own; anybody may write there */
const char *e2e_path(const char *format, ...) __attribute__((format(printf, 1, 2))); /* in e2e_dir() */
/* A copy in e2e_dir() that anybody may read and run: a checkout may be closed to other users. */
const char *e2e_copy(const char *path);
/* The shared object of that name in the system's library directories, NULL when it is not installed. */
const char *e2e_system_library(const char *name);
/* Whether a command is installed. */
bool e2e_has(const char *command);

/* What to start.  Zeroed fields mean: nothing special. */
struct e2e_spec {
  const char *const *argv; /* argv[0] is a path or is looked up in PATH; NULL at the end */
  const char *const *env;  /* "NAME=VALUE" sets, "NAME" unsets; NULL at the end.  VMTRACE_* and LD_PRELOAD of the
                              environment of the tests are never passed on. */
  const char *preload;     /* LD_PRELOAD; NULL: none.  VMTRACE_OUT is then e2e_dir()/%e.%p.vmt unless env sets it */
  bool bare;               /* pass only env, nothing of this environment */
  const char *cwd;         /* default: e2e_dir() */
  const char *input;       /* file for stdin; default /dev/null */
  uid_t uid;               /* run as that user and group; 0: as this one */
  void (*prepare)(const void *); /* in the child, last before exec: limits, namespaces, descriptors; _exit to give up */
  const void *arg;
};

/* A started process. */
struct e2e_process {
  pid_t pid;
  int out_fd, err_fd; /* files that stdout and stderr go to */
};

/* An ended one. */
struct e2e_result {
  pid_t pid;
  int status;      /* as waitpid() */
  char *out, *err; /* ended by NUL; NUL bytes of the program's own are there too */
  size_t out_len, err_len;
  struct rusage usage;
};

struct e2e_process e2e_start(const struct e2e_spec *spec);
void e2e_finish(struct e2e_process *process, struct e2e_result *result);
void e2e_run(const struct e2e_spec *spec, struct e2e_result *result);
void e2e_release(struct e2e_result *result);
/* argv of e2e_spec in place: E2E_ARGV("mem", "3"). */
#define E2E_ARGV(...) ((const char *const[]){__VA_ARGS__, NULL})

/* Waits until text appears count times on the process' stdout; fails when the process ends before. */
void e2e_await(struct e2e_process *process, const char *text, int count);
/* What the process wrote so far; to be freed. */
char *e2e_output(const struct e2e_process *process);

/* Fails, with both outputs in the message, unless the process exited with that status. */
void e2e_expect_exit(const struct e2e_result *result, int status);
/* Fails unless output and status of both are the same; what says what was compared. */
void e2e_expect_same(const struct e2e_result *a, const struct e2e_result *b, const char *what);

/* Runs a program by itself, which must exit with that status.  The caller releases the result. */
struct e2e_result e2e_run_plain(const char *const *argv, int status);

/* The traces in a directory, sorted by name; each and the list to be freed.  NULL at the end. */
char **e2e_traces(const char *dir, size_t *count);
void e2e_traces_free(char **traces);
/* The only trace there; fails when there is none or more than one. */
const char *e2e_only_trace(const char *dir);

/* `vmtrace ARGS...` with exit status 0, its JSON parsed.  argv begins with the command; --format=json and the traces
 * (may be NULL) are added. */
json_t *e2e_json(const char *const *argv, char *const *traces);
/* For `dump`, one object per line: an array of them. */
json_t *e2e_dump(const char *trace);
/* A key that must be there, of any type; "a.b" goes down. */
json_t *e2e_get(const json_t *object, const char *path);
long long e2e_int(const json_t *object, const char *path);
const char *e2e_str(const json_t *object, const char *path);
/* The page of a `pages` document with that address, NULL when there is none. */
json_t *e2e_page(const json_t *pages, unsigned long long address);

/* Waits until each trace has that many samples more than now: what is there has been seen, by all at once. */
void e2e_await_samples(char *const *traces, long long more);

#endif
