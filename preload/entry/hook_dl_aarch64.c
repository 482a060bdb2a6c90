/*
 * The entry of dlopen on aarch64: asks dlopen_target and jumps there.  Both
 * arguments and the return address are kept on the stack meanwhile, where it may change the second.
 */
#if defined(__aarch64__)
#include "entry/hook_dl.h"

__asm__(".text\n"
        ".p2align 2\n"
        ".globl dlopen\n"
        ".type dlopen, %function\n"
        "dlopen:\n"
        ".cfi_startproc\n"
        "stp x0, x1, [sp, #-32]!\n"
        ".cfi_adjust_cfa_offset 32\n"
        "str x30, [sp, #16]\n"
        ".cfi_rel_offset x30, 16\n"
        "add x1, sp, #8\n"
        "bl dlopen_target\n"
        "mov x16, x0\n"
        "ldr x30, [sp, #16]\n"
        "ldp x0, x1, [sp], #32\n"
        ".cfi_adjust_cfa_offset -32\n"
        ".cfi_restore x30\n"
        "br x16\n"
        ".cfi_endproc\n"
        ".size dlopen, . - dlopen\n");
#endif
