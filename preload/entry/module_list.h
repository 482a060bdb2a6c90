/*
 * The modules (executable and shared objects) of the process, compared with
 * what was recorded before.  The loader's list is read under the loader's own
 * lock and nothing else: no guard, no lock of ours.
 */
#ifndef VMTRACE_MODULE_LIST_H
#define VMTRACE_MODULE_LIST_H

#include <stdbool.h>

/* Records MODULE and MODULE_GONE for what changed.  Not in a signal handler, not while a hook runs. */
void modules_update(void);

/* In the child of a fork: its trace has no modules yet. */
void modules_renew(void);

#endif
