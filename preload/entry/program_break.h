/*
 * The program break's part in a fork; the hooks are in hook_brk.c.
 */
#ifndef VMTRACE_PROGRAM_BREAK_H
#define VMTRACE_PROGRAM_BREAK_H

#include "base/thread.h"

/* In the child: self is the only thread. */
void break_renew(struct thread *self);

#endif
