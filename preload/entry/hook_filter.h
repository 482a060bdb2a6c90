/*
 * The program installs a seccomp filter, by prctl or by seccomp: from then on
 * the library makes no call that the filter does not let pass (base/filter.h).
 */
#ifndef VMTRACE_HOOK_FILTER_H
#define VMTRACE_HOOK_FILTER_H

#include <stdbool.h>

/* Whether the system call `number` with those arguments would install one. */
bool filter_is_installed_by(long number, const long arg[6]);
/* Makes that call as the program would have: libc's result, and errno. */
long filter_call(long number, const long arg[6]);

#endif
