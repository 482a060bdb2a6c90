/*
 * Sanitizers own malloc: the library leaves their programs.
 */
#ifndef VMTRACE_SANITIZER_H
#define VMTRACE_SANITIZER_H

#include <stdint.h>

/* The name of the sanitizer whose runtime is in the process; NULL: none.  Asks nobody, allocates nothing. */
const char *sanitizer_name(void);

/*
 * Starts the program anew without this library in LD_PRELOAD: same executable, arguments and environment otherwise.
 * mask is the signal mask to start it with.  For the start of the process: one thread, no code of the program has run.
 * Returns when that cannot be done, as without /proc, or when the library did not come by LD_PRELOAD.
 */
void sanitizer_leave(uint64_t mask);

#endif
