/*
 * Starts a program as a service manager may: `service PROGRAM ARGS`, under a
 * seccomp filter that ends a process for calls which services do not make: process_vm_readv, and some that are not in
 * systemd's @system-service.
 */
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

static const unsigned numbers[] = {
    SYS_mincore, SYS_perf_event_open, SYS_ptrace,     SYS_bpf,           SYS_mount,           SYS_pivot_root,
    SYS_acct,    SYS_chroot,          SYS_pkey_alloc, SYS_pkey_mprotect, SYS_process_vm_readv};

int main(int argc, char **argv)
{
  struct sock_filter code[32] = {BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr))};
  size_t n = 1;

  for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
    code[n++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, numbers[i], 0, 1);
    code[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS);
  }
  code[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
  prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
  if (argc < 2 || prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &(struct sock_fprog){(unsigned short)n, code}, 0, 0)) {
    puts("no filter");
    return 2;
  }
  execv(argv[1], argv + 1);
  return 127;
}
