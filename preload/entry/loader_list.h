/*
 * What the dynamic loader has loaded, without asking it: its functions take a lock that a signal handler may have
 * interrupted, and that in the child of a fork may be held by a thread that is not there.
 */
#ifndef VMTRACE_LOADER_LIST_H
#define VMTRACE_LOADER_LIST_H

#include <stdint.h>

/* A number that changes with the list; 0: the loader is in the middle of changing it, or nothing can be said.  Any
 * thread, also in a signal handler. */
uint64_t loader_list_print(void);

#endif
