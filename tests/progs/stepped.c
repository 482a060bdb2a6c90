/*
 * Calls that are interrupted at one instruction of the library after the other, by handlers that do what handlers do:
 * stepped POINTS SEED [CALL [WAY]].  Every call is done many times, each time in a process of its own (the child of a
 * program that the library is loaded into, see STEPPED_PRELOAD), whose first thread is single-stepped by this one; at
 * one of its instructions in the library it gets SIGUSR1.  POINTS is how many instructions of each call, spread evenly
 * (0: all), SEED where the first one is.
 *
 * A process that does not end as it must within the time is named, with call, way, instruction and offset.  Exits 0
 * when all did; 77 when processes cannot be traced here.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "vmtrace/vmtrace.h"
#include <linux/ptrace.h>

#define PATIENCE_S 20
#define FINE 42
#define STACK_WORDS 64

/* ---- what is called ---- */

static void *block, *mapping;
static const char *module;

static void *nothing(void *arg)
{
  return arg;
}

static void call_malloc(void)
{
  block = malloc(40);
}

/* The class' magazine is filled for the first time. */
static void call_malloc_first(void)
{
  block = malloc(720);
}

static void call_malloc_large(void)
{
  block = malloc(200000);
}

static void call_malloc_huge(void)
{
  block = malloc(5u << 20);
}

static void call_calloc(void)
{
  block = calloc(3, 500);
}

static void call_aligned(void)
{
  block = aligned_alloc(512, 1024);
}

static void give_small(void)
{
  block = malloc(64);
}

static void give_large(void)
{
  block = malloc(200000);
}

static void give_huge(void)
{
  block = malloc(5u << 20);
}

static void call_free(void)
{
  free(block);
  block = NULL;
}

static void call_realloc(void)
{
  block = realloc(block, 300000);
}

static void call_usable(void)
{
  if (malloc_usable_size(block) < 64)
    _exit(90);
}

