/*
 * VMTRACE_* variables that there are not: likely to be mistyped, and of no effect.
 */
#ifndef VMTRACE_OPTION_NAMES_H
#define VMTRACE_OPTION_NAMES_H

#include <stddef.h>

/* Says one line about entry, "NAME=value" of the environment, if its name begins like the library's variables, is none,
 * and is almost one of them.  A name that is like none of them may be the program's own: it is mentioned at level info
 * only.  names: count of those that there are. */
void option_name_check(const char *entry, const char *const *names, size_t count);

#endif
