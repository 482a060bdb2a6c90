/*
 * The entries of syscall(), vfork() and clone() on x86-64.  See hook_syscall.h.
 */
#if defined(__x86_64__)
#include "entry/hook_syscall.h"

/* All six arguments but the last are in registers; the seventh word lies on the caller's stack and stays there. */
#define ENTRY(name)                                                                                                    \
  __asm__(".text\n"                                                                                                    \
          ".p2align 4\n"                                                                                               \
          ".globl " #name "\n"                                                                                         \
          ".type " #name ", @function\n" #name ":\n"                                                                   \
          ".cfi_startproc\n"                                                                                           \
          "endbr64\n"                                                                                                  \
          "pushq %rdi\n"                                                                                               \
          ".cfi_adjust_cfa_offset 8\n"                                                                                 \
          "pushq %rsi\n"                                                                                               \
          ".cfi_adjust_cfa_offset 8\n"                                                                                 \
          "pushq %rdx\n"                                                                                               \
          ".cfi_adjust_cfa_offset 8\n"                                                                                 \
          "pushq %rcx\n"                                                                                               \
          ".cfi_adjust_cfa_offset 8\n"                                                                                 \
          "pushq %r8\n"                                                                                                \
          ".cfi_adjust_cfa_offset 8\n"                                                                                 \
          "pushq %r9\n"                                                                                                \
          ".cfi_adjust_cfa_offset 8\n"                                                                                 \
          "subq $8, %rsp\n"                                                                                            \
          ".cfi_adjust_cfa_offset 8\n"                                                                                 \
          "call " #name "_target\n"                                                                                    \
          "movq %rax, %r11\n"                                                                                          \
          "addq $8, %rsp\n"                                                                                            \
          ".cfi_adjust_cfa_offset -8\n"                                                                                \
          "popq %r9\n"                                                                                                 \
          ".cfi_adjust_cfa_offset -8\n"                                                                                \
          "popq %r8\n"                                                                                                 \
          ".cfi_adjust_cfa_offset -8\n"                                                                                \
          "popq %rcx\n"                                                                                                \
          ".cfi_adjust_cfa_offset -8\n"                                                                                \
          "popq %rdx\n"                                                                                                \
          ".cfi_adjust_cfa_offset -8\n"                                                                                \
          "popq %rsi\n"                                                                                                \
          ".cfi_adjust_cfa_offset -8\n"                                                                                \
          "popq %rdi\n"                                                                                                \
          ".cfi_adjust_cfa_offset -8\n"                                                                                \
          "xorl %eax, %eax\n"                                                                                          \
          "jmp *%r11\n"                                                                                                \
          ".cfi_endproc\n"                                                                                             \
          ".size " #name ", . - " #name "\n");

ENTRY(syscall)
ENTRY(vfork)
ENTRY(clone)
#endif
