/*
 * The entries of operator new and delete on x86-64.  See hook_new.h.
 */
#if defined(__x86_64__)
#include "entry/hook_new.h"

#define ENTRY(index, symbol, ...)                                                                                      \
  __asm__(".text\n"                                                                                                    \
          ".p2align 4\n"                                                                                               \
          ".globl " #symbol "\n"                                                                                       \
          ".type " #symbol ", @function\n" #symbol ":\n"                                                               \
          ".cfi_startproc\n"                                                                                           \
          "endbr64\n"                                                                                                  \
          "jmp *operator_target+8*" #index "(%rip)\n"                                                                  \
          ".cfi_endproc\n"                                                                                             \
          ".size " #symbol ", . - " #symbol "\n");
OPERATORS_NEW(ENTRY)
OPERATORS_DELETE(ENTRY)
#endif
