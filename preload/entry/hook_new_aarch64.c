/*
 * The entries of operator new and delete on aarch64.  See hook_new.h.
 */
#if defined(__aarch64__)
#include "entry/hook_new.h"

#define ENTRY(index, symbol, ...)                                                                                      \
  __asm__(".text\n"                                                                                                    \
          ".p2align 2\n"                                                                                               \
          ".globl " #symbol "\n"                                                                                       \
          ".type " #symbol ", %function\n" #symbol ":\n"                                                               \
          ".cfi_startproc\n"                                                                                           \
          "adrp x16, operator_target+8*" #index "\n"                                                                   \
          "ldr x16, [x16, #:lo12:operator_target+8*" #index "]\n"                                                      \
          "br x16\n"                                                                                                   \
          ".cfi_endproc\n"                                                                                             \
          ".size " #symbol ", . - " #symbol "\n");
OPERATORS_NEW(ENTRY)
OPERATORS_DELETE(ENTRY)
#endif
