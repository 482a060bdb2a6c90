/*
 * How the process ends when its threads end one by one: by the bare exit
 * system call, or each killed by a seccomp filter.  The helper would be the
 * last thread then, and a process that should be gone would go on.  It notices,
 * and leaves with the end that the last thread of the program had.
 */
#ifndef VMTRACE_LAST_THREAD_H
#define VMTRACE_LAST_THREAD_H

#include <stdbool.h>
#include <stdint.h>

/* Called before the helper starts, by a thread of the program: if it is the first one, its end is noticed at once. */
void last_thread_announce(void);
/* In the child of a fork: its first thread is another one. */
void last_thread_forget(void);

/* In the helper.  Once, when it starts. */
void last_thread_watch(void);
/* As helper_sleep, but the end of the first thread wakes it too. */
void last_thread_sleep(uint32_t *word, uint32_t expected, uint64_t until_ns);
/* Whether the first thread has ended, as far as that is known without a system call: then it is time to look around
 * every LAST_THREAD_NS. */
#define LAST_THREAD_NS UINT64_C(10000000)
bool last_thread_is_near(void);
/* Leaves the process, and does not return, if no thread of the program is left. */
void last_thread_look(void);

#endif
