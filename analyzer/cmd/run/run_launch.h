/*
 * Starting copies of a program under the library, all at once, and waiting for them.
 */
#ifndef VMTRACE_RUN_LAUNCH_H
#define VMTRACE_RUN_LAUNCH_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* One copy. */
struct copy {
  pid_t pid;
  bool ended;
  int status;      /* as waitpid gives it */
  uint64_t end_ns; /* CLOCK_MONOTONIC when it was found to have ended */
};

/* Where libvmtrace.so is: beside this program, else in the library directories that belong to its place.  False after
 * one line on stderr. */
bool launch_find_library(char path[PATH_MAX]);

/* Puts library into LD_PRELOAD of this process's environment: first, but after AddressSanitizer's runtime, which
 * insists on that place.  False after one line on stderr. */
bool launch_preload(const char *library);

/*
 * Starts count copies of path with argv; no copy runs before all are there.
 * 0, or the exit code (126 or 127) after one line on stderr; then none is left.
 */
int launch_start(const char *path, char **argv, struct copy *copies, size_t count);

/*
 * Waits until all have ended.  Signals that ask this process to end (INT, TERM,
 * HUP, QUIT) go to the copies.  After duration_ns (0: no limit) they get SIGTERM, and
 * SIGKILL if that does not end them.  True: the time was up.
 */
bool launch_wait(struct copy *copies, size_t count, uint64_t duration_ns);

#endif
