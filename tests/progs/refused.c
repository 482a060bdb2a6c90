/*
 * Calls with addresses that cannot be read, which the kernel refuses: each
 * says how it failed.  And calls with addresses behind which nothing can be read, and with more than the stack has room
 * for, which the kernel takes.  `refused KIND`; what is expected is in check_refused.c.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <spawn.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static char *nowhere; /* a page without access */
static char *edge;    /* one readable byte before it */

static void say(const char *what, int result)
{
  printf("%s: %d %s\n", what, result, result == -1 ? strerrorname_np(errno) : "");
  fflush(stdout);
}

static void exec_path(void)
{
  char *argv[] = {"x", NULL}, *env[] = {NULL};

  say("execve, path", execve(nowhere, argv, env));
  say("execve, path of low address", execve((char *)8, argv, env));
  say("execve, path without an end", execve(edge, argv, env));
  say("execv, path", execv(nowhere, argv));
  say("execl, path", execl(nowhere, "x", (char *)NULL));
  say("execveat, path", execveat(AT_FDCWD, nowhere, argv, env, 0));
}

static void exec_env(void)
{
  char *argv[] = {"true", NULL}, *bad[] = {"A=1", nowhere, NULL}, *low[] = {(char *)8, NULL};
  int fd = open("/bin/true", O_RDONLY | O_CLOEXEC);

  say("execve, environment", execve("/bin/true", argv, (char **)nowhere));
  say("execve, a variable", execve("/bin/true", argv, bad));
  say("execve, a variable of low address", execve("/bin/true", argv, low));
  say("execve, arguments", execve("/bin/true", (char **)nowhere, low));
  say("execle, environment", execle("/bin/true", "true", (char *)NULL, (char **)nowhere));
  say("fexecve, environment", fexecve(fd, argv, (char **)nowhere));
  say("execveat, environment", execveat(AT_FDCWD, "/bin/true", argv, (char **)nowhere, 0));
}

static void spawn_env(void)
{
  char *argv[] = {"true", NULL}, *bad[] = {"A=1", nowhere, NULL};
  pid_t child;

  printf("posix_spawn, path: %s\n", strerrorname_np(posix_spawn(&child, nowhere, NULL, NULL, argv, NULL)));
  printf("posix_spawn, environment: %s\n",
         strerrorname_np(posix_spawn(&child, "/bin/true", NULL, NULL, argv, (char **)nowhere)));
  printf("posix_spawn, a variable: %s\n", strerrorname_np(posix_spawn(&child, "/bin/true", NULL, NULL, argv, bad)));
  printf("posix_spawnp, environment: %s\n",
         strerrorname_np(posix_spawnp(&child, "true", NULL, NULL, argv, (char **)nowhere)));
}

/* In the child of vfork, in the parent's memory. */
static void vfork_path(void)
{
  char *argv[] = {"x", NULL}, *env[] = {NULL};
  pid_t child = vfork();
  int status;

  if (!child) {
    execve(nowhere, argv, env);
    _exit(errno == EFAULT ? 14 : 1);
  }
  waitpid(child, &status, 0);
  printf("vfork: %d\n", WEXITSTATUS(status));
}

/* Addresses that are no pointers at all. */
static void low_addresses(void)
{
  char *argv[] = {"true", NULL}, *env[] = {NULL};

  for (intptr_t low = 1; low < 9; low += 3) {
    say("low path", execve((char *)low, argv, env));
    say("low environment", execve("/bin/true", argv, (char **)low));
    say("low arguments", execve("/bin/true", (char **)low, env));
    say("low name", prctl(PR_SET_NAME, (char *)low));
  }
}

/* A name whose last byte is the last one that can be read. */
static void name_at_the_edge(void)
{
  char name[16] = "";

  memset(edge - 14, 'n', 15);
  say("prctl, a name without an end", prctl(PR_SET_NAME, edge - 14));
  prctl(PR_GET_NAME, name);
  puts(name);
  say("prctl, too short", prctl(PR_SET_NAME, edge));
}

/* Under a filter of this thread that ends the process for reading memory in an unusual way. */
static void under_a_filter(void)
{
  struct sock_filter code[] = {BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
                               BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_process_vm_readv, 0, 1),
                               BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
                               BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)};

  prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
  if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &(struct sock_fprog){sizeof code / sizeof *code, code}, 0, 0))
    puts("no filter");
  low_addresses();
  name_at_the_edge();
  exec_path();
}

/* Numbers that are no descriptors, one of which names a directory to other calls. */
static void no_descriptors(void)
{
  struct stat st;
  struct stat64 st64;

  say("fstat, AT_FDCWD", fstat(AT_FDCWD, &st));
  say("fstat, -1", fstat(-1, &st));
  say("fstat64, AT_FDCWD", fstat64(AT_FDCWD, &st64));
}

#define MANY 100000

static void *exec_from_small_stack(void *env)
{
  char *argv[] = {"refused", "none", NULL};

  execve("/proc/self/exe", argv, env);
  return env;
}

/* A pointer for each variable does not fit into the thread's stack. */
static void large_environment(void)
{
  char **env = calloc(MANY + 8, sizeof *env);
  size_t n = 0;
  pthread_attr_t attr;
  pthread_t thread;

  for (char **e = environ; *e && n < 7; e++)
    if (!strncmp(*e, "LD_PRELOAD=", 11) || !strncmp(*e, "VMTRACE_", 8))
      env[n++] = *e;
  while (n < MANY)
    env[n++] = "A=1";
  pthread_attr_init(&attr);
  pthread_attr_setstacksize(&attr, PTHREAD_STACK_MIN);
  if (pthread_create(&thread, &attr, exec_from_small_stack, env) == 0)
    pthread_join(thread, NULL);
  puts("exec failed");
}

int main(int argc, char **argv)
{
  const char *kind = argc > 1 ? argv[1] : "";
  size_t page = (size_t)sysconf(_SC_PAGESIZE);
  char *pages = mmap(NULL, 2 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

  nowhere = pages + page;
  edge = nowhere - 1;
  *edge = 'x';
  mprotect(nowhere, page, PROT_NONE);
  if (!strcmp(kind, "exec-path"))
    exec_path();
  else if (!strcmp(kind, "exec-env"))
    exec_env();
  else if (!strcmp(kind, "spawn"))
    spawn_env();
  else if (!strcmp(kind, "vfork"))
    vfork_path();
  else if (!strcmp(kind, "low"))
    low_addresses();
  else if (!strcmp(kind, "name"))
    name_at_the_edge();
  else if (!strcmp(kind, "filter"))
    under_a_filter();
  else if (!strcmp(kind, "descriptors"))
    no_descriptors();
  else if (!strcmp(kind, "large"))
    large_environment();
  else if (!strcmp(kind, "none"))
    puts("another program");
  return 0;
}
