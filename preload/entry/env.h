/*
 * The environment that children inherit: paths made absolute, and the id of
 * the trace that they descend from (VMTRACE_PARENT, 32 hexadecimal digits).
 *
 * Pointers in the program's environ are replaced by such to the library's own
 * memory; the program's strings are never written, and environ never grows.
 */
#ifndef VMTRACE_ENV_H
#define VMTRACE_ENV_H

#include <stddef.h>

/* Gives VMTRACE_PARENT, if it is set, to trace_set_parent.  Works before libc's environ is set. */
void env_read_parent(void);

/* Makes LD_PRELOAD's entry for this library and VMTRACE_OUT absolute, in environ. */
void env_make_absolute(void);

/*
 * The environment for an exec or spawn out of this image: env with
 * VMTRACE_PARENT naming this image's trace.  Built in list, which has room for
 * env_count(env) pointers, and text, ENV_PARENT_SIZE bytes.  Returns env
 * itself when the new program will not be traced by us, or this one is not.
 *
 * env_count: 0 when env leads into memory that cannot be read; then it is to be handed on as it is, for the kernel to
 * say so.
 */
#define ENV_PARENT_SIZE 48
size_t env_count(char *const *env);
char *const *env_with_parent(char *const *env, char **list, char *text);

#endif
