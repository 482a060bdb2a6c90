/*
 * A pre-forking server's life: prefork RELOADS.  The master keeps WORKERS children.  SIGHUP to itself means a reload:
 * new workers first, then SIGTERM or SIGQUIT to the old ones, at once, whether they have come to their loop or not.
 * Workers end in their handlers, by _exit (SIGTERM, SIGINT) or exit (SIGQUIT), in the middle of what they do.  At the
 * end the master stops all, waits for all and prints how many ended and how; exits 1 when one does not end in 30
 * seconds.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define WORKERS 3
#define PATIENCE_S 30

static volatile sig_atomic_t reload;
static pid_t workers[WORKERS];
static unsigned at_once, in_order, otherwise;

static void on_reload(int signo)
{
  (void)signo;
  reload = 1;
}

static void on_stop(int signo)
{
  if (signo == SIGQUIT)
    exit(7);
  _exit(5);
}

/* Requests, until it is told to end. */
static _Noreturn void serve(unsigned number)
{
  char *kept[32] = {0};

  for (unsigned i = number;; i++) {
    char **slot = &kept[i % 32];

    free(*slot);
    *slot = malloc(10 + i * 37 % 5000);
    if (*slot)
      memset(*slot, 1, 10);
    if (i % 1000 == 999)
      usleep(100);
  }
}

static pid_t start_worker(unsigned number)
{
  pid_t pid = fork();

  if (pid == 0)
    serve(number);
  return pid;
}

static void note_end(int status)
{
  if (WIFEXITED(status) && WEXITSTATUS(status) == 5)
    at_once++;
  else if (WIFEXITED(status) && WEXITSTATUS(status) == 7)
    in_order++;
  else
    otherwise++;
}

static void await(pid_t pid)
{
  time_t until = time(NULL) + PATIENCE_S;
  int status;
  pid_t got;

  while ((got = waitpid(pid, &status, WNOHANG)) == 0 || (got < 0 && errno == EINTR)) {
    if (time(NULL) > until) {
      printf("worker %d does not end\n", pid);
      fflush(stdout);
      kill(pid, SIGKILL);
      waitpid(pid, &status, 0);
      _exit(1);
    }
    usleep(200);
  }
  if (got == pid)
    note_end(status);
}

static void stop_workers(const pid_t *old, int signo)
{
  for (unsigned i = 0; i < WORKERS; i++)
    kill(old[i], signo);
  for (unsigned i = 0; i < WORKERS; i++)
    await(old[i]);
}

int main(int argc, char **argv)
{
  unsigned reloads = argc > 1 ? (unsigned)atoi(argv[1]) : 100;
  static const int signals[] = {SIGTERM, SIGQUIT, SIGINT};

  signal(SIGHUP, on_reload);
  for (unsigned i = 0; i < 3; i++)
    signal(signals[i], on_stop);
  for (unsigned i = 0; i < WORKERS; i++)
    workers[i] = start_worker(i);
  for (unsigned i = 0; i < reloads; i++) {
    pid_t old[WORKERS];

    kill(getpid(), SIGHUP);
    while (!reload)
      pause();
    reload = 0;
    memcpy(old, workers, sizeof old);
    for (unsigned j = 0; j < WORKERS; j++)
      workers[j] = start_worker(i + j);
    stop_workers(old, signals[i % 3]);
  }
  stop_workers(workers, SIGTERM);
  printf("%u at once, %u in order, %u otherwise\n", at_once, in_order, otherwise);
  return 0;
}
