/*
 * An instant that a report is about: one point of the machine's clock for all traces of a boot.
 */
#ifndef VMTRACE_INSTANT_H
#define VMTRACE_INSTANT_H

#include <stdbool.h>
#include <stdint.h>

enum instant_kind {
  INSTANT_END,        /* each process's own end */
  INSTANT_PEAK,       /* when the most bytes were live, of all processes of a boot together */
  INSTANT_START_PLUS, /* offset_ns after the first of the traces began */
  INSTANT_END_MINUS,  /* offset_ns before the last of them ended */
  INSTANT_CLOCK,      /* wall-clock time */
  INSTANT_OF_DAY,     /* the same, of the day on which the first trace began or of the next */
  INSTANT_MARK        /* when any of the processes set that mark */
};

struct instant {
  enum instant_kind kind;
  uint64_t offset_ns; /* START_PLUS, END_MINUS; CLOCK: nanoseconds since 1970; OF_DAY: since midnight */
  const char *mark;   /* MARK: its name, mark_len bytes of it */
  unsigned mark_len;
  uint64_t nth; /* MARK: which one of that name, from 1 */
};

/*
 * "end", "peak", "mark:NAME", "mark:NAME#3", "1.5", "1.5s", "200ms", "2min" (since the first trace began), "-2s"
 * (before the last one ended), "14:03:07.25" (local time of that day), "2026-05-01 14:03:07" (the same),
 * "2026-05-01T14:03:07Z". False when text is none of these; instant refers to text.
 */
bool instant_parse(const char *text, struct instant *instant);

/* The wall-clock time of a CLOCK or an OF_DAY, in nanoseconds since 1970, for traces that began then. */
uint64_t instant_clock(const struct instant *instant, uint64_t start_real_ns);

/* What instant_parse takes, for messages. */
#define INSTANT_TAKES                                                                                                  \
  "a time since the start (2.5, 300ms), before the end (-2s), of the day (14:03:07), peak, end or mark:NAME"

#endif
