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
          ".size " #symbol ", . - " #symbol "\n"                                                                       \
          ".hidden first" #symbol "\n"                                                                                 \
          ".globl first" #symbol "\n"                                                                                  \
          ".type first" #symbol ", %function\n"                                                                        \
          "first" #symbol ":\n"                                                                                        \
          ".cfi_startproc\n"                                                                                           \
          "mov w16, #" #index "\n"                                                                                     \
          "b operator_first\n"                                                                                         \
          ".cfi_endproc\n"                                                                                             \
          ".size first" #symbol ", . - first" #symbol "\n");
OPERATORS_NEW(ENTRY)
OPERATORS_DELETE(ENTRY)

/* In: w16 the index; no operator has more than three arguments. */
__asm__(".text\n"
        ".p2align 2\n"
        ".type operator_first, %function\n"
        "operator_first:\n"
        ".cfi_startproc\n"
        "stp x29, x30, [sp, #-48]!\n"
        ".cfi_adjust_cfa_offset 48\n"
        ".cfi_rel_offset x29, 0\n"
        ".cfi_rel_offset x30, 8\n"
        "mov x29, sp\n"
        "stp x0, x1, [sp, #16]\n"
        "stp x2, x16, [sp, #32]\n"
        "bl operators_find\n"
        "ldp x0, x1, [sp, #16]\n"
        "ldp x2, x16, [sp, #32]\n"
        "ldp x29, x30, [sp], #48\n"
        ".cfi_adjust_cfa_offset -48\n"
        ".cfi_restore x29\n"
        ".cfi_restore x30\n"
        "adrp x17, operator_target\n"
        "add x17, x17, #:lo12:operator_target\n"
        "ldr x16, [x17, x16, lsl #3]\n"
        "br x16\n"
        ".cfi_endproc\n"
        ".size operator_first, . - operator_first\n");
#endif
