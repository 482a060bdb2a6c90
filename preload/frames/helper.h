/*
 * The bare thread that the sampler runs in: made by clone, unknown to libc,
 * all signals blocked, with a descriptor table of its own.  What runs in it must use no libc function that needs
 * thread-local state.
 */
#ifndef VMTRACE_HELPER_H
#define VMTRACE_HELPER_H

#include <stdbool.h>
#include <stdint.h>

struct helper {
  uint32_t tid;   /* set by the kernel, and zeroed when the thread is gone */
  uint32_t ready; /* 1: it has its own descriptors */
  int32_t number; /* the thread's id, kept after tid was zeroed */
  int keep_fd;    /* the one descriptor that it keeps; -1: none */
  void (*open)(void);
  void (*run)(void);
  void *memory; /* stack, thread-local storage */
};

/*
 * Starts the thread and waits until it has closed every inherited descriptor
 * but keep_fd and has called open(); it then calls run() and ends when that returns.  False: the
 * kernel refused, or gave no sign of life in time; nothing is left behind.
 */
bool helper_start(struct helper *helper, int keep_fd, void (*open)(void), void (*run)(void));
/* Waits until the thread, which was told to return, has left the process, so that it counts as single-threaded again.
 * False: not within two seconds (stopped by a debugger); its memory then stays. */
bool helper_join(struct helper *helper);
bool helper_alive(const struct helper *helper);
/* In the child of a fork, where neither the thread nor its memory exists; or when the thread is gone: its memory goes
 * back. */
void helper_forget(struct helper *helper);

/* Sleeps until *word is no longer expected, somebody wakes it, or the absolute time on CLOCK_MONOTONIC has come. */
void helper_sleep(uint32_t *word, uint32_t expected, uint64_t until_ns);

/* helper_clone_<architecture>.c.  The thread starts in fn(arg) on the stack that ends at top and ends when it returns;
 * the kernel keeps its id in *tid until it is gone.  thread_pointer is what the architecture's TLS register gets.  The
 * id, or -errno. */
long helper_clone(unsigned long flags, void *top, uint32_t *tid, void *thread_pointer, void (*fn)(void *), void *arg);
/* Puts what code expects to find at the thread pointer there: block is zeroed memory with room on both sides. */
void helper_prepare_tls(void *block);

#endif
