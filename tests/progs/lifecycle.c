/*
 * Ends, forks and execs: each kind of them by name.  `lifecycle KIND`; what is
 * printed is the same with and without the library, but for addresses, which
 * `fork` prints.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

static sigjmp_buf back;

static void jump(int signo)
{
  (void)signo;
  siglongjmp(back, 1);
}

static int wait_for(pid_t child)
{
  int status;

  if (child < 0 || waitpid(child, &status, 0) != child)
    return -1;
  return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
}

/* ---- ends ---- */

static int end_return(void)
{
  return 3;
}

static int end_exit(void)
{
  exit(4);
}

static int end_underscore(void)
{
  _exit(5);
}

static int end_quick(void)
{
  quick_exit(6);
}

static int end_abort(void)
{
  abort();
}

/* An abort that is survived. */
static int end_caught(void)
{
  signal(SIGABRT, jump);
  if (!sigsetjmp(back, 1))
    abort();
  free(malloc(77));
  return 7;
}

static int end_kill(void)
{
  free(malloc(77));
  return raise(SIGKILL);
}

/* ---- forks ---- */

/* Parent and child go on from the same state: their next blocks have the same address. */
static int with_fork(void)
{
  void *before = malloc(1000), *after;
  pid_t child;

  fflush(stdout);
  child = fork();
  after = malloc(2000);
  if (child) {
    if (wait_for(child) != 9)
      return 1;
    printf("parent %p %p\n", before, after);
    return 8;
  }
  printf("child %p %p\n", before, after);
  free(before);
  fflush(stdout);
  return 9;
}

/* No hook sees this. */
static int with_raw_fork(void)
{
  void *before = malloc(1000), *after;
  pid_t child;

  fflush(stdout);
  child = (pid_t)syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);
  after = malloc(2000);
  if (child) {
    printf("%d\n", wait_for(child));
    free(after);
    return 0;
  }
  free(before);
  free(after);
  _exit(9);
}

/* What the child does first comes from a place that was seen before. */
static int with_raw_fork_again(void)
{
  void *blocks[2];
  pid_t child = 0;

  fflush(stdout);
  for (int i = 0; i < 2; i++) {
    if (i)
      child = (pid_t)syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);
    blocks[i] = malloc(1000);
  }
  if (child)
    printf("%d\n", wait_for(child));
  free(blocks[0]);
  free(blocks[1]);
  if (!child)
    _exit(9);
  return 0;
}

static int with_vfork(void)
{
  void *p = malloc(500);
  pid_t child = vfork();

  if (!child) {
    execl("/bin/sh", "sh", "-c", "exit 12", (char *)NULL);
    _exit(127);
  }
  printf("%d\n", wait_for(child));
  child = vfork();
  if (!child)
    _exit(13);
  printf("%d\n", wait_for(child));
  child = vfork();
  if (!child) {
    execl("/no/such/program", "x", (char *)NULL);
    _exit(14);
  }
  printf("%d\n", wait_for(child));
  free(p);
  free(malloc(501));
  return 0;
}

static int with_spawn(void)
{
  char *argv[] = {"sh", "-c", "exit 15", NULL};
  pid_t child;

  if (posix_spawn(&child, "/bin/sh", NULL, NULL, argv, environ))
    return 1;
  printf("%d\n", wait_for(child));
  if (posix_spawnp(&child, "sh", NULL, NULL, argv, environ))
    return 1;
  printf("%d\n", wait_for(child));
  printf("%d\n", posix_spawn(&child, "/no/such/program", NULL, NULL, argv, environ));
  printf("%d\n", system("exit 16") >> 8);
  return 0;
}

static int with_daemon(void)
{
  int ends[2];
  char c = 0;
  pid_t child;

  if (pipe(ends))
    return 1;
  fflush(stdout);
  child = fork();
  if (!child) {
    if (daemon(1, 1))
      _exit(1);
    free(malloc(99));
    if (write(ends[1], "d", 1) != 1)
      _exit(1);
    _exit(0);
  }
  printf("%d\n", wait_for(child));
  if (read(ends[0], &c, 1) != 1)
    return 1;
  printf("%c\n", c);
  return 0;
}

/* Handlers of the program that allocate, before and after. */
static void *volatile held;

static void allocate(void)
{
  held = malloc(123);
}

static void release(void)
{
  free(held);
}

static int with_handlers(void)
{
  pid_t child;

  pthread_atfork(allocate, release, release);
  for (int i = 0; i < 20; i++) {
    child = fork();
    if (!child)
      _exit(i);
    if (wait_for(child) != i)
      return 1;
  }
  puts("twenty");
  return 0;
}

static volatile int stop;

static void *churn(void *unused)
{
  void *slots[16] = {0};

  for (unsigned i = 0; !stop; i++) {
    free(slots[i % 16]);
    slots[i % 16] = malloc(i * 37 % 5000);
  }
  for (int i = 0; i < 16; i++)
    free(slots[i]);
  return unused;
}

