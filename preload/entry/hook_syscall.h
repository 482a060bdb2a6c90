/*
 * syscall(), vfork() and clone().  syscall: for the numbers below what a hook does for libc's function of that name,
 * for all others nothing.  Those are passed on by a jump: a child of clone or vfork returns through it on another
 * stack, or twice.
 */
#ifndef VMTRACE_HOOK_SYSCALL_H
#define VMTRACE_HOOK_SYSCALL_H

#include <stdbool.h>

typedef long (*syscall_fn)(long number, ...);

/* Where a call is to go: libc's function, or syscall_watched.  Makes the calling thread known. */
syscall_fn syscall_target(long number);

/* vfork and clone are passed on in the same way.  Their child may share the memory and not the process: that has to be
 * looked at from now on. */
typedef int (*vfork_fn)(void);
typedef int (*clone_fn)(int (*)(void *), void *, int, void *, ...);
vfork_fn vfork_target(void);
clone_fn clone_target(void);

#endif
