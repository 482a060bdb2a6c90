/*
 * Messages of the analyzer.  Formats and writes one line, nothing else: what
 * follows from an error is decided by the caller.  Called from every room.
 */
#include "reader/complain.h"

#include <stdio.h>

#include "reader/plain_text.h"

void complain_args(const char *format, va_list args)
{
  char line[4096];

  vsnprintf(line, sizeof line, format, args);
  /* stdout may hold lines that belong before this one; on a terminal they should appear there. */
  fflush(stdout);
  fputs("vmtrace: ", stderr);
  plain_puts(stderr, line);
  putc('\n', stderr);
}

void complain(const char *format, ...)
{
  va_list args;

  va_start(args, format);
  complain_args(format, args);
  va_end(args);
}
