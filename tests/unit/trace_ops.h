/*
 * A reproducible sequence of trace events: written through the writer's
 * interface, and later compared with what was decoded.
 */
#ifndef TESTS_TRACE_OPS_H
#define TESTS_TRACE_OPS_H

#include <stdbool.h>
#include <stdint.h>

#include "trace/trace.h"
#include "trace_decode.h"

struct ops {
  uint64_t seed;
};

/* Writes the next operation.  Every kind occurs: hot and general, all lengths, tails up to the maximum. */
void ops_write(struct ops *ops, struct trace_writer *w);
/* Ends the test unless e is the next operation. */
void ops_expect(struct ops *ops, const struct decoded_event *e);
/* The events of the stream from its second record on (the first is THREAD) are the sequence from seed, up to its end or
 * to a LOSS, the last one; how many. */
uint64_t ops_expect_stream(uint64_t seed, const struct decoded_stream *stream);

/* Starts a trace by that template (absolute). */
bool trace_begin(const char *path_template, unsigned flags);
struct trace_writer *trace_first_writer(void);

#define TRACE_NUMBERS 70000 /* descriptor numbers at which the trace's own may be */
/* The number of the trace's descriptor.  The limit is raised above it, so that a test can use it as a program could
 * whose limit was higher. */
int trace_number(void);

#endif
