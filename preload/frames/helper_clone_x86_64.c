/*
 * Making the helper on x86-64: the clone call, which returns on a new stack
 * in the child and therefore cannot be a C function, and the thread control
 * block.  Called by helper.c.
 */
#if defined(__x86_64__)
#include "frames/helper.h"

/*
 * In: rdi flags, rsi top, rdx tid, rcx thread_pointer, r8 fn, r9 arg.  The
 * kernel's order: rdi flags, rsi stack, rdx parent tid, r10 child tid, r8 tls.
 * fn and arg wait on the new stack, which is 16-byte aligned when fn is called.
 */
__asm__(".text\n"
        ".hidden helper_clone\n"
        ".globl helper_clone\n"
        ".type helper_clone, @function\n"
        "helper_clone:\n"
        "  .cfi_startproc\n"
        "  endbr64\n"
        "  andq $-16, %rsi\n"
        "  subq $16, %rsi\n"
        "  movq %r8, (%rsi)\n"
        "  movq %r9, 8(%rsi)\n"
        "  movq %rdx, %r10\n"
        "  movq %rcx, %r8\n"
        "  movl $56, %eax\n" /* clone */
        "  syscall\n"
        "  testq %rax, %rax\n"
        "  jz 1f\n"
        "  ret\n"
        "1:\n"
        "  .cfi_undefined rip\n" /* the outermost frame: an unwinder ends here */
        "  xorl %ebp, %ebp\n"
        "  popq %rax\n"
        "  popq %rdi\n"
        "  call *%rax\n"
        "  xorl %edi, %edi\n"
        "  movl $60, %eax\n" /* exit: of this thread */
        "  syscall\n"
        "  hlt\n"
        "  .cfi_endproc\n"
        ".size helper_clone, . - helper_clone\n");

/* %fs:0 and %fs:16 point at the block itself (the ABI's self pointer, glibc's own). */
void helper_prepare_tls(void *block)
{
  void **words = block;

  words[0] = block;
  words[2] = block;
}
#endif
