/*
 * Programs under a seccomp filter that lets pass what they call themselves, and nothing else: caged ACTION WORK.
 *
 *   ACTION  kill: another call ends the process; error: it fails with EPERM; trap: SIGSYS
 *   WORK    churn: allocates and frees; threads: in several threads, too; fork: in a child, too; twice: under a second
 *           filter; wider: the second one lets all calls pass; sync: the filter holds for a thread that is there
 *           already; fork-off: getpid is not let pass;
 *           sandbox: in threads, too; files may be reserved and mapped, not written, opened or found by name
 */
#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#ifndef SYS_clone3
#define SYS_clone3 435
#endif
#ifndef SYS_rseq
#define SYS_rseq 334
#endif

/* What libc's malloc, stdio and exit make, and this program. */
static const int plain[] = {SYS_read,  SYS_write,      SYS_brk,   SYS_mmap,      SYS_munmap,
                            SYS_fstat, SYS_newfstatat, SYS_futex, SYS_exit_group};
static const int for_threads[] = {SYS_mprotect, SYS_clone3, SYS_clone,          SYS_set_robust_list, SYS_rseq,
                                  SYS_madvise,  SYS_exit,   SYS_rt_sigprocmask, SYS_rt_sigaction};
static const int for_forks[] = {SYS_clone, SYS_wait4, SYS_set_robust_list};
static const int for_sandboxes[] = {SYS_read,  SYS_write, SYS_brk,        SYS_mmap,      SYS_munmap, SYS_fstat,
                                    SYS_futex, SYS_wait4, SYS_exit_group, SYS_fallocate, SYS_getpid, SYS_gettid};

static struct sock_filter code[64];
static unsigned length;

static void let_pass(const int *calls, size_t count)
{
  for (size_t i = 0; i < count; i++) {
    code[length++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (unsigned)calls[i], 0, 1);
    code[length++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
  }
}
#define LET_PASS(calls) let_pass(calls, sizeof(calls) / sizeof *(calls))

static void install(const char *action, const char *work, unsigned flags)
{
  static const int also[] = {SYS_seccomp, SYS_prctl};
  struct sock_fprog program = {0, code};
  unsigned other = SECCOMP_RET_ERRNO | EPERM;

  if (!strcmp(action, "kill"))
    other = SECCOMP_RET_KILL_PROCESS;
  else if (!strcmp(action, "trap"))
    other = SECCOMP_RET_TRAP;
  if (!strcmp(work, "all"))
    other = SECCOMP_RET_ALLOW;
  length = 0;
  code[length++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr));
  if (!strcmp(work, "sandbox"))
    LET_PASS(for_sandboxes);
  else
    LET_PASS(plain);
  if (!strcmp(work, "threads") || !strcmp(work, "sync") || !strcmp(work, "sandbox"))
    LET_PASS(for_threads);
  if (!strncmp(work, "fork", 4))
    LET_PASS(for_forks);
  if (!strcmp(work, "twice") || !strcmp(work, "wider"))
    LET_PASS(also);
  code[length++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, other);
  program.len = (unsigned short)length;
  if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, &program))
    _exit(99);
}

/* Blocks of many sizes, more than a heap has at hand. */
static unsigned long churn(unsigned rounds)
{
  static __thread unsigned char *live[2000];
  unsigned long sum = 0;
  unsigned seed = 1;

  for (unsigned i = 0; i < rounds; i++) {
    unsigned slot = (seed = seed * 1103515245 + 12345) / 65536 % 2000, size = seed / 256 % 3000 + 1;

    if (live[slot])
      sum += live[slot][0];
    free(live[slot]);
    live[slot] = malloc(size);
    if (!live[slot])
      return 0;
    live[slot][0] = live[slot][size - 1] = (unsigned char)i;
  }
  return sum;
}

static void *churn_there(void *unused)
{
  churn(20000);
  return unused;
}

static void in_threads(void)
{
  pthread_t thread[4];

  for (int round = 0; round < 3; round++) {
    for (int i = 0; i < 4; i++)
      if (pthread_create(&thread[i], NULL, churn_there, NULL))
        _exit(98);
    for (int i = 0; i < 4; i++)
      pthread_join(thread[i], NULL);
  }
}

static void in_child(void)
{
  int status = 0;
  pid_t child = fork();

  if (child == 0) {
    printf("child: %lu\n", churn(30000));
    fflush(stdout);
    _exit(7);
  }
  wait4(child, &status, 0, NULL);
  printf("status %x\n", (unsigned)status);
}

static volatile bool stop;

static void *be_there(void *unused)
{
  while (!stop)
    churn(1000);
  return unused;
}

int main(int argc, char **argv)
{
  const char *action = argc > 2 ? argv[1] : "", *work = argc > 2 ? argv[2] : "";
  bool sync = !strcmp(work, "sync");
  pthread_t other;

  if (argc < 3)
    return 2;
  printf("before: %lu\n", churn(30000));
  prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
  if (sync && pthread_create(&other, NULL, be_there, NULL))
    return 97;
  usleep(150000);
  install(action, work, sync ? SECCOMP_FILTER_FLAG_TSYNC : 0);
  if (!strcmp(work, "twice"))
    install(action, "churn", 0);
  if (!strcmp(work, "wider"))
    install(action, "all", 0);
  printf("after: %lu\n", churn(100000));
  if (!strcmp(work, "threads") || !strcmp(work, "sandbox"))
    in_threads();
  if (!strncmp(work, "fork", 4))
    in_child();
  stop = true;
  if (sync)
    pthread_join(other, NULL);
  puts("end");
  return 0;
}