static void call_mmap(void)
{
  mapping = mmap(NULL, 1u << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
}

static void call_mremap(void)
{
  mapping = mremap(mapping, 1u << 20, 3u << 20, MREMAP_MAYMOVE);
}

static void call_munmap(void)
{
  munmap(mapping, 1u << 20);
}

static void call_mprotect(void)
{
  mprotect(mapping, 4096, PROT_READ);
}

static void call_sbrk(void)
{
  if (sbrk(4096) == (void *)-1)
    _exit(91);
}

static void call_thread(void)
{
  pthread_t thread;

  if (pthread_create(&thread, NULL, nothing, NULL) == 0)
    pthread_join(thread, NULL);
}

static void call_dlopen(void)
{
  void *handle = dlopen(module, RTLD_NOW);

  if (handle)
    dlclose(handle);
}

static void call_fork(void)
{
  pid_t pid = fork();
  int status;

  if (pid == 0)
    _exit(3);
  while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
    ;
}

static void call_name(void)
{
  prctl(PR_SET_NAME, "stepped");
}

static void call_mark(void)
{
  vmtrace_mark("here");
}

static void call_trim(void)
{
  malloc_trim(0);
}

static void call_info(void)
{
  if (!mallinfo2().arena)
    errno = 0;
}

static void call_exec(void)
{
  execl("/nonexistent/program", "program", NULL);
}

static void call_end(void)
{
  _exit(FINE);
}

static void call_end_in_order(void)
{
  exit(FINE);
}

static const struct {
  const char *name;
  void (*before)(void);
  void (*call)(void);
  bool forks; /* libc's own state may be half-done in the middle of it */
  bool again; /* done before, so that what is learned at the first time is known */
} calls[] = {
    {"malloc", give_small, call_malloc, false, true},
    {"malloc_first", NULL, call_malloc_first, false, false},
    {"malloc_large", NULL, call_malloc_large, false, true},
    {"malloc_huge", NULL, call_malloc_huge, false, true},
    {"calloc", NULL, call_calloc, false, true},
    {"aligned", NULL, call_aligned, false, true},
    {"free", give_small, call_free, false, true},
    {"free_large", give_large, call_free, false, true},
    {"free_huge", give_huge, call_free, false, true},
    {"realloc", give_large, call_realloc, false, true},
    {"usable", give_small, call_usable, false, true},
    {"mmap", NULL, call_mmap, false, true},
    {"mremap", call_mmap, call_mremap, false, true},
    {"munmap", call_mmap, call_munmap, false, true},
    {"mprotect", call_mmap, call_mprotect, false, true},
    {"sbrk", NULL, call_sbrk, false, false},
    {"thread", NULL, call_thread, true, true},
    {"dlopen", NULL, call_dlopen, true, true},
    {"fork", NULL, call_fork, true, true},
    {"name", NULL, call_name, false, true},
    {"mark", NULL, call_mark, false, true},
    {"trim", NULL, call_trim, false, true},
    {"info", NULL, call_info, false, true},
    {"exec", NULL, call_exec, false, false},
    {"end", NULL, call_end, false, false},
    {"end_in_order", NULL, call_end_in_order, true, false},
};
#define CALLS (sizeof calls / sizeof *calls)

/* ---- what the handler does ---- */

static sigjmp_buf back;
static volatile sig_atomic_t in_child;

static void use_heap(void)
{
  void *blocks[20];

  for (unsigned i = 0; i < 20; i++) {
    blocks[i] = i % 5 ? malloc(16u << i % 8) : calloc(i + 1, 3000);
    if (!blocks[i])
      _exit(92);
    memset(blocks[i], 7, 16);
  }
  blocks[3] = realloc(blocks[3], 5000);
  for (unsigned i = 0; i < 20; i++)
    free(blocks[i]);
}

/* Waits for a child as a program does that has no more time than this. */
static void await_child(pid_t pid, int code, int signal)
{
  struct timespec pause = {.tv_nsec = 200000};
  int status;
  pid_t ended;

  for (int i = 0; (ended = waitpid(pid, &status, WNOHANG)) == 0 || (ended < 0 && errno == EINTR); i++) {
    if (i == PATIENCE_S / 2 * 4000) {
      kill(pid, SIGKILL);
      waitpid(pid, &status, 0);
      _exit(93);
    }
    nanosleep(&pause, NULL);
  }
  if (signal ? !WIFSIGNALED(status) || WTERMSIG(status) != signal : !WIFEXITED(status) || WEXITSTATUS(status) != code)
    _exit(94);
}

static void on_term(int signo)
{
  (void)signo;
  _exit(11);
}

static void way_nothing(void)
{
}

static void way_exit_now(void)
{
  _exit(FINE);
}

static void way_exit(void)
{
  exit(FINE);
}

static void way_quick_exit(void)
{
  quick_exit(FINE);
}

static void way_abort(void)
{
  abort();
}

static void way_jump(void)
{
  siglongjmp(back, 1);
}

static void way_child_exits(void)
{
  pid_t pid = fork();

  if (pid == 0)
    _exit(11);
  await_child(pid, 11, 0);
}

static void way_child_ends_in_order(void)
{
  pid_t pid = fork();

  if (pid == 0)
    exit(11);
  await_child(pid, 11, 0);
}

static void way_child_allocates(void)
{
  pid_t pid = fork();

  if (pid == 0) {
    use_heap();
    _exit(11);
  }
  await_child(pid, 11, 0);
}

/* It goes on where the parent was interrupted, to the same end. */
static void way_child_goes_on(void)
{
  pid_t pid = fork();

  if (pid == 0)
    in_child = 1;
  else
    await_child(pid, FINE, 0);
}

static void way_child_jumps(void)
{
  pid_t pid = fork();

  if (pid == 0) {
    in_child = 1;
    siglongjmp(back, 1);
  }
  await_child(pid, FINE, 0);
}

static void way_child_is_told(void)
{
  pid_t pid;

  signal(SIGTERM, on_term);
  pid = fork();
  if (pid == 0)
    for (;;)
      pause();
  kill(pid, SIGTERM);
  await_child(pid, 11, 0);
}

static void way_child_threads(void)
{
  pid_t pid = fork();

  if (pid == 0) {
    call_thread();
    _exit(11);
  }
  await_child(pid, 11, 0);
}

static void way_child_executes(void)
{
  pid_t pid = fork();

  if (pid == 0) {
    execl("/bin/true", "true", NULL);
    _exit(95);
  }
  await_child(pid, 0, 0);
}

static void way_child_is_killed(void)
{
  pid_t pid = fork();

  if (pid == 0)
    abort();
  await_child(pid, 0, SIGABRT);
}

/* By the bare system call: no hook knows of it. */
static void way_bare_child_allocates(void)
{
  pid_t pid = (pid_t)syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);

  if (pid == 0) {
    use_heap();
    _exit(11);
  }
  await_child(pid, 11, 0);
}

