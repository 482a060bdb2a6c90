/*
 * Text by the columns that it takes on a terminal.  All texts here are clean (plain_text.h): valid UTF-8 without
 * control characters.
 */
#ifndef VMTRACE_TEXT_WIDTH_H
#define VMTRACE_TEXT_WIDTH_H

#include <stddef.h>
#include <stdio.h>

/* Columns of the n bytes at text: wide characters take two, combining ones none.  Independent of the user's locale. */
unsigned text_width(const char *text, size_t n);

/*
 * Writes text in width columns: what is longer is cut in its middle, where "…" then stands, for a path or a
 * "function (file.c:12) in module" is told apart by both its ends.  Returns how many columns were written.
 */
unsigned text_put_cut(FILE *out, const char *text, unsigned width);

#endif
