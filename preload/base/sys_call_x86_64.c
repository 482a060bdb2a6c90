/*
 * The system call instruction of x86-64, and nothing else: the kernel's
 * convention takes the fourth argument in r10 and clobbers rcx and r11.
 */
#if defined(__x86_64__)
#include "base/sys.h"

#include <linux/audit.h>

const uint32_t sys_audit_arch = AUDIT_ARCH_X86_64;

long sys_call_raw(long number, long a, long b, long c, long d, long e, long f)
{
  register long r10 __asm__("r10") = d;
  register long r8 __asm__("r8") = e;
  register long r9 __asm__("r9") = f;
  long value;

  __asm__ volatile("syscall"
                   : "=a"(value)
                   : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
                   : "rcx", "r11", "memory");
  return value;
}
#endif
