/*
 * Starting a program, waiting for it, and what it used.  Programs are forked,
 * not vforked: a vforked child would begin with the driver's own peak RSS.
 * Called by the other parts of the driver.
 */
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "bench.h"

#define ENV_MAX 512

/* A program that hangs (some tracers do, now and then) is ended by SIGALRM after this time. */
#define PROCESS_SECONDS 120

static double now_ms(void)
{
  struct timespec ts;

  clock_gettime(CLOCK_MONOTONIC, &ts);
  return (double)ts.tv_sec * 1e3 + (double)ts.tv_nsec / 1e6;
}

/* Variables that would change what is measured. */
static bool is_steering(const char *entry)
{
  static const char *const prefix[] = {"LD_PRELOAD=",     "VMTRACE_",         "MALLOC_",     "MIMALLOC_",
                                       "TCMALLOC_",       "DUMP_HEAPTRACK_",  "LTTNG_UST_",  "PYTHON",
                                       "GLIBC_TUNABLES=", "LD_LIBRARY_PATH=", "HEAPPROFILE", "HEAP_PROFILE_"};

  for (unsigned i = 0; i < sizeof prefix / sizeof *prefix; i++)
    if (!strncmp(entry, prefix[i], strlen(prefix[i])))
      return true;
  return false;
}

static void build_env(const struct process *process, char *env[ENV_MAX])
{
  unsigned n = 0;

  for (char **entry = environ; *entry && n < ENV_MAX - PROCESS_ENV - 1; entry++)
    if (!is_steering(*entry))
      env[n++] = *entry;
  for (unsigned i = 0; i < PROCESS_ENV && process->env[i]; i++)
    env[n++] = (char *)process->env[i];
  env[n] = NULL;
}

/* In the child.  What the program says on stderr stays visible, unless silent. */
static _Noreturn void child_exec(const struct process *process, int out)
{
  static char *env[ENV_MAX];
  int in = open(process->input ? process->input : "/dev/null", O_RDONLY | O_CLOEXEC);
  int null = open("/dev/null", O_WRONLY | O_CLOEXEC);

  if (in < 0 || null < 0 || dup2(in, 0) < 0 || dup2(out >= 0 ? out : null, 1) < 0)
    _exit(127);
  if (process->silent && dup2(null, 2) < 0)
    _exit(127);
  build_env(process, env);
  alarm(PROCESS_SECONDS);
  execve(process->argv[0], (char *const *)process->argv, env);
  _exit(127);
}

/* Keeps the first bytes, drains the rest. */
static void read_output(int fd, const struct process *process)
{
  char rest[4096];
  size_t have = 0;
  ssize_t got;

  do {
    bool room = have + 1 < process->output_size;

    got = room ? read(fd, process->output + have, process->output_size - 1 - have) : read(fd, rest, sizeof rest);
    if (got > 0 && room)
      have += (size_t)got;
  } while (got > 0 || (got < 0 && errno == EINTR));
  process->output[have] = 0;
}

static double timeval_ms(struct timeval t)
{
  return (double)t.tv_sec * 1e3 + (double)t.tv_usec / 1e3;
}

bool process_run(const struct process *process, struct process_result *result)
{
  int fds[2] = {-1, -1};
  struct rusage usage;
  double start;
  pid_t pid;

  if (process->output && pipe2(fds, O_CLOEXEC))
    return false;
  start = now_ms();
  pid = fork();
  if (!pid)
    child_exec(process, fds[1]);
  if (process->output) {
    close(fds[1]);
    read_output(fds[0], process);
    close(fds[0]);
  }
  if (pid < 0)
    return false;
  while (wait4(pid, &result->status, 0, &usage) < 0)
    if (errno != EINTR)
      return false;
  result->wall_ms = now_ms() - start;
  result->cpu_ms = timeval_ms(usage.ru_utime) + timeval_ms(usage.ru_stime);
  result->rss_kib = (double)usage.ru_maxrss;
  result->faults = (double)usage.ru_minflt;
  return !(WIFEXITED(result->status) && WEXITSTATUS(result->status) == 127);
}

bool process_ok(const struct process *process)
{
  struct process_result result;

  return process_run(process, &result) && WIFEXITED(result.status) && !WEXITSTATUS(result.status);
}

static int remove_entry(const char *path, const struct stat *st, int type, struct FTW *walk)
{
  (void)st;
  (void)type;
  (void)walk;
  remove(path);
  return 0;
}

void remove_tree(const char *path)
{
  nftw(path, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}
