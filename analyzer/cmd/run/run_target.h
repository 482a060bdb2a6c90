/*
 * Whether a program can be traced by preloading a library into it.
 */
#ifndef VMTRACE_RUN_TARGET_H
#define VMTRACE_RUN_TARGET_H

#include <limits.h>

#define TARGET_NOT_FOUND 127 /* exit codes of `run`, as shells and env(1) use them */
#define TARGET_UNFIT 126

/*
 * Finds program as execvp does and looks at its headers (for a script, at its
 * interpreter's).  0 with the path to execute; else TARGET_NOT_FOUND or
 * TARGET_UNFIT after one line on stderr that says why.
 */
int target_find(const char *program, char path[PATH_MAX]);

#endif
