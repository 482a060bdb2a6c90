/*
 * The moment of a trace that a report of the heap is about.
 */
#ifndef VMTRACE_HEAP_MOMENT_H
#define VMTRACE_HEAP_MOMENT_H

#include <stdbool.h>
#include <stdint.h>

enum heap_moment_kind {
  MOMENT_END,
  MOMENT_PEAK, /* when the most bytes were live */
  MOMENT_TIME,
  MOMENT_MARK
};

struct heap_moment {
  enum heap_moment_kind kind;
  uint64_t offset_ns; /* MOMENT_TIME: since the trace began */
  const char *mark;   /* MOMENT_MARK: its name, mark_len bytes of it */
  unsigned mark_len;
  uint64_t nth; /* MOMENT_MARK: the how manieth of that name, from 1 */
};

/* A moment in one trace. */
struct heap_instant {
  uint64_t time_ns;  /* CLOCK_MONOTONIC; all events up to it ... */
  uint64_t events;   /* ... or, if not UINT64_MAX, exactly so many events from the start */
  uint64_t pages_ns; /* samples that began by then tell what was resident: time_ns, or when the sample nearest to a mark
                      * began */
  uint64_t found;    /* of a mark that is missing: how often one of that name was set */
};

/* A result of heap_instant_find: the process did not set that mark. */
#define HEAP_MARK_MISSING 1

/* "end", "peak", "mark:NAME", "mark:NAME#3", "1.5", "1.5s", "200ms", "2min" ... False when text is none of these;
 * moment refers to text. */
bool heap_moment_parse(const char *text, struct heap_moment *moment);

/* Called now and then while a trace is read, with how far it has come (0 to 1). */
typedef void (*heap_step)(void *arg, double done);

/* Finds the moment in a trace: reads it, for a peak or a mark.  0, HEAP_MARK_MISSING, or -1 after one line on stderr.
 */
int heap_instant_find(const char *path, const struct heap_moment *moment, struct heap_instant *instant, heap_step step,
                      void *arg);

/* One line on stderr about a mark that is missing. */
void heap_mark_complain(const char *path, const struct heap_moment *moment, const struct heap_instant *instant);

#endif
