/*
 * The change of stacks on aarch64.  The caller's stack is found again by x29,
 * by this function as by those who unwind through it.
 */
#if defined(__aarch64__)
#include "unwind/loan_stack.h"

__asm__(".text\n"
        ".p2align 2\n"
        ".hidden loan_stack_switch\n"
        ".globl loan_stack_switch\n"
        ".type loan_stack_switch, %function\n"
        "loan_stack_switch:\n"
        ".cfi_startproc\n"
        "stp x29, x30, [sp, #-16]!\n"
        ".cfi_def_cfa_offset 16\n"
        ".cfi_offset x29, -16\n"
        ".cfi_offset x30, -8\n"
        "mov x29, sp\n"
        ".cfi_def_cfa_register x29\n"
        "mov x9, x0\n"
        "mov x0, x1\n"
        "mov sp, x2\n"
        "blr x9\n"
        "mov sp, x29\n"
        "ldp x29, x30, [sp], #16\n"
        ".cfi_def_cfa sp, 0\n"
        ".cfi_restore x29\n"
        ".cfi_restore x30\n"
        "ret\n"
        ".cfi_endproc\n"
        ".size loan_stack_switch, . - loan_stack_switch\n");
#endif