static void way_child_is_spawned(void)
{
  char *const args[] = {"true", NULL};
  pid_t pid;

  if (posix_spawn(&pid, "/bin/true", NULL, NULL, args, environ))
    _exit(95);
  await_child(pid, 0, 0);
}

static const struct {
  const char *name;
  void (*handler)(void);
  int signal; /* that the process is to end by; 0: it exits with FINE */
  bool libc;  /* uses more of libc than a handler may in the middle of libc's own work on threads and modules */
} ways[] = {
    {"nothing", way_nothing, 0, false},
    {"allocate", use_heap, 0, false},
    {"thread", call_thread, 0, true},
    {"exit_now", way_exit_now, 0, false},
    {"exit", way_exit, 0, true},
    {"quick_exit", way_quick_exit, 0, true},
    {"abort", way_abort, SIGABRT, true},
    {"jump", way_jump, 0, true},
    {"child_exits", way_child_exits, 0, false},
    {"child_ends_in_order", way_child_ends_in_order, 0, true},
    {"child_allocates", way_child_allocates, 0, false},
    {"child_goes_on", way_child_goes_on, 0, true},
    {"child_jumps", way_child_jumps, 0, true},
    {"child_is_told", way_child_is_told, 0, false},
    {"child_threads", way_child_threads, 0, true},
    {"child_executes", way_child_executes, 0, false},
    {"child_is_killed", way_child_is_killed, 0, true},
    {"bare_child_allocates", way_bare_child_allocates, 0, false},
    {"child_is_spawned", way_child_is_spawned, 0, true},
};
#define WAYS (sizeof ways / sizeof *ways)

static void (*handler_of_round)(void);

static void on_signal(int signo)
{
  (void)signo;
  handler_of_round();
}

/* ---- the program that is stepped ---- */

static void stop(void)
{
  if (!in_child)
    raise(SIGTRAP);
}

/* Afterwards everything works. */
static _Noreturn void end_round(void)
{
  use_heap();
  call_mmap();
  call_munmap();
  call_thread();
  _exit(FINE);
}

static _Noreturn void round_of(unsigned c, unsigned w)
{
  struct sigaction action = {.sa_handler = on_signal};
  volatile int again;

  handler_of_round = ways[w].handler;
  sigaction(SIGUSR1, &action, NULL);
  use_heap();
  for (again = calls[c].again; again >= 0; again--) {
    if (calls[c].before)
      calls[c].before();
    if (!again)
      stop();
    if (sigsetjmp(back, 1) == 0)
      calls[c].call();
    else
      again = 0;
  }
  stop();
  end_round();
}

/* One round per line on stdin: call and way.  Each child is traced from its birth. */
static int inner(void)
{
  unsigned c, w;
  pid_t pid;

  module = getenv("STEPPED_MODULE");
  ptrace(PTRACE_TRACEME, 0, NULL, NULL);
  raise(SIGSTOP);
  while (scanf("%u %u", &c, &w) == 2) {
    pid = fork();
    if (pid == 0)
      round_of(c, w);
    while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
      ;
  }
  return 0;
}

/* ---- the one that steps ---- */

struct range {
  uint64_t start, end;
};

static pid_t program;
static int to_program;
static struct range library;

static uint64_t position(pid_t pid)
{
  struct ptrace_syscall_info info = {0};

  return ptrace(PTRACE_GET_SYSCALL_INFO, pid, sizeof info, &info) > 0 ? info.instruction_pointer : 0;
}

/* From its first instruction to its last: the library changes the protection of pages in between. */
static void find_library(pid_t pid, const char *name)
{
  char path[64], line[4200];
  FILE *maps;

  snprintf(path, sizeof path, "/proc/%d/maps", pid);
  maps = fopen(path, "r");
  while (maps && fgets(line, sizeof line, maps)) {
    unsigned long start, end;

    if (sscanf(line, "%lx-%lx r-xp", &start, &end) == 2 && strstr(line, "r-xp") && strstr(line, name))
      library = (struct range){library.start ? library.start : start, end};
  }
  if (maps)
    fclose(maps);
}

static void on_alarm(int signo)
{
  (void)signo;
}

/* The state of pid's next stop or end; false: it took too long. */
static bool await(pid_t pid, int *status)
{
  pid_t got;

  alarm(PATIENCE_S);
  got = waitpid(pid, status, __WALL);
  alarm(0);
  return got == pid;
}

