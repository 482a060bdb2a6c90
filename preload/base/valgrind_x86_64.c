/*
 * Valgrind's client request on x86-64, see valgrind.h: rotations that amount
 * to nothing on a processor, and that valgrind takes as a question.
 */
#if defined(__x86_64__)
#include "base/valgrind.h"

#include <stdint.h>

#define RUNNING_ON_VALGRIND 0x1001

bool valgrind_runs_us(void)
{
  const uint64_t request[6] = {RUNNING_ON_VALGRIND};
  uint64_t answer = 0;

  __asm__ volatile("rolq $3, %%rdi\n\trolq $13, %%rdi\n\trolq $61, %%rdi\n\trolq $51, %%rdi\n\txchgq %%rbx, %%rbx"
                   : "+d"(answer)
                   : "a"(request)
                   : "cc", "memory");
  return answer != 0;
}
#endif
