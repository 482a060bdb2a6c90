/*
 * Messages of the analyzer.  Formats and writes one line, nothing else: what
 * follows from an error is decided by the caller.  Called from every room.
 */
#include "reader/complain.h"

#include <stdio.h>

void complain_args(const char *format, va_list args)
{
  char line[4096];

  vsnprintf(line, sizeof line, format, args);
  for (char *p = line; *p; p++) {
    if ((unsigned char)*p < 0x20 || *p == 0x7f)
      *p = '?';
  }
  /* stdout may hold lines that belong before this one; on a terminal they should appear there. */
  fflush(stdout);
  fprintf(stderr, "vmtrace: %s\n", line);
}

void complain(const char *format, ...)
{
  va_list args;

  va_start(args, format);
  complain_args(format, args);
  va_end(args);
}
