/*
 * The stage of a stream: where the chunk at hand is written.  Only for
 * writer.c.  What returns int gives 0 or -errno; nothing allocates from the program's heap.
 */
#ifndef VMTRACE_STAGE_H
#define VMTRACE_STAGE_H

#include <stdbool.h>
#include <stddef.h>

#include "trace/trace.h"
#include "vmtrace/format.h"

/* Bytes up to the next multiple of the file's blocks. */
static inline size_t stage_blocks(size_t size)
{
  return (size + VT_CHUNK_ALIGN - 1) & ~(size_t)(VT_CHUNK_ALIGN - 1);
}

/* Begins the first chunk of a stream.  A writer that has no stage gets a small one. */
int stage_open(struct trace_writer *w);

/* Unmaps a stage, or nothing (NULL).  The first ones are part of the header's mapping, which goes as a whole: their
 * addresses serve nobody else. */
void stage_unmap(uint8_t *stage, uint32_t size);

/* The chunk at hand is done: begins the next one with room for need bytes.  By the owner, w->copying not held. */
int stage_next(struct trace_writer *w, size_t need);

/* Copies the stage's chunk to a place of its own, or (private) to its present one.  Under w->copying; foreign: the
 * caller may run in a descriptor table that is not the program's. */
int stage_write(struct trace_writer *w, bool foreign);

/* The same, and empties the stage for the next chunk.  Private: that gets a new place in the output. */
int stage_flush(struct trace_writer *w);

/* The stream ends: as stage_flush.  Where files may be mapped and not written, the stage is left in the file with its
 * chunk, and w has none (w->chunk is NULL).  Under w->copying. */
int stage_close(struct trace_writer *w);

#endif
