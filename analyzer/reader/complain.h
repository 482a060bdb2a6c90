/*
 * The one way in which the analyzer says what is wrong: one line on stderr.
 */
#ifndef VMTRACE_COMPLAIN_H
#define VMTRACE_COMPLAIN_H

#include <stdarg.h>

/* Writes "vmtrace: " and the message as exactly one line: names in it appear as plain_text.h says.  A message of more
 * than 4 KiB is cut. */
void complain(const char *format, ...) __attribute__((format(printf, 1, 2)));
void complain_args(const char *format, va_list args) __attribute__((format(printf, 1, 0)));

#endif
