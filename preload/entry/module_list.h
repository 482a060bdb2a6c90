/*
 * The modules (executable and shared objects) of the process, compared with
 * what was recorded before.  The loader's list is read under the loader's own
 * lock and nothing else: no guard, no lock of ours.
 */
#ifndef VMTRACE_MODULE_LIST_H
#define VMTRACE_MODULE_LIST_H

#include <stdbool.h>

/* Records MODULE and MODULE_GONE for what changed.  Not while a hook runs.  Asks the loader: only where its functions
 * may be called. */
void modules_update(void);
/* The same at an end or a fork, which may be in a signal handler, and in the child of a fork: the loader is asked only
 * if its list has changed and it is not at work. */
void modules_catch_up(void);

/* In the child of a fork: its trace has no modules yet. */
void modules_renew(void);

#endif
