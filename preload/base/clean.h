/*
 * What of a text from outside (a path, a variable's value, a name) goes into a
 * message as it is: a terminal must not obey it, and it must not look like another line.  The only such rule of the
 * library; log.c applies it.
 */
#ifndef VMTRACE_CLEAN_H
#define VMTRACE_CLEAN_H

#include <stdbool.h>
#include <stddef.h>

/*
 * Bytes of the character that s, which is ended by NUL, begins with: 1 for what is not UTF-8.  *shown: whether it may
 * be shown.  It may not if it is a control character (C0, DEL, C1), changes the direction of writing, ends a line, or
 * is not UTF-8.
 */
size_t clean_character(const char *s, bool *shown);

#endif
