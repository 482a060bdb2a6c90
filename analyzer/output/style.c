/*
 * See style.h.
 */
#include "output/style.h"

#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "reader/terminal.h"

#define WIDTH_MAX 100000u

/* What COLUMNS says; false: nothing that can be a width. */
static bool width_of_environment(unsigned *width)
{
  const char *text = getenv("COLUMNS");
  char *end;
  unsigned long n = text ? strtoul(text, &end, 10) : 0;

  if (!text || *text < '0' || *text > '9' || *end || n > WIDTH_MAX)
    return false;
  *width = (unsigned)n;
  return true;
}

struct style style_for(FILE *out)
{
  struct style style = {.width = STYLE_WIDTH, .colour = terminal_has_colour(fileno(out))};
  struct winsize size;

  if (width_of_environment(&style.width))
    return style;
  if (isatty(fileno(out)) && ioctl(fileno(out), TIOCGWINSZ, &size) == 0 && size.ws_col)
    style.width = size.ws_col;
  return style;
}
