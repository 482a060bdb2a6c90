/*
 * Valgrind's client request on aarch64, see valgrind.h: rotations that amount
 * to nothing on a processor, and that valgrind takes as a question.
 */
#if defined(__aarch64__)
#include "base/valgrind.h"

#include <stdint.h>

#define RUNNING_ON_VALGRIND 0x1001

bool valgrind_runs_us(void)
{
  const uint64_t request[6] = {RUNNING_ON_VALGRIND};
  register uint64_t answer __asm__("x3") = 0;
  register const uint64_t *question __asm__("x4") = request;

  __asm__ volatile(
      "ror x12, x12, #3\n\tror x12, x12, #13\n\tror x12, x12, #51\n\tror x12, x12, #61\n\torr x10, x10, x10"
      : "+r"(answer)
      : "r"(question)
      : "cc", "memory");
  return answer != 0;
}
#endif
