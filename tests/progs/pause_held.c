/*
 * One thread is held, by this process as its tracer, in the middle of a call for which the sampler's helper has to go;
 * another one makes such a call and comes back.  Prints how many threads there are then, and after the first call, too.
 *
 * Exits 77 when processes cannot be traced here.
 */
#include <dirent.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <linux/ptrace.h>

#define TRIES 2000 /* of 5 ms */

/* Shared by both processes. */
static struct shared {
  volatile pid_t first;
  volatile int goes, second_goes, second_done, over;
} * shared;

static void await(const volatile int *word)
{
  for (int i = 0; !*word && i < TRIES; i++)
    usleep(5000);
}

/* Refused, but not before the helper is gone. */
static void *call_first(void *unused)
{
  shared->first = (pid_t)syscall(SYS_gettid);
  await(&shared->goes);
  unshare(-1);
  await(&shared->over);
  return unused;
}

static void *call_second(void *unused)
{
  await(&shared->second_goes);
  unshare(-1);
  shared->second_done = 1;
  await(&shared->over);
  return unused;
}

static void be_traced(void)
{
  pthread_t threads[2];

  pthread_create(&threads[0], NULL, call_first, NULL);
  pthread_create(&threads[1], NULL, call_second, NULL);
  pthread_join(threads[0], NULL);
  pthread_join(threads[1], NULL);
  _exit(0);
}

static int count_threads(pid_t pid)
{
  char path[64];
  int count = 0;
  DIR *dir;

  snprintf(path, sizeof path, "/proc/%d/task", pid);
  dir = opendir(path);
  for (struct dirent *entry; dir && (entry = readdir(dir));)
    count += entry->d_name[0] != '.';
  if (dir)
    closedir(dir);
  return count;
}

/* Lets the thread run until it is about to enter unshare. */
static bool hold(pid_t tid)
{
  struct ptrace_syscall_info info = {0};
  int status;

  do {
    if (ptrace(PTRACE_SYSCALL, tid, NULL, NULL) || waitpid(tid, &status, __WALL) != tid || !WIFSTOPPED(status))
      return false;
    ptrace(PTRACE_GET_SYSCALL_INFO, tid, sizeof info, &info);
  } while (info.op != PTRACE_SYSCALL_INFO_ENTRY || info.entry.nr != SYS_unshare);
  return true;
}

int main(void)
{
  pid_t pid;
  int status, with_helper = 0;

  shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  pid = fork();
  if (pid == 0)
    be_traced();
  await((const volatile int *)&shared->first);
  if (ptrace(PTRACE_SEIZE, shared->first, NULL, (void *)PTRACE_O_TRACESYSGOOD) ||
      ptrace(PTRACE_INTERRUPT, shared->first, NULL, NULL) || waitpid(shared->first, &status, __WALL) < 0) {
    kill(pid, SIGKILL);
    return 77;
  }
  shared->goes = 1;
  if (!hold(shared->first))
    return 1;
  shared->second_goes = 1;
  await(&shared->second_done);
  printf("held: %d\n", count_threads(pid));
  ptrace(PTRACE_DETACH, shared->first, NULL, NULL);
  for (int i = 0; i < TRIES && with_helper != 4; i++) {
    usleep(5000);
    with_helper = count_threads(pid);
  }
  printf("after: %d\n", with_helper);
  shared->over = 1;
  waitpid(pid, &status, 0);
  return 0;
}
