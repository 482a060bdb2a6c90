/*
 * A tracing session of LTTng around one run: the session daemon (started here
 * when none runs, and ended at the end), a session that writes to the run's trace directory,
 * the allocator's events switched on.  Called by bench_grid.c.
 */
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench.h"

#define SESSION "vmtrace-bench"
#define LTTNG "/usr/bin/lttng"

static pid_t daemon_pid;

static bool lttng(const char *a, const char *b, const char *c, const char *d)
{
  char output[256];
  struct process process = {.argv = {LTTNG, "-n", "-q", a, b, c, d}, .output = output, .output_size = sizeof output};

  return process_ok(&process);
}

static bool daemon_answers(void)
{
  return lttng("list", NULL, NULL, NULL);
}

/* The daemon stays our child, so that it can be ended by its number. */
static bool daemon_start(void)
{
  if (daemon_answers())
    return true;
  daemon_pid = fork();
  if (!daemon_pid) {
    execl("/usr/bin/lttng-sessiond", "lttng-sessiond", "-q", "--no-kernel", (char *)NULL);
    _exit(127);
  }
  for (unsigned tries = 0; daemon_pid > 0 && tries < 50; tries++) {
    if (daemon_answers())
      return true;
    usleep(100000);
  }
  return false;
}

bool lttng_begin(const struct bench *bench, char *why, size_t why_size)
{
  char dir[BENCH_PATH], output[BENCH_PATH + 16];

  if (access(LTTNG, X_OK) || access("/usr/bin/lttng-sessiond", X_OK)) {
    snprintf(why, why_size, "lttng-tools are not installed");
    return false;
  }
  grid_trace_dir(bench, dir, sizeof dir);
  snprintf(output, sizeof output, "--output=%s", dir);
  if (!daemon_start() || !lttng("create", SESSION, output, NULL) ||
      !lttng("enable-event", "-u", "lttng_ust_libc:*", NULL) || !lttng("start", NULL, NULL, NULL)) {
    snprintf(why, why_size, "no tracing session could be started");
    return false;
  }
  return true;
}

void lttng_end(const struct bench *bench)
{
  (void)bench;
  lttng("destroy", SESSION, NULL, NULL);
}

void lttng_shutdown(void)
{
  if (daemon_pid > 0 && !kill(daemon_pid, SIGTERM))
    while (waitpid(daemon_pid, NULL, 0) < 0 && errno == EINTR)
      ;
  daemon_pid = 0;
}
