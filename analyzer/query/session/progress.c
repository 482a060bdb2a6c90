/*
 * The progress line; see progress.h.
 */
#include "query/session/progress.h"

#include <stdint.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "reader/plain_text.h"
#include "reader/terminal.h"

#define FIRST_NS UINT64_C(1000000000)
#define AGAIN_NS UINT64_C(100000000)

static uint64_t now_ns(void)
{
  struct timespec t;

  clock_gettime(CLOCK_MONOTONIC, &t);
  return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

void progress_begin(struct progress *p, const char *what)
{
  *p = (struct progress){.what = what, .terminal = terminal_can_erase(STDERR_FILENO), .next_ns = now_ns() + FIRST_NS};
}

void progress_step(struct progress *p, double done)
{
  char what[61];
  uint64_t now;

  if (!p->terminal)
    return;
  now = now_ns();
  if (now < p->next_ns)
    return;
  fprintf(stderr, "\rreading %s: %3.0f%%", plain_copy(what, sizeof what, p->what, SIZE_MAX), done * 100);
  p->shown = true;
  p->next_ns = now + AGAIN_NS;
}

void progress_end(struct progress *p)
{
  if (p->shown)
    fputs("\r\033[K", stderr);
  p->shown = false;
}