/* Forks while other threads are in the middle of everything. */
static int with_threads(void)
{
  pthread_t threads[3];
  pid_t child;

  for (int i = 0; i < 3; i++)
    if (pthread_create(&threads[i], NULL, churn, NULL))
      return 1;
  for (int i = 0; i < 100; i++) {
    child = fork();
    if (!child) {
      void *p = malloc(100000);

      free(malloc(10));
      free(p);
      _exit(p != NULL);
    }
    if (wait_for(child) != 1)
      return 2;
  }
  stop = 1;
  for (int i = 0; i < 3; i++)
    pthread_join(threads[i], NULL);
  puts("a hundred");
  return 0;
}

/* ---- execs ---- */

static int with_exec(void)
{
  execl("/proc/self/exe", "lifecycle", "exit", (char *)NULL);
  return 1;
}

static int with_failed_exec(void)
{
  char *argv[] = {"x", NULL};

  if (execv("/no/such/program", argv) != -1 || errno != ENOENT)
    return 1;
  free(malloc(55));
  return 17;
}

/* The end that exec announced was none. */
static int with_failed_exec_and_kill(void)
{
  with_failed_exec();
  return raise(SIGKILL);
}

/* Every way to call exec, with arguments and an environment. */
static void exec_by(int way)
{
  char *argv[] = {"sh", "-c", "echo $0 $1 $VAR", "a", "b", NULL};
  char *env[] = {"VAR=from-env", "PATH=/bin:/usr/bin", NULL};
  int fd = open("/bin/sh", O_RDONLY);

  setenv("VAR", "inherited", 1);
  switch (way) {
  case 0:
    execv("/bin/sh", argv);
    break;
  case 1:
    execve("/bin/sh", argv, env);
    break;
  case 2:
    execvp("sh", argv);
    break;
  case 3:
    execvpe("sh", argv, env);
    break;
  case 4:
    execl("/bin/sh", "sh", "-c", "echo $0 $1 $VAR", "a", "b", (char *)NULL);
    break;
  case 5:
    execlp("sh", "sh", "-c", "echo $0 $1 $VAR", "a", "b", (char *)NULL);
    break;
  case 6:
    execle("/bin/sh", "sh", "-c", "echo $0 $1 $VAR", "a", "b", (char *)NULL, env);
    break;
  case 7:
    fexecve(fd, argv, env);
    break;
  default:
    execveat(AT_FDCWD, "/bin/sh", argv, env, 0);
  }
  _exit(127);
}

static int with_all_execs(void)
{
  for (int way = 0; way < 9; way++) {
    pid_t child;

    fflush(stdout);
    child = fork();
    if (!child)
      exec_by(way);
    if (wait_for(child))
      printf("way %d failed\n", way);
  }
  return 0;
}

/* ---- descriptors and name spaces ---- */

/* The lowest free descriptors are 3 and 4, whatever was opened before main. */
static int with_descriptors(void)
{
  long limit = sysconf(_SC_OPEN_MAX);
  int open_ones = 0;
  void *p;

  printf("%d\n", dup(0));
  if (dup(0) != 4 || close(4))
    puts("4 is not free");
  for (int fd = 4; fd < limit; fd++)
    open_ones += close(fd) == 0;
  printf("%d\n", open_ones);
  free(malloc(10));
  closefrom(4);
  free(malloc(11));
  printf("%d\n", close_range(4, ~0u, 0));
  free(malloc(12));
  for (int fd = 4; fd < limit; fd++)
    if (dup2(0, fd) != fd)
      printf("dup2 %d\n", fd);
  free(malloc(13));
  p = malloc(14);
  for (int fd = 4; fd < limit; fd++)
    open_ones += close(fd) == 0;
  printf("%d\n", open_ones == limit - 4);
  free(p);
  return 0;
}

/* Refused to a process with more than one thread. */
static int with_unshare(void)
{
  int result = unshare(CLONE_NEWUSER);

  printf("%d\n", result);
  free(malloc(10));
  return 0;
}

static const struct {
  const char *name;
  int (*run)(void);
} kinds[] = {
    {"return", end_return},
    {"exit", end_exit},
    {"_exit", end_underscore},
    {"quick", end_quick},
    {"abort", end_abort},
    {"caught", end_caught},
    {"kill", end_kill},
    {"fork", with_fork},
    {"raw-fork", with_raw_fork},
    {"raw-fork-again", with_raw_fork_again},
    {"vfork", with_vfork},
    {"spawn", with_spawn},
    {"daemon", with_daemon},
    {"handlers", with_handlers},
    {"threads", with_threads},
    {"exec", with_exec},
    {"failed", with_failed_exec},
    {"failed-kill", with_failed_exec_and_kill},
    {"all-execs", with_all_execs},
    {"descriptors", with_descriptors},
    {"unshare", with_unshare},
};

int main(int argc, char **argv)
{
  setvbuf(stdout, NULL, _IOFBF, 4096);
  for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
    if (argc > 1 && !strcmp(argv[1], kinds[i].name))
      return kinds[i].run();
  return 99;
}
