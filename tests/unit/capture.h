/*
 * What a piece of code writes to stdout or stderr, as a string; and temporary files, for tests.
 */
#ifndef VMTRACE_CAPTURE_H
#define VMTRACE_CAPTURE_H

/* From begin to end what the process writes to fd (1 or 2) is kept; end returns it, to be freed by the caller. */
void capture_begin(int fd);
char *capture_end(void);

/* A path in a directory that is removed, with all files in it, when the process that called first exits. */
const char *temp_path(const char *name);

#endif
