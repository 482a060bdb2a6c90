/*
 * Making the helper on aarch64: the clone call, which returns on a new stack
 * in the child and therefore cannot be a C function, and the thread pointer's
 * block.  Called by helper.c.
 */
#if defined(__aarch64__)
#include "frames/helper.h"

/*
 * In: x0 flags, x1 top, x2 tid, x3 thread_pointer, x4 fn, x5 arg.  The
 * kernel's order: x0 flags, x1 stack, x2 parent tid, x3 tls, x4 child tid.  fn
 * and arg wait on the new stack, which is 16-byte aligned.
 */
__asm__(".text\n"
        ".p2align 2\n"
        ".hidden helper_clone\n"
        ".globl helper_clone\n"
        ".type helper_clone, %function\n"
        "helper_clone:\n"
        "  .cfi_startproc\n"
        "  and x1, x1, #-16\n"
        "  stp x4, x5, [x1, #-16]!\n"
        "  mov x4, x2\n"
        "  mov x8, #220\n" /* clone */
        "  svc #0\n"
        "  cbz x0, 1f\n"
        "  ret\n"
        "1:\n"
        "  .cfi_undefined x30\n" /* the outermost frame: an unwinder ends here */
        "  mov x29, xzr\n"
        "  mov x30, xzr\n"
        "  ldp x1, x0, [sp], #16\n"
        "  blr x1\n"
        "  mov x0, xzr\n"
        "  mov x8, #93\n" /* exit: of this thread */
        "  svc #0\n"
        "  brk #0\n"
        "  .cfi_endproc\n"
        ".size helper_clone, . - helper_clone\n");

/* Thread-local variables follow the two words at the thread pointer, of which the kernel and the ABI ask nothing. */
void helper_prepare_tls(void *block)
{
  (void)block;
}
#endif
