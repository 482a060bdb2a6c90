/*
 * The stage of a stream: the memory in which its chunk at hand is written, and
 * how that chunk gets into the file.  Everything here is off the event path.  Called by writer.c; knows one writer at a
 * time, and must not touch the program's heap.
 *
 * A stage is in one of two states.  Its header is valid: then it is the
 * stream's latest chunk, complete up to the first zero byte where a record
 * would begin.  Or its header is zero: then it is nothing.  Between the copy
 * of a full stage and the clearing of its header the chunk is in the file twice,
 * which readers know (the one that comes first counts: a stage is claimed before its copies).
 *
 * On a file system without shared writable mappings the stage is private
 * memory.  Then it is written to its own place, every tick and when it is
 * full, and goes on at a new place.
 */
#include "trace/stage.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#include "base/own.h"
#include "base/sys.h"
#include "trace/trace_clock.h"
#include "trace/trace_output.h"
#include "trace/trace_state.h"

#define STAGE_FIRST 8192u      /* enough for a short program or thread: about 1,700 events */
#define STAGE_FULL (64u << 10) /* stays in the second-level cache; larger ones gain nothing and count as RSS */

#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23 /* Linux 5.14 */
#endif

static struct vt_chunk_header chunk_header(const struct trace_writer *w, uint32_t size)
{
  struct vt_chunk_header header = {.magic = VT_CHUNK_MAGIC, .size = size, .thread = w->thread};
  const struct vt_chunk_header *now = (const struct vt_chunk_header *)w->chunk;

  header.number = w->chunk_number;
  header.start_ns = now->start_ns;
  header.allocs = now->allocs;
  header.lost = now->lost;
  header.check = vt_chunk_check(&header);
  return header;
}

/* Starts the next chunk in the stage, which is zero.  The magic number goes in last: a kill leaves all or nothing. */
static void chunk_begin(struct trace_writer *w)
{
  struct vt_chunk_header *place = (struct vt_chunk_header *)w->chunk;
  struct vt_chunk_header header;
  const size_t magic = sizeof header.magic;

  w->time_ns = trace_now();
  place->start_ns = w->time_ns;
  place->allocs = w->allocs;
  place->lost = w->skipped;
  w->skipped = 0;
  header = chunk_header(w, w->chunk_size);
  memcpy((uint8_t *)place + magic, (const uint8_t *)&header + magic, sizeof header - magic);
  __atomic_signal_fence(__ATOMIC_SEQ_CST);
  *(volatile uint32_t *)&place->magic = header.magic;

  w->limit = w->chunk + w->chunk_size - LOSS_ROOM;
  w->loss = NULL;
  w->cur = w->chunk + sizeof header;
  w->end = w->cur;
  w->clock_at = w->cur;
  w->stack = 0;
  if (w->coded)
    w->codec = (struct vt_codec){0};
  w->coded = true;
}

/* The chunk has its place elsewhere: the stage is nothing, then zero. */
static void chunk_clear(struct trace_writer *w)
{
  size_t used = (size_t)(w->cur - w->chunk);

  *(volatile uint32_t *)w->chunk = 0;
  __atomic_signal_fence(__ATOMIC_SEQ_CST);
  memset(w->chunk + sizeof(uint32_t), 0, used - sizeof(uint32_t));
}

/* Memory for a stage at offset: shared with the file if that works at all, and present. */
static int stage_map(const struct output_use *use, uint64_t offset, uint32_t size, uint8_t **stage)
{
  *stage = trace_state->shared ? own_map_file(size, use->fd, (int64_t)offset) : own_map(size);
  if (!*stage)
    return -ENOMEM;
  if (!trace_state->shared)
    return 0;
  /* A page that cannot be made writable now would be a SIGBUS later.  Kernels before 5.14 do not tell. */
  if (sys_madvise(*stage, size, MADV_POPULATE_WRITE) == -EFAULT) {
    own_unmap(*stage, size);
    return -ENOSPC;
  }
  if (trace_state->wiped)
    sys_madvise(*stage, size, MADV_DONTFORK);
  return 0;
}

/* One of the first stages, which were set aside and mapped along with the header; NULL: offset is further on. */
static uint8_t *stage_ready(uint64_t offset, uint32_t size)
{
  bool ready = trace_state->stages && offset + size <= trace_state->reserved;

  return ready ? trace_state->stages + (offset - VT_HEADER_SIZE) : NULL;
}

void stage_unmap(uint8_t *stage, uint32_t size)
{
  if (trace_state->stages && (uintptr_t)stage - (uintptr_t)trace_state->stages < trace_state->reserved)
    sys_munmap(stage, size);
  else
    own_unmap(stage, size);
}

