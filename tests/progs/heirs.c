/*
 * A fork that shares its heap, in known amounts, for check_heap_known.
 *
 *   inheritance()  64 pages, written by the parent before the fork; the child writes to 16 of them again
 *   savings()      32 pages more of the parent's, written before the fork, not shared for long: the child frees them
 *   income()       24 pages of the child's own
 *
 * Child and parent take a snapshot each, "settled", while the other one waits.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "vmtrace/vmtrace.h"

#define PAGE 4096
#define INHERITED 64
#define BROKEN 16
#define SAVED 32
#define EARNED 24

static char *inherited, *saved, *earned;

__attribute__((noinline)) static void inheritance(void)
{
  inherited = aligned_alloc(PAGE, INHERITED * PAGE);
  memset(inherited, 1, INHERITED * PAGE);
}

__attribute__((noinline)) static void savings(void)
{
  saved = aligned_alloc(PAGE, SAVED * PAGE);
  memset(saved, 1, SAVED * PAGE);
}

__attribute__((noinline)) static void income(void)
{
  earned = aligned_alloc(PAGE, EARNED * PAGE);
  memset(earned, 1, EARNED * PAGE);
}

static void wait_for(int fd)
{
  char byte;

  if (read(fd, &byte, 1) != 1)
    exit(1);
}

static void tell(int fd)
{
  if (write(fd, "", 1) != 1)
    exit(1);
}

int main(void)
{
  int to_parent[2], to_child[2], status;
  pid_t child;

  prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0);
  inheritance();
  savings();
  if (pipe(to_parent) || pipe(to_child) || (child = fork()) < 0)
    return 1;
  if (!child) {
    for (int i = 0; i < BROKEN; i++)
      inherited[i * PAGE] = 2;
    free(saved);
    income();
    VMTRACE_SNAPSHOT("settled");
    tell(to_parent[1]);
    wait_for(to_child[0]);
    _exit(0);
  }
  wait_for(to_parent[0]);
  VMTRACE_SNAPSHOT("settled");
  tell(to_child[1]);
  return waitpid(child, &status, 0) != child || status;
}
