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
          ".size " #symbol ", . - " #symbol "\n"                                                                       \
          ".hidden first" #symbol "\n"                                                                                 \
          ".globl first" #symbol "\n"                                                                                  \
          ".type first" #symbol ", @function\n"                                                                        \
          "first" #symbol ":\n"                                                                                        \
          ".cfi_startproc\n"                                                                                           \
          "endbr64\n"                                                                                                  \
          "movl $" #index ", %eax\n"                                                                                   \
          "jmp operator_first\n"                                                                                       \
          ".cfi_endproc\n"                                                                                             \
          ".size first" #symbol ", . - first" #symbol "\n");
OPERATORS_NEW(ENTRY)
OPERATORS_DELETE(ENTRY)

/* In: eax the index; no operator has more than three arguments.  Their three words, the index and one more keep the
 * stack aligned. */
__asm__(".text\n"
        ".p2align 4\n"
        ".type operator_first, @function\n"
        "operator_first:\n"
        ".cfi_startproc\n"
        "pushq %rdi\n"
        ".cfi_adjust_cfa_offset 8\n"
        "pushq %rsi\n"
        ".cfi_adjust_cfa_offset 8\n"
        "pushq %rdx\n"
        ".cfi_adjust_cfa_offset 8\n"
        "pushq %rax\n"
        ".cfi_adjust_cfa_offset 8\n"
        "subq $8, %rsp\n"
        ".cfi_adjust_cfa_offset 8\n"
        "call operators_find\n"
        "addq $8, %rsp\n"
        ".cfi_adjust_cfa_offset -8\n"
        "popq %rax\n"
        ".cfi_adjust_cfa_offset -8\n"
        "popq %rdx\n"
        ".cfi_adjust_cfa_offset -8\n"
        "popq %rsi\n"
        ".cfi_adjust_cfa_offset -8\n"
        "popq %rdi\n"
        ".cfi_adjust_cfa_offset -8\n"
        "leaq operator_target(%rip), %r11\n"
        "jmp *(%r11,%rax,8)\n"
        ".cfi_endproc\n"
        ".size operator_first, . - operator_first\n");
#endif
