/*
 * Terminals; see terminal.h.  Called by commands and progress lines.
 */
#include "reader/terminal.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

bool terminal_can_erase(int fd)
{
  const char *term = getenv("TERM");

  return isatty(fd) == 1 && term && *term && strcmp(term, "dumb") != 0;
}

bool terminal_has_colour(int fd)
{
  const char *refused = getenv("NO_COLOR");

  return terminal_can_erase(fd) && !(refused && *refused);
}
