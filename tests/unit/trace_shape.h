/*
 * Traces as programs of several shapes leave them, long enough to be packed.
 */
#ifndef TESTS_TRACE_SHAPE_H
#define TESTS_TRACE_SHAPE_H

#include <stdbool.h>
#include <stdint.h>

/* A program of the kind that there is: few call stacks in few patterns, blocks freed soon and in order, reallocs. */
struct shape {
  unsigned streams, events, shift;
  bool wild; /* no pattern at all */
};

/* Two with one stream, in patterns and without; three streams; a hundred; and one without an event. */
#define SHAPES 5
extern const struct shape shapes[SHAPES];

/* The path of a new trace of that shape, the same each time. */
const char *shape_trace(const struct shape *shape);

/* 24 bits that follow from *state. */
uint32_t shape_random(uint32_t *state);

#endif
