/*
 * Calls with addresses that cannot be read, which the kernel refuses: each
 * says how it failed.  `refused KIND`; what is expected is in check_refused.c.
 */
#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
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
  return 0;
}
