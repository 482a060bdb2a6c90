/*
 * Seccomp filters that the program has installed: copies of their programs,
 * against which each system call of the library's own is judged before it is made (sys_call).  A call that would end
 * the program, or that somebody would be told of, is not made.
 *
 * Filters from before the start (a service manager's) are not known here; sys_filtered tells that there is one.
 */
#ifndef VMTRACE_FILTER_H
#define VMTRACE_FILTER_H

#include <stdbool.h>
#include <stddef.h>

struct sock_fprog;

/* The filters in force for a thread, the newest first.  Never changed, never freed: threads and children share it. */
struct filter;

/* Before the calling thread installs another one: memory for it; NULL: there is none. */
struct filter *filter_prepare(void);
/* The kernel has taken program, which was there to be read: it is in force for the calling thread and those that it
 * makes; everywhere: for all threads.  prepared may be NULL: then no call at all is permitted from here on. */
void filter_install(struct filter *prepared, const struct sock_fprog *program, bool everywhere);
void filter_cancel(struct filter *prepared);

/* Those of the calling thread, for a thread that it makes; and those of the thread that made the calling one. */
const struct filter *filter_get(void);
void filter_inherit(const struct filter *filter);
/* The calling thread was made by nobody knows whom: the latest that any thread has installed may be in force. */
void filter_assume(void);

#endif
