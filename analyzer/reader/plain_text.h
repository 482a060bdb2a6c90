/*
 * The one cleaner of names.  What a trace, a file or another user calls
 * something (processes, threads, modules, functions, marks, paths, hosts,
 * arguments) may hold any bytes.  Shown to people, on stdout and stderr, it
 * can neither steer a terminal, nor forge a line, nor turn the text around:
 *
 *   control characters (C0, DEL, C1), line and paragraph separators,
 *   overrides of direction, and what has no width       '?'
 *   bytes that are not UTF-8                            U+FFFD, each
 *
 * All else stays as it is.  JSON has the names as they are, as escapes where
 * it must (emit_json_string, info_text_value).  The lint looks for names that
 * are printed without this.
 */
#ifndef VMTRACE_PLAIN_TEXT_H
#define VMTRACE_PLAIN_TEXT_H

#include <stddef.h>
#include <stdio.h>

/* The next character of the n bytes (1 or more) at text: how many bytes it takes there, and what is shown for it. */
size_t plain_next(const char *text, size_t n, const char **shown, size_t *length);

/* Writes a name; of text up to its NUL, or all n bytes. */
void plain_puts(FILE *out, const char *text);
void plain_put(FILE *out, const char *text, size_t n);

/* Copies a name up to its NUL, at most n bytes of it, to out, of room bytes with the NUL that is put behind; cut after
 * a whole character.  Returns out. */
char *plain_copy(char *out, size_t room, const char *text, size_t n);

/* The same in memory of its own, uncut. */
char *plain_dup(const char *text, size_t n);

#endif