static int stage_new(const struct trace_writer *w, uint64_t offset, uint32_t size, uint8_t **stage)
{
  struct output_use use;
  int error = output_begin(&use, w->foreign);

  if (error)
    return error;
  if (offset + size > trace_state->reserved)
    error = output_reserve(&use, offset, offset + size);
  if (!error) {
    trace_grown(offset + size);
    error = stage_map(&use, offset, size, stage);
  }
  output_end(&use);
  return error;
}

/* A new stage for w in place of the one it has, if any, which is left to the caller.  0 or -errno. */
static int stage_make(struct trace_writer *w, uint32_t size)
{
  int64_t offset = output_claim(size);
  uint8_t *stage;
  int error;

  if (offset < 0)
    return (int)offset;
  stage = stage_ready((uint64_t)offset, size);
  error = stage ? 0 : stage_new(w, (uint64_t)offset, size, &stage);
  if (error)
    return error;
  w->chunk = stage;
  w->chunk_size = size;
  w->chunk_offset = (uint64_t)offset;
  return 0;
}

int stage_write(struct trace_writer *w, bool foreign)
{
  uint32_t size = trace_state->shared ? (uint32_t)stage_blocks((size_t)(w->cur - w->chunk)) : w->chunk_size;
  struct vt_chunk_header header = chunk_header(w, size);
  struct output_use use;
  int64_t offset = (int64_t)w->chunk_offset;
  int error = output_begin(&use, foreign);

  if (error)
    return error;
  if (trace_state->shared)
    offset = output_claim(size);
  if (offset < 0)
    error = (int)offset;
  else
    error =
        output_write(&use, &header, sizeof header, w->chunk + sizeof header, size - sizeof header, (uint64_t)offset);
  if (!error)
    trace_grown((uint64_t)offset + size);
  output_end(&use);
  return error;
}

int stage_flush(struct trace_writer *w)
{
  struct output_use use;
  int64_t offset;
  int error = stage_write(w, w->foreign);

  if (error)
    return error;
  chunk_clear(w);
  if (trace_state->shared)
    return 0;
  error = output_begin(&use, w->foreign);
  if (error)
    return error;
  offset = output_claim(w->chunk_size);
  error = offset < 0 ? (int)offset : output_reserve(&use, (uint64_t)offset, (uint64_t)offset + w->chunk_size);
  if (!error) {
    w->chunk_offset = (uint64_t)offset;
    trace_grown((uint64_t)offset + w->chunk_size);
  }
  output_end(&use);
  return error;
}

/* Whether error may be a filter's of system calls.  Sandboxes let a process map files and not write them. */
static bool is_forbidden(int error)
{
  return error == -SYS_EFILTER || error == -EPERM || error == -EACCES || error == -ENOSYS;
}

int stage_close(struct trace_writer *w)
{
  int error = stage_flush(w);

  if (!trace_state->shared || !is_forbidden(error))
    return error;
  stage_unmap(w->chunk, w->chunk_size);
  w->chunk = NULL;
  return 0;
}

int stage_open(struct trace_writer *w)
{
  int error = w->chunk ? 0 : stage_make(w, STAGE_FIRST);

  if (!error)
    chunk_begin(w);
  return error;
}

/* A full-sized stage in place of the one at hand, which stays in the file as it is: its last chunk. */
static int stage_replace(struct trace_writer *w)
{
  uint8_t *old = w->chunk;
  uint32_t old_size = w->chunk_size;
  int error = trace_state->shared ? 0 : stage_write(w, w->foreign);

  if (!error)
    error = stage_make(w, STAGE_FULL);
  if (!error)
    stage_unmap(old, old_size);
  return error;
}

/* Signals are blocked: all or nothing, also for a handler that comes in between and leaves by longjmp. */
int stage_next(struct trace_writer *w, size_t need)
{
  bool fits = need <= w->chunk_size - sizeof(struct vt_chunk_header) - LOSS_ROOM;
  uint64_t mask = masked_lock_take(&w->copying);
  int error = -ENOMEM;

  if (w->chunk_size < STAGE_FULL && !w->small)
    error = stage_replace(w);
  /* No memory for more (RLIMIT_AS): the small stage goes on. */
  if (error == -ENOMEM && fits) {
    w->small = w->chunk_size < STAGE_FULL;
    error = stage_flush(w);
    if (trace_state->shared && is_forbidden(error))
      error = stage_replace(w);
  }
  if (!error) {
    w->chunk_number++;
    chunk_begin(w);
  }
  masked_lock_release(&w->copying, mask);
  return error;
}
