/*
 * The end-to-end tests' harness, first half: the suite, temporary directories,
 * starting processes and collecting what they say.  Must not know what a trace
 * is (e2e_trace.c does).  Called by every tests/e2e/check_*.c.
 */
#include "e2e.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <grp.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

extern char **environ;

static char suite_dir[PATH_MAX];  /* holds the directories of all tests of this program */
static char suite_name[NAME_MAX]; /* of the program, for skip lines */

/* Suite and skips */

static int remove_entry(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
  (void)st, (void)type, (void)ftw;
  return remove(path) && errno != ENOENT && errno != EBUSY;
}

static int remove_tree(const char *path)
{
  return nftw(path, remove_entry, 16, FTW_DEPTH | FTW_PHYS | FTW_MOUNT);
}

int e2e_main(Suite *suite)
{
  const char *tmp = getenv("TMPDIR");
  SRunner *runner;
  int failed;

  setenv("COLUMNS", "0", 1); /* no name is cut in what is looked at here */
  snprintf(suite_name, sizeof suite_name, "%s", program_invocation_short_name);
  snprintf(suite_dir, sizeof suite_dir, "%s/vmtrace-%s.XXXXXX", tmp && *tmp ? tmp : "/tmp", suite_name);
  if (!mkdtemp(suite_dir) || chmod(suite_dir, 0755)) {
    perror(suite_dir);
    return EXIT_FAILURE;
  }
  runner = srunner_create(suite);
  srunner_run_all(runner, CK_ENV);
  failed = srunner_ntests_failed(runner);
  srunner_free(runner);
  if (remove_tree(suite_dir))
    fprintf(stderr, "%s: could not be removed: %m\n", suite_dir);
  return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

TCase *e2e_case(Suite *suite, const char *name, int seconds)
{
  TCase *tcase = tcase_create(name);

  tcase_set_timeout(tcase, seconds);
  suite_add_tcase(suite, tcase);
  return tcase;
}

void e2e_note_skip(const char *test, const char *format, ...)
{
  const char *added = strstr(test, "_fn"); /* by START_TEST */
  va_list args;

  va_start(args, format);
  fprintf(stderr, "skip: %s/%.*s: ", suite_name, (int)(added ? (size_t)(added - test) : strlen(test)), test);
  vfprintf(stderr, format, args);
  fputc('\n', stderr);
  va_end(args);
}

/* Paths */

static const char *keep(const char *text)
{
  char *copy = strdup(text);

  ck_assert_ptr_nonnull(copy);
  return copy;
}

__attribute__((format(printf, 1, 2))) static const char *keep_format(const char *format, ...)
{
  va_list args;
  char *text;

  va_start(args, format);
  ck_assert_int_ge(vasprintf(&text, format, args), 0);
  va_end(args);
  return text;
}

const char *e2e_top(void)
{
  static char top[PATH_MAX];

  if (!*top)
    ck_assert_ptr_nonnull(getcwd(top, sizeof top));
  return top;
}

const char *e2e_library(void)
{
  const char *other = getenv("E2E_LIBRARY");
  const char *path = other && *other == '/' ? other : keep_format("%s/%s", e2e_top(), other ? other : "libvmtrace.so");

  ck_assert_msg(!access(path, R_OK), "%s is not there: run make, and the tests from the top of the checkout", path);
  return path;
}

const char *e2e_debug_library(void)
{
  const char *build = getenv("E2E_BUILD");

  build = build && *build ? build : "build";
  return *build == '/' ? keep_format("%s/libvmtrace-debug.so", build)
                       : keep_format("%s/%s/libvmtrace-debug.so", e2e_top(), build);
}

const char *e2e_analyzer(void)
{
  const char *path = getenv("E2E_VMTRACE");

  return path && *path == '/' ? path : keep_format("%s/%s", e2e_top(), path ? path : "vmtrace");
}

const char *e2e_prog(const char *name)
{
  const char *build = getenv("E2E_BUILD");
  const char *path;

  if (!strcmp(name, "mem"))
    return keep_format("%s/mem", e2e_top());
  path = keep_format("%s%s%s/progs/%s", build && *build == '/' ? "" : e2e_top(), build && *build == '/' ? "" : "/",
                     build ? build : "build", name);
  ck_assert_msg(!access(path, X_OK), "%s is not there: make check builds it", path);
  return path;
}

const char *e2e_dir(void)
{
  static char dir[PATH_MAX];
  static pid_t owner; /* each test runs in a process of its own */

  if (owner != getpid()) {
    ck_assert_msg(*suite_dir, "main() has to call e2e_main()");
    ck_assert_int_lt(snprintf(dir, sizeof dir, "%s/%d.XXXXXX", suite_dir, (int)getpid()), (int)sizeof dir);
    ck_assert_msg(mkdtemp(dir) && !chmod(dir, 0777), "%s: %m", dir);
    owner = getpid();
  }
  return dir;
}

const char *e2e_path(const char *format, ...)
{
  va_list args;
  char *name;

  va_start(args, format);
  ck_assert_int_ge(vasprintf(&name, format, args), 0);
  va_end(args);
  return keep_format("%s/%s", e2e_dir(), name);
}

const char *e2e_copy(const char *path)
{
  const char *copy = e2e_path("%s", strrchr(path, '/') + 1);
  int in = open(path, O_RDONLY | O_CLOEXEC);
  int out = open(copy, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0755);
  char buf[65536];
  ssize_t n;

  ck_assert_msg(in >= 0 && out >= 0, "%s to %s: %m", path, copy);
  while ((n = read(in, buf, sizeof buf)) > 0)
    ck_assert_int_eq(write(out, buf, (size_t)n), n);
  ck_assert_int_eq(n, 0);
  fchmod(out, 0755); /* whatever the umask says */
  close(in);
  close(out);
  return copy;
}

const char *e2e_system_library(const char *name)
{
  static const char *const dirs[] = {"/usr/lib/x86_64-linux-gnu", "/usr/lib/aarch64-linux-gnu", "/usr/lib64",
                                     "/usr/local/lib", "/usr/lib"};

  for (size_t i = 0; i < sizeof dirs / sizeof *dirs; i++) {
    const char *path = keep_format("%s/%s", dirs[i], name);

    if (!access(path, R_OK))
      return path;
  }
  return NULL;
}

bool e2e_has(const char *command)
{
  const char *path = getenv("PATH");

  if (strchr(command, '/'))
    return !access(command, X_OK);
  for (char *copy = strdup(path ? path : "/usr/bin:/bin"), *rest, *dir = strtok_r(copy, ":", &rest); dir;
       dir = strtok_r(NULL, ":", &rest))
    if (!access(keep_format("%s/%s", dir, command), X_OK))
      return true;
  return false;
}

/* Processes */

static bool is_ours(const char *variable)
{
  return !strncmp(variable, "VMTRACE_", 8) || !strncmp(variable, "LD_PRELOAD=", 11);
}

/* The environment of the new process; lives until this one ends. */
static char **make_environment(const struct e2e_spec *spec)
{
  size_t count = 0, set = 0;
  char **result;

  while (environ[count])
    count++;
  while (spec->env && spec->env[set])
    set++;
  result = calloc(count + set + 4, sizeof *result);
  ck_assert_ptr_nonnull(result);
  count = 0;
  for (char **e = environ; !spec->bare && *e; e++)
    if (!is_ours(*e))
      result[count++] = *e;
  /* For runs without the library too: programs allocate by the number of variables. */
  if (getenv("E2E_UNWIND"))
    result[count++] = (char *)keep_format("VMTRACE_UNWIND=%s", getenv("E2E_UNWIND"));
  if (spec->preload) {
    result[count++] = (char *)keep_format("LD_PRELOAD=%s", spec->preload);
    result[count++] = (char *)keep_format("VMTRACE_OUT=%s/%%e.%%p.vmt", e2e_dir());
  }
  for (size_t i = 0; i < set; i++) {
    const char *variable = spec->env[i];
    size_t length = strcspn(variable, "=");
    size_t at = 0;

    while (at < count && (strncmp(result[at], variable, length) || result[at][length] != '='))
      at++;
    if (variable[length]) {
      result[at] = (char *)variable;
      count += at == count;
    } else if (at < count) {
      result[at] = result[--count];
      result[count] = NULL;
    }
  }
  return result;
}

__attribute__((noreturn, format(printf, 1, 2))) static void child_fails(const char *format, ...)
{
  va_list args;

  va_start(args, format);
  vdprintf(2, format, args);
  va_end(args);
  _exit(126);
}

/* In the child: everything between fork and exec. */
static __attribute__((noreturn)) void child_starts(const struct e2e_spec *spec, const struct e2e_process *process,
                                                   char **environment, pid_t parent)
{
  const char *cwd = spec->cwd ? spec->cwd : e2e_dir();
  int in = open(spec->input ? spec->input : "/dev/null", O_RDONLY);

  if (in < 0)
    child_fails("%s: %m\n", spec->input ? spec->input : "/dev/null");
  if (dup2(in, 0) < 0 || dup2(process->out_fd, 1) < 0 || dup2(process->err_fd, 2) < 0)
    child_fails("dup2: %m\n");
  close_range(3, ~0u, 0);
  signal(SIGPIPE, SIG_DFL);
  if (chdir(cwd))
    child_fails("%s: %m\n", cwd);
  if (spec->uid &&
      (setgroups(0, NULL) || setresgid(spec->uid, spec->uid, spec->uid) || setresuid(spec->uid, spec->uid, spec->uid)))
    child_fails("becoming user %d: %m\n", (int)spec->uid);
  /* After setresuid, which clears it. */
  if (prctl(PR_SET_PDEATHSIG, SIGKILL) || getppid() != parent)
    child_fails("the test is gone\n");
  if (spec->prepare)
    spec->prepare(spec->arg);
  environ = environment;
  execvp(spec->argv[0], (char *const *)spec->argv);
  child_fails("%s: %m\n", spec->argv[0]);
}

struct e2e_process e2e_start(const struct e2e_spec *spec)
{
  struct e2e_process process;
  char **environment = make_environment(spec);
  pid_t parent = getpid();

  e2e_dir();
  process.out_fd = memfd_create("stdout", MFD_CLOEXEC);
  process.err_fd = memfd_create("stderr", MFD_CLOEXEC);
  ck_assert_msg(process.out_fd >= 0 && process.err_fd >= 0, "memfd_create: %m");
  fchmod(process.out_fd, 0666);
  fchmod(process.err_fd, 0666);
  fflush(NULL);
  process.pid = fork();
  ck_assert_msg(process.pid >= 0, "fork: %m");
  if (process.pid == 0) {
    /* e2e_dir() of a new process would be a new directory. */
    const struct e2e_spec copy = *spec;

    child_starts(&copy, &process, environment, parent);
  }
  free(environment);
  return process;
}

static char *read_all(int fd, size_t *length)
{
  struct stat st;
  char *text;

  ck_assert_int_eq(fstat(fd, &st), 0);
  text = malloc((size_t)st.st_size + 1);
  ck_assert_ptr_nonnull(text);
  *length = 0;
  while (*length < (size_t)st.st_size) {
    ssize_t n = pread(fd, text + *length, (size_t)st.st_size - *length, (off_t)*length);

    if (n <= 0)
      break;
    *length += (size_t)n;
  }
  text[*length] = 0;
  return text;
}

void e2e_finish(struct e2e_process *process, struct e2e_result *result)
{
  pid_t pid;

  memset(result, 0, sizeof *result);
  do
    pid = wait4(process->pid, &result->status, 0, &result->usage);
  while (pid < 0 && errno == EINTR);
  ck_assert_msg(pid == process->pid, "wait4: %m");
  result->pid = pid;
  result->out = read_all(process->out_fd, &result->out_len);
  result->err = read_all(process->err_fd, &result->err_len);
  ck_assert_msg(!strstr(result->err, "call stacks differ"), "%s", result->err);
  close(process->out_fd);
  close(process->err_fd);
}

void e2e_run(const struct e2e_spec *spec, struct e2e_result *result)
{
  struct e2e_process process = e2e_start(spec);

  e2e_finish(&process, result);
}

void e2e_release(struct e2e_result *result)
{
  free(result->out);
  free(result->err);
  result->out = result->err = NULL;
}

char *e2e_output(const struct e2e_process *process)
{
  size_t length;

  return read_all(process->out_fd, &length);
}

static int occurrences(const char *text, const char *of)
{
  int count = 0;

  for (const char *at = text; (at = strstr(at, of)); at += strlen(of))
    count++;
  return count;
}

void e2e_await(struct e2e_process *process, const char *text, int count)
{
  const struct timespec pause = {.tv_nsec = 5000000};

  for (;;) {
    siginfo_t info = {0};
    bool ended = waitid(P_PID, (id_t)process->pid, &info, WEXITED | WNOHANG | WNOWAIT) || info.si_pid;
    char *out = e2e_output(process);
    int found = occurrences(out, text);
    size_t err_len;

    if (found >= count) {
      free(out);
      return;
    }
    ck_assert_msg(!ended, "ended before it said '%s' %d times; stdout:\n%s\nstderr:\n%s", text, count, out,
                  read_all(process->err_fd, &err_len));
    free(out);
    nanosleep(&pause, NULL);
  }
}

/* Verdicts */

static const char *status_text(int status)
{
  if (WIFEXITED(status))
    return keep_format("exit status %d", WEXITSTATUS(status));
  return keep_format("signal %d", WTERMSIG(status));
}

void e2e_expect_exit(const struct e2e_result *result, int status)
{
  ck_assert_msg(WIFEXITED(result->status) && WEXITSTATUS(result->status) == status,
                "%s instead of exit status %d\nstdout:\n%.4000s\nstderr:\n%.4000s", status_text(result->status), status,
                result->out, result->err);
}

struct e2e_result e2e_run_plain(const char *const *argv, int status)
{
  struct e2e_result result;

  e2e_run(&(struct e2e_spec){.argv = argv}, &result);
  e2e_expect_exit(&result, status);
  return result;
}

static void expect_same_text(const char *a, size_t a_len, const char *b, size_t b_len, const char *stream,
                             const char *what)
{
  size_t at = 0, line = 1, from = 0;

  while (at < a_len && at < b_len && a[at] == b[at]) {
    if (a[at] == '\n')
      line++, from = at + 1;
    at++;
  }
  ck_assert_msg(at == a_len && at == b_len, "%s: %s differs in line %zu:\n  %.300s\n  %.300s", what, stream, line,
                keep(a + from), keep(b + from));
}

void e2e_expect_same(const struct e2e_result *a, const struct e2e_result *b, const char *what)
{
  ck_assert_msg(a->status == b->status, "%s: %s and %s\nstderr:\n%.2000s\n---\n%.2000s", what, status_text(a->status),
                status_text(b->status), a->err, b->err);
  expect_same_text(a->out, a->out_len, b->out, b->out_len, "stdout", what);
  expect_same_text(a->err, a->err_len, b->err, b->err_len, "stderr", what);
}
