/*
 * The entries of syscall(), vfork() and clone() on aarch64.  See hook_syscall.h.
 */
#if defined(__aarch64__)
#include "entry/hook_syscall.h"

/* All arguments are in registers. */
#define ENTRY(name)                                                                                                    \
  __asm__(".text\n"                                                                                                    \
          ".p2align 4\n"                                                                                               \
          ".globl " #name "\n"                                                                                         \
          ".type " #name ", %function\n" #name ":\n"                                                                   \
          ".cfi_startproc\n"                                                                                           \
          "hint #34\n"                                                                                                 \
          "stp x29, x30, [sp, #-80]!\n"                                                                                \
          ".cfi_def_cfa_offset 80\n"                                                                                   \
          ".cfi_offset 29, -80\n"                                                                                      \
          ".cfi_offset 30, -72\n"                                                                                      \
          "mov x29, sp\n"                                                                                              \
          "stp x0, x1, [sp, #16]\n"                                                                                    \
          "stp x2, x3, [sp, #32]\n"                                                                                    \
          "stp x4, x5, [sp, #48]\n"                                                                                    \
          "str x6, [sp, #64]\n"                                                                                        \
          "bl " #name "_target\n"                                                                                      \
          "mov x16, x0\n"                                                                                              \
          "ldp x0, x1, [sp, #16]\n"                                                                                    \
          "ldp x2, x3, [sp, #32]\n"                                                                                    \
          "ldp x4, x5, [sp, #48]\n"                                                                                    \
          "ldr x6, [sp, #64]\n"                                                                                        \
          "ldp x29, x30, [sp], #80\n"                                                                                  \
          ".cfi_restore 29\n"                                                                                          \
          ".cfi_restore 30\n"                                                                                          \
          ".cfi_def_cfa_offset 0\n"                                                                                    \
          "br x16\n"                                                                                                   \
          ".cfi_endproc\n"                                                                                             \
          ".size " #name ", . - " #name "\n");

ENTRY(syscall)
ENTRY(vfork)
ENTRY(clone)
#endif