static bool has_ended(int status)
{
  return WIFEXITED(status) || WIFSIGNALED(status);
}

/* Lets pid run until it stops itself or ends; other signals are passed on. */
static bool run_on(pid_t pid, int signo, int *status)
{
  for (;;) {
    ptrace(PTRACE_CONT, pid, NULL, (void *)(long)signo);
    if (!await(pid, status))
      return false;
    if (has_ended(*status) || WSTOPSIG(*status) == SIGTRAP)
      return true;
    signo = WSTOPSIG(*status);
  }
}

/* Starts a round: the new child, stopped before the call; 0: there is none. */
static pid_t begin_round(unsigned c, unsigned w)
{
  unsigned long pid = 0;
  int status;

  dprintf(to_program, "%u %u\n", c, w);
  for (;;) {
    if (!await(program, &status) || has_ended(status))
      return 0;
    if (status >> 8 == (SIGTRAP | PTRACE_EVENT_FORK << 8))
      break;
    ptrace(PTRACE_CONT, program, NULL, (void *)(long)(WSTOPSIG(status) == SIGSTOP ? 0 : WSTOPSIG(status)));
  }
  ptrace(PTRACE_GETEVENTMSG, program, NULL, &pid);
  ptrace(PTRACE_CONT, program, NULL, NULL);
  if (!await((pid_t)pid, &status) || has_ended(status))
    return 0;
  /* Its own children are nobody's business here. */
  ptrace(PTRACE_SETOPTIONS, (pid_t)pid, NULL, (void *)(long)PTRACE_O_EXITKILL);
  if (!run_on((pid_t)pid, 0, &status) || has_ended(status))
    return 0;
  return (pid_t)pid;
}

/* The program gets its child's end when this one has seen it. */
static void end_of_round(void)
{
  int status;

  while (waitpid(program, &status, WNOHANG | __WALL) == program && !has_ended(status))
    ptrace(PTRACE_CONT, program, NULL, (void *)(long)(WSTOPSIG(status) == SIGCHLD ? SIGCHLD : 0));
}

static void complain(const char *what, unsigned c, unsigned w, unsigned point, uint64_t at, int status)
{
  printf("%s: %s interrupted at instruction %u of the library (offset in its code 0x%lx) by %s (status %x)\n", what,
         calls[c].name, point, (unsigned long)(at - library.start), ways[w].name, (unsigned)status);
  fflush(stdout);
}

enum verdict { ROUND_FINE, ROUND_OVER, ROUND_BAD };

/* Steps to the point-th instruction in the library.  ROUND_OVER: the call has fewer. */
static enum verdict step_to(pid_t pid, unsigned point, uint64_t *at, int *status)
{
  int signo = 0;

  for (unsigned seen = 0;;) {
    ptrace(PTRACE_SINGLESTEP, pid, NULL, (void *)(long)signo);
    if (!await(pid, status))
      return ROUND_BAD;
    if (has_ended(*status))
      return ROUND_OVER;
    signo = WSTOPSIG(*status) == SIGTRAP ? 0 : WSTOPSIG(*status);
    *at = position(pid);
    if (*at >= library.start && *at < library.end && seen++ == point)
      return ROUND_FINE;
    if (!signo) {
      siginfo_t info;

      /* Its own signal, not a step. */
      if (ptrace(PTRACE_GETSIGINFO, pid, NULL, &info) == 0 && info.si_code == SI_TKILL)
        return ROUND_OVER;
    }
  }
}

static bool is_right(int status, unsigned w)
{
  if (ways[w].signal)
    return WIFSIGNALED(status) && WTERMSIG(status) == ways[w].signal;
  return WIFEXITED(status) && WEXITSTATUS(status) == FINE;
}

static enum verdict one_round(unsigned c, unsigned w, unsigned point)
{
  pid_t pid = begin_round(c, w);
  enum verdict verdict;
  uint64_t at = 0;
  int status = 0;

