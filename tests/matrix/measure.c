/*
 * measure SECONDS FILE COMMAND [ARGS...]: runs COMMAND, waits until it and every process that came from it are gone
 * (daemons too), and appends one line to FILE: CPU time in microseconds, elapsed microseconds, and peak RSS in KiB
 * of the largest process.  After SECONDS, a guard against hangs, or on SIGTERM all of them are killed.
 *
 * Exits as COMMAND did, with 128 + N where signal N killed it, with 124 after SECONDS.  It never looks at what COMMAND
 * does.  Called by tests/matrix/matrix.sh.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define EXIT_TROUBLE 125 /* as timeout(1) and env(1) have it */
#define EXIT_TIMEOUT 124

static volatile sig_atomic_t is_late;

static void note_late(int signal)
{
  (void)signal;
  is_late = 1;
}

static long long microseconds(struct timeval time)
{
  return time.tv_sec * 1000000LL + time.tv_usec;
}

static long long now(void)
{
  struct timespec time;

  clock_gettime(CLOCK_MONOTONIC, &time);
  return time.tv_sec * 1000000LL + time.tv_nsec / 1000;
}

/* Kills the children of this process.  Theirs become children of this one, a subreaper, and get their turn. */
static void kill_children(void)
{
  FILE *file = fopen("/proc/thread-self/children", "r");
  long pid;

  if (!file)
    return;
  while (fscanf(file, "%ld", &pid) == 1)
    kill((pid_t)pid, SIGKILL);
  fclose(file);
}

/* Returns the exit code of the child once no descendant is left. */
static int wait_for_all(pid_t child)
{
  int code = EXIT_TROUBLE;

  for (;;) {
    int status;
    pid_t pid = wait(&status);

    if (pid < 0 && errno == ECHILD)
      return is_late ? EXIT_TIMEOUT : code;
    if (is_late)
      kill_children();
    if (pid == child)
      code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  }
}

static bool append(const char *path, long long elapsed)
{
  struct rusage usage;
  FILE *file = fopen(path, "a");

  getrusage(RUSAGE_CHILDREN, &usage);
  if (!file)
    return false;
  fprintf(file, "%lld %lld %ld\n", microseconds(usage.ru_utime) + microseconds(usage.ru_stime), elapsed,
          usage.ru_maxrss);
  return fclose(file) == 0;
}

int main(int argc, char **argv)
{
  /* No SA_RESTART: wait() has to return when the time is up.  And once a second after that: a signal may come
   * just before wait() is entered. */
  const struct itimerval timer = {.it_value.tv_sec = argc < 4 ? 1 : atoi(argv[1]), .it_interval.tv_sec = 1};
  const struct sigaction late = {.sa_handler = note_late};
  long long begin = now();
  pid_t child;
  int code;

  if (argc < 4) {
    fprintf(stderr, "usage: measure SECONDS FILE COMMAND [ARGS...]\n");
    return EXIT_TROUBLE;
  }
  prctl(PR_SET_CHILD_SUBREAPER, 1L, 0L, 0L, 0L);
  child = fork();
  if (child == 0) {
    execvp(argv[3], argv + 3);
    fprintf(stderr, "measure: %s: %s\n", argv[3], strerror(errno));
    _exit(127);
  }
  if (child < 0) {
    fprintf(stderr, "measure: fork: %s\n", strerror(errno));
    return EXIT_TROUBLE;
  }
  sigaction(SIGALRM, &late, NULL);
  sigaction(SIGTERM, &late, NULL);
  /* The terminal's signals are for the command. */
  signal(SIGINT, SIG_IGN);
  signal(SIGQUIT, SIG_IGN);
  setitimer(ITIMER_REAL, &timer, NULL);
  code = wait_for_all(child);
  if (!append(argv[2], now() - begin)) {
    fprintf(stderr, "measure: %s: %s\n", argv[2], strerror(errno));
    return EXIT_TROUBLE;
  }
  return code;
}
