/*
 * Reading one trace file: open, check, decode, and merge its streams in time
 * order.  Memory does not grow with the length of the trace, but for an index
 * of a few bytes per chunk.  Nothing in a file can make these functions crash,
 * hang or allocate without bound: every length is checked against what is there.
 *
 * Order: events of one stream come in its own order; events of different
 * streams by time.  For the same address it is exact whatever the clock's
 * grain: a free never comes before the allocation that it frees, nor an
 * allocation before the free of that address's previous block (a stream whose next
 * event would do so waits until the other stream has caught up).
 */
#ifndef VMTRACE_READER_H
#define VMTRACE_READER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vmtrace/format.h"

/*
 * One event.  type is VT_R_*: hot records appear as VT_R_ALLOC (align 16) and
 * VT_R_FREE, an align of 0 as 16.  VT_R_TIME and VT_R_STACK never
 * appear: what they say is in time_ns and stack.  A chunk that says that
 * events before it were lost begins with a VT_R_LOSS of reason 0.
 */
struct event {
  uint32_t type;
  uint32_t thread;  /* stream number */
  uint64_t seq;     /* allocation events (alloc, realloc) of this thread before this one: an allocation's own number */
  uint64_t time_ns; /* CLOCK_MONOTONIC, as the header's start_ns */
  uint32_t stack;   /* call stack id; 0: none */
  uint32_t fields;
  uint64_t field[VT_FIELDS_MAX]; /* as VT_RECORDS names them */
  const uint8_t *tail;           /* valid until the next event is read; not NUL-terminated */
  size_t tail_len;
};

/* What was wrong with the file; a reader carries on over all of it. */
struct reader_damage {
  uint64_t bad_chunks;   /* headers that do not hold, or chunks that overlap the file's end */
  uint64_t bad_records;  /* chunks whose decoding stopped early */
  uint64_t first_offset; /* of the first damage; 0: none */
  bool cut;              /* shorter than the header says */
};

struct reader;

#define READER_ALL 0u
#define READER_SAMPLES 1u /* only the sampler's stream: for reports that need no allocation events */

/* NULL after one line on stderr that says what is wrong with which file. */
struct reader *reader_open(const char *path, unsigned flags);
void reader_close(struct reader *r);

/* To be called before the first reader_next: as if the reader had been opened with READER_SAMPLES. */
void reader_samples_alone(struct reader *r);

/*
 * To be called before the first reader_next: only chunks that may hold events
 * between these times are read, whole chunks, so that earlier and later events come, too. What is read knows
 * nothing of blocks allocated before, and their frees come at the latest time
 * that their thread's clock allows.
 */
void reader_limit(struct reader *r, uint64_t from_ns, uint64_t to_ns);
const char *reader_path(const struct reader *r);
uint64_t reader_size(const struct reader *r); /* of the file, in bytes */
const struct vt_file_header *reader_header(const struct reader *r);
/* When the process ended; of the last sign of life that header and chunks give when it left no word. */
uint64_t reader_last_ns(const struct reader *r);
const struct reader_damage *reader_damage(const struct reader *r);

/* The next event in order, NULL at the end.  Valid until the next call. */
const struct event *reader_next(struct reader *r);

/* How far reading has come, 0 to 1, for progress lines. */
double reader_progress(const struct reader *r);

/* The lineage of a stream: "0", "0.1", "0.1.2"; "?N" for adopted threads, "sampler" for the sampler.  Known before its
 * first event is returned.  Lives as long as the reader. */
const char *reader_lineage(const struct reader *r, uint32_t thread);
bool reader_has_lineage(const struct reader *r, const char *lineage);
unsigned reader_threads(const struct reader *r); /* streams of the program, without the sampler */

/* "alloc", "free" ...: the op name of a record type, NULL for an unknown one; and the names of its fields, in
 * order, separated by blanks. */
const char *reader_op_name(uint32_t type);
const char *reader_field_names(uint32_t type);

/* Whether the program did it; else it is the tracer's own account (samples, names of call stacks, losses). */
bool reader_is_program(const struct event *e);

#endif
