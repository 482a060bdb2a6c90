/*
 * Finds the library, starts the copies and stands between them and whoever
 * started `vmtrace run`.  Called by cmd/run/run.c.
 */
#include "cmd/run/run_launch.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "cmd/command.h"
#include "cmd/machine_clock.h"
#include "cmd/run/run_target.h"
#include "reader/xalloc.h"

#define SECOND UINT64_C(1000000000)
#define GRACE_NS (2 * SECOND) /* between SIGTERM and SIGKILL */

bool launch_find_library(char path[PATH_MAX])
{
  static const char *const places[] = {"", "../lib/", "../lib64/", "../lib/x86_64-linux-gnu/",
                                       "../lib/aarch64-linux-gnu/"};
  char own[PATH_MAX], candidate[PATH_MAX + 64];
  ssize_t len = readlink("/proc/self/exe", own, sizeof own - 1);
  char *slash;

  own[len > 0 ? len : 0] = '\0';
  slash = strrchr(own, '/');
  if (!slash) {
    command_error(0, "cannot tell where this program is (is /proc mounted?), and so not where libvmtrace.so is");
    return false;
  }
  slash[1] = '\0';
  for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
    snprintf(candidate, sizeof candidate, "%s%slibvmtrace.so", own, places[i]);
    if (realpath(candidate, path) && access(path, R_OK) == 0)
      return true;
  }
  command_error(0, "libvmtrace.so is neither in %s nor in ../lib of it: run make, or make install", own);
  return false;
}

static bool is_asan(const char *name, size_t len)
{
  const char *base = memrchr(name, '/', len);

  base = base ? base + 1 : name;
  len -= (size_t)(base - name);
  return (len >= 7 && !memcmp(base, "libasan", 7)) || (len >= 16 && !memcmp(base, "libclang_rt.asan", 16));
}

bool launch_preload(const char *library)
{
  const char *old = getenv("LD_PRELOAD");
  size_t front = 0, len = old ? strlen(old) : 0;
  char *list;

  if (strpbrk(library, ": ")) {
    command_error(0, "%s: the loader takes no blanks or colons in LD_PRELOAD; move vmtrace elsewhere", library);
    return false;
  }
  for (size_t at = 0; at < len;) {
    size_t name = strcspn(old + at, ": ");

    if (is_asan(old + at, name))
      front = at + name;
    at += name + (old[at + name] != '\0');
  }
  list = xasprintf("%.*s%s%s%s%s", (int)front, old ? old : "", front ? ":" : "", library,
                   len > front && old[front] != ':' && old[front] != ' ' ? ":" : "", old ? old + front : "");
  xsetenv("LD_PRELOAD", list);
  free(list);
  return true;
}

/* In the child.  Waits for the others (the end of gate), then becomes the program; an error goes to complaint. */
static void become(const char *path, char **argv, const int gate[2], int complaint, const sigset_t *mask)
{
  char byte;
  int error;

  close(gate[1]);
  while (read(gate[0], &byte, 1) < 0 && errno == EINTR)
    continue;
  close(gate[0]);
  sigprocmask(SIG_SETMASK, mask, NULL);
  execv(path, argv);
  error = errno;
  while (write(complaint, &error, sizeof error) < 0 && errno == EINTR)
    continue;
  _exit(TARGET_UNFIT);
}

/* Signals that launch_wait takes; blocked from before the first copy starts. */
static void waited_signals(sigset_t *set)
{
  static const int signals[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGCHLD};

  sigemptyset(set);
  for (size_t i = 0; i < sizeof signals / sizeof *signals; i++)
    sigaddset(set, signals[i]);
}

static void signal_all(const struct copy *copies, size_t count, int signo)
{
  for (size_t i = 0; i < count; i++) {
    if (copies[i].pid > 0 && !copies[i].ended)
      kill(copies[i].pid, signo);
  }
}

static void kill_all(struct copy *copies, size_t count)
{
  signal_all(copies, count, SIGKILL);
  for (size_t i = 0; i < count; i++) {
    if (copies[i].pid > 0)
      waitpid(copies[i].pid, &copies[i].status, 0);
  }
}

int launch_start(const char *path, char **argv, struct copy *copies, size_t count)
{
  sigset_t waited, mask;
  int gate[2], complaint[2], error = 0;

  if (pipe2(gate, O_CLOEXEC) < 0)
    return command_error(TARGET_UNFIT, "pipe: %s", strerror(errno));
  if (pipe2(complaint, O_CLOEXEC) < 0) {
    close(gate[0]);
    close(gate[1]);
    return command_error(TARGET_UNFIT, "pipe: %s", strerror(errno));
  }
  waited_signals(&waited);
  sigprocmask(SIG_BLOCK, &waited, &mask);
  for (size_t i = 0; i < count && !error; i++) {
    copies[i] = (struct copy){.pid = fork()};
    if (copies[i].pid == 0)
      become(path, argv, gate, complaint[1], &mask);
    if (copies[i].pid < 0) {
      error = errno;
      count = i;
    }
  }
  signal(SIGCHLD, SIG_DFL); /* inherited as ignored, it would leave nobody to wait for */
  if (error)
    kill_all(copies, count); /* before the gate opens: none has run */
  close(gate[0]);
  close(gate[1]);
  close(complaint[1]);
  /* The pipe closes when every copy has become the program. */
  if (error)
    command_error(0, "fork: %s", strerror(error));
  else if (read(complaint[0], &error, sizeof error) == sizeof error)
    command_error(0, "%s: %s", path, strerror(error));
  else
    error = 0;
  close(complaint[0]);
  if (error)
    kill_all(copies, count);
  return !error ? 0 : error == ENOENT ? TARGET_NOT_FOUND : TARGET_UNFIT;
}

/* Takes note of copies that have ended.  How many are left. */
static size_t reap(struct copy *copies, size_t count)
{
  size_t left = 0;

  for (size_t i = 0; i < count; i++) {
    if (!copies[i].ended && waitpid(copies[i].pid, &copies[i].status, WNOHANG) != 0) {
      copies[i].ended = true;
      copies[i].end_ns = machine_clock_ns();
    }
    left += !copies[i].ended;
  }
  return left;
}

bool launch_wait(struct copy *copies, size_t count, uint64_t duration_ns)
{
  uint64_t limit = duration_ns ? machine_clock_ns() + duration_ns : UINT64_MAX;
  bool time_up = false;
  sigset_t waited;

  waited_signals(&waited);
  while (reap(copies, count)) {
    uint64_t now = machine_clock_ns(), wait = limit > now ? limit - now : 0;
    const struct timespec pause = {.tv_sec = (time_t)(wait / SECOND), .tv_nsec = (long)(wait % SECOND)};
    siginfo_t info;
    int signo = limit == UINT64_MAX ? sigwaitinfo(&waited, &info) : sigtimedwait(&waited, &info, &pause);

    if (signo < 0 && errno == EAGAIN) {
      signal_all(copies, count, time_up ? SIGKILL : SIGTERM);
      limit = time_up ? UINT64_MAX : machine_clock_ns() + GRACE_NS;
      time_up = true;
    } else if (signo > 0 && signo != SIGCHLD && info.si_code <= 0) {
      /* From the keyboard (si_code > 0) the copies, of the same process group, got it themselves. */
      signal_all(copies, count, signo);
    }
  }
  sigprocmask(SIG_UNBLOCK, &waited, NULL);
  return time_up;
}
