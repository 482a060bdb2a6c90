/*
 * A trace in numbers: what `vmtrace info` shows, from one pass over all events.
 */
#ifndef VMTRACE_DIGEST_H
#define VMTRACE_DIGEST_H

#include "reader/reader.h"
#include "track/caveats.h"
#include "track/foreign_malloc.h"
#include "track/heap_errors.h"
#include "track/mark_list.h"
#include "track/stack_digest.h"
#include "track/tracker.h"

struct digest {
  const struct reader *reader; /* outlives the digest */
  const struct vt_file_header *header;
  const struct reader_damage *damage;
  uint64_t count[VT_R_LIMIT]; /* events per record type */
  uint64_t events;            /* their sum */
  uint64_t lost;              /* events that the program made and the trace does not have */
  uint64_t end_ns;            /* when the image ended; of the last sign of life when it left no word */
  bool complete;              /* traced to its end, the file is whole, and the program called the library's malloc */
  bool deterministic;
  struct stack_digest stacks;
  struct marks marks;
  struct caveats caveats;
  char *exec_path; /* what the latest exec was for: any bytes, exec_length of them, and a NUL behind; NULL: none */
  size_t exec_length;
  struct own_malloc own_malloc;
  struct heap_errors *errors; /* names of functions are looked up when asked for */
  /* On the way. */
  uint64_t seen_ns, chunks_lost, records_lost;
};

/* State: struct digest. */
extern const struct tracker tracker_digest;

/* "exit", "signal", "exec", "unknown". */
const char *digest_ended(const struct digest *d);

/* Reasons in words; "" for none, "an unknown reason" for those of later versions. */
const char *digest_stop_words(uint32_t loss);
const char *digest_nondet_words(uint32_t nondet);
const char *digest_untraced_words(uint32_t untraced); /* what the record's text completes */

#endif
