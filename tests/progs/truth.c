/*
 * Three processes with pages of every kind, in states that who looks at
 * /proc/PID/pagemap from outside can tell: `truth FILE` prints LABEL ADDRESS PAGES for each kind, then it and its two
 * children print "ready" and stay as they are until SIGTERM; the parent ends its children first and waits for them.
 *
 *   kept     written before the forks, then read       broken   ... and written by the first child
 *   all      ... and written by all three              zero     read by all
 *   half     read by all, written by the first child   shared   shared and anonymous, touched by all
 *   dropped  given up by both children                 file     pages of FILE, read by all
 *   copied   ... written by the first child            other    FILE mapped shared, at another place
 *   memfd    a memfd, mapped shared                    huge     the huge zero page, where there is one
 */
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "vmtrace/vmtrace.h"

#define PAGE 4096ul
#define PAGES 4ul
#define HUGE (2ul << 20)
#define CHILDREN 2

enum kind { KEPT, BROKEN, ALL, ZERO, HALF, SHARED, DROPPED, WHOLE_FILE, COPIED, OTHER, MEMFD, HUGE_ZERO, KINDS };

static volatile char *area[KINDS];

static volatile char *map(size_t size, int flags, int fd, off_t offset)
{
  void *p = mmap(NULL, size, PROT_READ | PROT_WRITE, flags, fd, offset);

  if (p == MAP_FAILED) {
    perror("truth: mmap");
    exit(1);
  }
  return p;
}

static void write_to(enum kind kind, char value)
{
  for (unsigned long i = 0; i < PAGES; i++)
    area[kind][i * PAGE] = value;
}

static void read_all(void)
{
  for (int kind = 0; kind < KINDS; kind++) {
    for (unsigned long i = 0; kind != DROPPED && i < PAGES; i++)
      (void)area[kind][i * PAGE];
  }
}

static void set_up(const char *path)
{
  int file = open(path, O_RDWR | O_CLOEXEC), memory = memfd_create("truth", MFD_CLOEXEC);
  volatile char *huge = map(2 * HUGE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

  if (file < 0 || memory < 0 || ftruncate(memory, PAGES * PAGE) < 0) {
    perror("truth: FILE");
    exit(1);
  }
  for (int kind = 0; kind < KINDS; kind++)
    area[kind] = map(PAGES * PAGE, kind == SHARED ? MAP_SHARED | MAP_ANONYMOUS : MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  area[WHOLE_FILE] = map(PAGES * PAGE, MAP_PRIVATE, file, 0);
  area[COPIED] = map(PAGES * PAGE, MAP_PRIVATE, file, PAGES * PAGE);
  area[OTHER] = map(PAGES * PAGE, MAP_SHARED, file, 2 * PAGES * PAGE);
  area[MEMFD] = map(PAGES * PAGE, MAP_SHARED, memory, 0);
  area[HUGE_ZERO] = (volatile char *)(((uintptr_t)huge + HUGE - 1) & ~(HUGE - 1));
  (void)madvise((void *)area[HUGE_ZERO], HUGE, MADV_HUGEPAGE);
  for (int kind = KEPT; kind <= DROPPED; kind++) {
    if (kind != ZERO && kind != HALF)
      write_to((enum kind)kind, 1);
  }
  read_all();
}

static void say(void)
{
  static const char *const labels[KINDS] = {"kept",    "broken", "all",    "zero",  "half",  "shared",
                                            "dropped", "file",   "copied", "other", "memfd", "huge"};

  for (int kind = 0; kind < KINDS; kind++)
    printf("%s %#lx %lu\n", labels[kind], (unsigned long)(uintptr_t)area[kind], PAGES);
}

static void diverge(int child)
{
  if (child == 0) {
    write_to(BROKEN, 2);
    write_to(HALF, 2);
    write_to(COPIED, 2);
  }
  write_to(ALL, 3);
  read_all();
  if (child >= 0)
    madvise((void *)area[DROPPED], PAGES * PAGE, MADV_DONTNEED);
}

int main(int argc, char **argv)
{
  pid_t child[CHILDREN];
  int self = -1, signo;
  sigset_t term;

  if (argc != 2)
    return 2;
  setvbuf(stdout, NULL, _IOLBF, 0);
  sigemptyset(&term);
  sigaddset(&term, SIGTERM);
  sigprocmask(SIG_BLOCK, &term, NULL);
  set_up(argv[1]);
  say();
  VMTRACE_SNAPSHOT("before");
  for (int i = 0; i < CHILDREN && self < 0; i++) {
    child[i] = fork();
    if (child[i] == 0)
      self = i;
  }
  VMTRACE_SNAPSHOT("born");
  diverge(self);
  VMTRACE_SNAPSHOT("after");
  printf("ready %d\n", (int)getpid());
  sigwait(&term, &signo);
  for (int i = 0; self < 0 && i < CHILDREN; i++) {
    kill(child[i], SIGTERM);
    waitpid(child[i], NULL, 0);
  }
  _exit(0);
}
