/*
 * A program that gives up what it is allowed to do: confined MODE.  It
 * allocates before and afterwards, and prints what came of it: the same with and without a tracer.
 *
 *   nproc   may have no further thread and no child
 *   strict  may only read, write and exit (strict seccomp); what comes on stdin goes to stdout
 */
#include <errno.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define LIVE 100

/* Blocks of the same sizes each time: no allocator has to ask for more memory after the first time. */
static void work(unsigned times)
{
  unsigned char *live[LIVE];

  while (times--) {
    for (unsigned i = 0; i < LIVE; i++) {
      live[i] = malloc(20 + i * 9);
      live[i][0] = live[i][19] = (unsigned char)i;
    }
    for (unsigned i = 0; i < LIVE; i++) {
      if (live[i][0] != i || live[i][19] != i)
        abort();
      free(live[i]);
    }
  }
}

static void *be_thread(void *unused)
{
  work(10);
  return unused;
}

static void nproc(void)
{
  pthread_t thread;
  pid_t child;
  int error;

  work(100);
  error = pthread_create(&thread, NULL, be_thread, NULL);
  printf("thread: %s\n", strerror(error));
  if (!error)
    pthread_join(thread, NULL);
  fflush(stdout);
  child = fork();
  if (!child)
    _exit(9);
  printf("child: %s\n", child < 0 ? strerror(errno) : "there is one");
  if (child > 0)
    waitpid(child, NULL, 0);
  work(100);
}

/* libc's _exit would end all threads, which is another call and forbidden. */
__attribute__((noreturn)) static void strict(void)
{
  char *text;
  ssize_t n;

  work(100);
  text = malloc(64);
  if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT, 0, 0, 0))
    _exit(3);
  work(2000);
  while ((n = read(0, text, 64)) > 0)
    if (write(1, text, (size_t)n) != n)
      break;
  free(text);
  for (;;)
    syscall(SYS_exit, 21);
}

int main(int argc, char **argv)
{
  const char *mode = argc > 1 ? argv[1] : "";

  if (!strcmp(mode, "strict"))
    strict();
  if (strcmp(mode, "nproc"))
    return 2;
  nproc();
  return 21;
}
