/*
 * See pager.h.  What is to be shown is kept until its height is known: reports for people are short.
 */
#include "output/pager.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "reader/terminal.h"
#include "reader/xalloc.h"

static const char *pager_command(void)
{
  const char *command = getenv("PAGER");

  return command ? command : "less";
}

void pager_begin(struct pager *p, FILE *terminal)
{
  const char *command = pager_command();

  *p = (struct pager){.out = terminal};
  if (!terminal_can_erase(fileno(terminal)) || !*command || !strcmp(command, "cat"))
    return;
  p->terminal = terminal;
  p->out = open_memstream(&p->kept, &p->size);
  if (!p->out)
    xalloc_failed();
}

static size_t height_of(const char *text)
{
  size_t lines = 0;

  while ((text = strchr(text, '\n'))) {
    lines++;
    text++;
  }
  return lines;
}

static int show_by_pager(const struct pager *p)
{
  void (*before)(int);
  FILE *pipe;
  int status;

  if (!getenv("LESS"))
    xsetenv("LESS", "FRX");
  fflush(p->terminal);
  pipe = popen(pager_command(), "w");
  if (!pipe)
    return -1;
  before = signal(SIGPIPE, SIG_IGN); /* who has seen enough quits */
  fwrite(p->kept, 1, p->size, pipe);
  status = pclose(pipe);
  signal(SIGPIPE, before);
  return WIFEXITED(status) && WEXITSTATUS(status) == 127 ? -1 : 0;
}

void pager_end(struct pager *p)
{
  struct winsize size;

  if (!p->terminal)
    return;
  if (fclose(p->out) != 0)
    xalloc_failed();
  if (ioctl(fileno(p->terminal), TIOCGWINSZ, &size) != 0 || height_of(p->kept) < size.ws_row || show_by_pager(p) < 0)
    fwrite(p->kept, 1, p->size, p->terminal);
  free(p->kept);
}
