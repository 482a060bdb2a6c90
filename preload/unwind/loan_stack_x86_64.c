/*
 * The change of stacks on x86-64.  The caller's stack is found again by rbp,
 * by this function as by those who unwind through it.
 */
#if defined(__x86_64__)
#include "unwind/loan_stack.h"

__asm__(".text\n"
        ".p2align 4\n"
        ".hidden loan_stack_switch\n"
        ".globl loan_stack_switch\n"
        ".type loan_stack_switch, @function\n"
        "loan_stack_switch:\n"
        ".cfi_startproc\n"
        "endbr64\n"
        "pushq %rbp\n"
        ".cfi_def_cfa_offset 16\n"
        ".cfi_offset %rbp, -16\n"
        "movq %rsp, %rbp\n"
        ".cfi_def_cfa_register %rbp\n"
        "movq %rdi, %rax\n"
        "movq %rsi, %rdi\n"
        "movq %rdx, %rsp\n"
        "call *%rax\n"
        "movq %rbp, %rsp\n"
        "popq %rbp\n"
        ".cfi_def_cfa %rsp, 8\n"
        "ret\n"
        ".cfi_endproc\n"
        ".size loan_stack_switch, . - loan_stack_switch\n");
#endif
