/*
 * One line on stderr that says how far a long read has come: on a terminal
 * only, and only once it has taken more than a second.
 */
#ifndef VMTRACE_PROGRESS_H
#define VMTRACE_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

struct progress {
  const char *what; /* a path */
  uint64_t next_ns; /* when the line is written again */
  bool terminal, shown;
};

void progress_begin(struct progress *p, const char *what);
/* Cheap enough for every few thousand events; done is 0 to 1. */
void progress_step(struct progress *p, double done);
/* Removes the line. */
void progress_end(struct progress *p);

#endif
