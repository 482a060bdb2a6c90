/*
 * What process.c and process_fork.c share, and nobody else includes.
 */
#ifndef VMTRACE_PROCESS_STATE_H
#define VMTRACE_PROCESS_STATE_H

#include <stdbool.h>
#include <stdint.h>

#include "entry/process.h"

struct process_state {
  enum process_mode mode;
  bool traced;   /* a trace was started in this image */
  int *live_pid; /* in a page that the kernel wipes in a forked child: the pid, 0 in a child that no hook saw */
};

extern struct process_state process __attribute__((visibility("hidden")));

/* Sets *live_pid. */
void process_mark_live(void);
/* Starts the trace of this image, with a stream for t, the only thread. */
void process_open_trace(struct thread *t);
/* Registers the handlers around libc's fork. */
void process_register_fork(void);
/* A child that was made by a raw system call makes itself a process of its own.  stack is that of the running hook's
 * event, or none; the result is the same for the new trace, which has none of the parent's stacks. */
uint32_t process_surprise_fork(uint32_t stack);

#endif