  if (!pid) {
    complain("no process", c, w, point, at, status);
    exit(1);
  }
  verdict = step_to(pid, point, &at, &status);
  if (verdict == ROUND_FINE) {
    do
      verdict = run_on(pid, has_ended(status) || WSTOPSIG(status) != SIGTRAP || at == 0 ? 0 : SIGUSR1, &status)
                    ? ROUND_FINE
                    : ROUND_BAD;
    while (verdict == ROUND_FINE && !has_ended(status) && (at = 0) == 0);
    if (verdict == ROUND_BAD)
      complain("it hangs", c, w, point, at, status);
    else if (!is_right(status, w)) {
      verdict = ROUND_BAD;
      complain("wrong end", c, w, point, at, status);
    }
  } else if (verdict == ROUND_BAD) {
    complain("it stops", c, w, point, at, status);
  }
  if (!has_ended(status)) {
    kill(pid, SIGKILL);
    await(pid, &status);
  }
  end_of_round();
  return verdict;
}

/* How many instructions of the library the call takes. */
static unsigned count_points(unsigned c)
{
  unsigned points = 0;
  pid_t pid = begin_round(c, 0);
  uint64_t at;
  int status, signo = 0;

  while (pid) {
    siginfo_t info;

    ptrace(PTRACE_SINGLESTEP, pid, NULL, (void *)(long)signo);
    if (!await(pid, &status) || has_ended(status))
      break;
    signo = WSTOPSIG(status) == SIGTRAP ? 0 : WSTOPSIG(status);
    at = position(pid);
    points += at >= library.start && at < library.end;
    if (!signo && ptrace(PTRACE_GETSIGINFO, pid, NULL, &info) == 0 && info.si_code == SI_TKILL)
      break;
  }
  if (pid && !has_ended(status)) {
    kill(pid, SIGKILL);
    await(pid, &status);
  }
  end_of_round();
  return points;
}

static bool start_program(char *self)
{
  int ends[2], status;

  if (pipe(ends))
    return false;
  program = fork();
  if (program == 0) {
    dup2(ends[0], 0);
    close(ends[0]);
    close(ends[1]);
    setenv("LD_PRELOAD", getenv("STEPPED_PRELOAD") ? getenv("STEPPED_PRELOAD") : "", 1);
    execl(self, self, "inner", NULL);
    _exit(99);
  }
  close(ends[0]);
  fcntl(ends[1], F_SETFD, FD_CLOEXEC);
  to_program = ends[1];
  /* The exec is no stop of its own: PTRACE_TRACEME comes after it. */
  if (!await(program, &status))
    return false;
  if (!WIFSTOPPED(status) ||
      ptrace(PTRACE_SETOPTIONS, program, NULL, (void *)(long)(PTRACE_O_TRACEFORK | PTRACE_O_EXITKILL)))
    return false;
  find_library(program, "libvmtrace");
  ptrace(PTRACE_CONT, program, NULL, NULL);
  return true;
}

/* One processor for all: to change to the other side is then the shortest way. */
static void share_processor(void)
{
  int here = sched_getcpu();
  cpu_set_t set;

  CPU_ZERO(&set);
  CPU_SET((size_t)(here < 0 ? 0 : here), &set);
  sched_setaffinity(0, sizeof set, &set);
}

static unsigned interrupt(unsigned c, unsigned w, unsigned total, unsigned points, unsigned seed)
{
  unsigned step = points && total > points ? total / points : 1, bad = 0;

  for (unsigned at = (seed + 7 * w) % step; at < total && bad < 3; at += step)
    bad += one_round(c, w, at) == ROUND_BAD;
  return bad;
}

int main(int argc, char **argv)
{
  const struct sigaction action = {.sa_handler = on_alarm};
  unsigned points, seed, bad = 0;

  if (argc > 1 && strcmp(argv[1], "inner") == 0)
    return inner();
  if (argc < 3)
    return 2;
  share_processor();
  sigaction(SIGALRM, &action, NULL);
  points = (unsigned)atoi(argv[1]);
  seed = (unsigned)atoi(argv[2]);
  if (!start_program(argv[0]) || (!library.start && getenv("STEPPED_PRELOAD")))
    return 77;
  for (unsigned c = 0; c < CALLS; c++) {
    unsigned total;

    if (argc > 3 && strcmp(argv[3], calls[c].name) != 0)
      continue;
    total = count_points(c);
    for (unsigned w = 0; w < WAYS; w++)
      if (!(calls[c].forks && ways[w].libc) && (argc <= 4 || strcmp(argv[4], ways[w].name) == 0))
        bad += interrupt(c, w, total, points, seed);
    printf("%s: %u instructions\n", calls[c].name, total);
    bad += !total && library.start; /* nothing was tried */
    fflush(stdout);
  }
  kill(program, SIGKILL);
  return bad ? 1 : 0;
}
