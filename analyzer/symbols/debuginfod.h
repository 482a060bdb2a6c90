/*
 * Debug files from a debuginfod server, through elfutils' library, which is
 * loaded when it is needed and does without when it is not installed.
 */
#ifndef VMTRACE_DEBUGINFOD_H
#define VMTRACE_DEBUGINFOD_H

/*
 * Asks the servers of DEBUGINFOD_URLS, if the user has set it, for the debug
 * file of a build (hexadecimal digits).  A descriptor, and in *path, to be freed, the
 * file in the user's cache; -1: none.  Says on a terminal what it is waiting
 * for.  A server that does not answer is not asked again.
 */
int debuginfod_fetch(const char *build_id, char **path);

#endif
