/*
 * old_kernel LIBRARY PROGRAM ARGS...: runs the program with LIBRARY preloaded as
 * if on Linux 4.14: later system calls do not exist, later flags are refused, and mmap takes MAP_FIXED_NOREPLACE for
 * a flag that means nothing.  Ends as the program does.  Started by tests/e2e/check_old_kernel.c; ends with 77 where
 * it cannot be done.  It must not be preloaded itself.
 */
#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#define CANNOT 77
#define NOREPLACE 0x100000      /* MAP_FIXED_NOREPLACE: Linux 4.17 */
#define MREMAP_LATER 4          /* MREMAP_DONTUNMAP: Linux 5.7 */
#define MADV_LATER 20           /* MADV_COLD, the first after 4.14: Linux 5.4 */
#define SCAN_REQUEST 0xc0606610 /* PAGEMAP_SCAN: Linux 6.7 */

#define LOAD(field) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, field))
#define IF(test, value, yes, no) BPF_JUMP(BPF_JMP | (test) | BPF_K, (value), (yes), (no))
#define RETURN(what) BPF_STMT(BPF_RET | BPF_K, (what))
/* Of a call with that number, the low half of an argument decides. */
#define FLAG(number, arg, test, value, what)                                                                           \
  IF(BPF_JEQ, number, 0, 4), LOAD(args[arg]), IF(test, value, 0, 1), RETURN(what), RETURN(SECCOMP_RET_ALLOW)

/* 4.14's last system call is statx on every architecture. */
static void forget_what_came_later(void)
{
  struct sock_filter code[] = {
      LOAD(nr),
      IF(BPF_JGT, SYS_statx, 0, 1),
      RETURN(SECCOMP_RET_ERRNO | ENOSYS),
      FLAG(SYS_mmap, 3, BPF_JSET, NOREPLACE, SECCOMP_RET_TRACE),
      FLAG(SYS_mremap, 3, BPF_JSET, MREMAP_LATER, SECCOMP_RET_ERRNO | EINVAL),
      FLAG(SYS_madvise, 2, BPF_JGE, MADV_LATER, SECCOMP_RET_ERRNO | EINVAL),
      FLAG(SYS_ioctl, 1, BPF_JEQ, SCAN_REQUEST, SECCOMP_RET_ERRNO | ENOTTY),
      RETURN(SECCOMP_RET_ALLOW),
  };
  struct sock_fprog program = {sizeof code / sizeof *code, code};

  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) || prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program, 0, 0)) {
    perror("old_kernel: seccomp");
    _exit(CANNOT);
  }
}

/* The flag that the kernel does not know. */
#if defined(__x86_64__)
static void strip_flag(pid_t pid)
{
  long at = (long)offsetof(struct user, regs.r10);
  long flags = ptrace(PTRACE_PEEKUSER, pid, at, 0);

  ptrace(PTRACE_POKEUSER, pid, at, flags & ~(long)NOREPLACE);
}
#else
static void strip_flag(pid_t pid)
{
  (void)pid;
  exit(CANNOT);
}
#endif

/* Until the program ends; its status. */
static int follow(pid_t program)
{
  int status, result = 0;
  pid_t pid;

  while ((pid = waitpid(-1, &status, __WALL)) > 0) {
    int event = status >> 16, pass = 0;

    if (!WIFSTOPPED(status)) {
      if (pid == program)
        result = status;
      continue;
    }
    if (event == PTRACE_EVENT_SECCOMP)
      strip_flag(pid);
    else if (!event)
      pass = WSTOPSIG(status);
    ptrace(PTRACE_CONT, pid, 0, pass);
  }
  return result;
}

int main(int argc, char **argv)
{
  const long options =
      PTRACE_O_TRACESECCOMP | PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK | PTRACE_O_TRACECLONE | PTRACE_O_EXITKILL;
  int go[2], status;
  pid_t program;
  char byte = 0;

  if (argc < 3 || pipe(go))
    return 2;
  program = fork();
  if (program == 0) {
    if (read(go[0], &byte, 1) != 1)
      _exit(CANNOT);
    close(go[0]);
    close(go[1]);
    setenv("LD_PRELOAD", argv[1], 1);
    forget_what_came_later();
    execv(argv[2], argv + 2);
    _exit(127);
  }
  if (program < 0 || ptrace(PTRACE_SEIZE, program, 0, options)) {
    perror("old_kernel: ptrace");
    return CANNOT;
  }
  if (write(go[1], &byte, 1) != 1)
    return CANNOT;
  status = follow(program);
  if (WIFSIGNALED(status)) {
    signal(WTERMSIG(status), SIG_DFL);
    raise(WTERMSIG(status));
  }
  return WEXITSTATUS(status);
}
