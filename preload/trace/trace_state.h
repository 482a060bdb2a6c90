/*
 * What the files of this room share: the state of the trace of this process
 * image, and the writers.  Only for preload/trace; others use trace.h.
 *
 * All state that a child of fork must not take over lies in memory that the
 * kernel wipes there (MADV_WIPEONFORK), and the mappings of the file are not
 * inherited at all (MADV_DONTFORK).  In a child that nobody told us about
 * everything is therefore zero: no header, no stage, writers without a magic number.
 */
#ifndef VMTRACE_TRACE_STATE_H
#define VMTRACE_TRACE_STATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/lock_table.h"
#include "trace/trace.h"
#include "vmtrace/format.h"

struct trace_state {
  struct vt_file_header *header; /* NULL: no trace in this process image */
  bool shared;                   /* header and stages are shared mappings; else copies that trace_sync writes */
  bool wiped;                    /* the kernel wipes this page, and all writers, in children */
  bool every_time;               /* VT_F_EVERY_TIME */
  bool ticks;                    /* a sampler counts trace_tick up */
  uint32_t shift;                /* addr_shift */
  uint32_t stopped;              /* enum vt_loss: no new chunks; 0: tracing */
  uint32_t surprised;            /* in a child made behind our back: entry/ has been told */
  uint32_t threads;              /* streams so far */
  int pid;
  uint64_t reserved;           /* bytes from the file's start that were set aside when it was made */
  uint8_t *stages;             /* what was set aside behind the header, mapped and present; NULL: is not */
  struct trace_writer *idle;   /* closed writers, linked through next_idle */
  struct trace_writer *latest; /* opened last by a thread of the program */
  struct trace_writer late;    /* of all threads that have no writer of their own: it only counts */
};

/* Never NULL: zeros before trace_start. */
extern struct trace_state *trace_state __attribute__((visibility("hidden")));

/* No more chunks: the header and one line on stderr say why.  error is -errno.  The first call counts. */
void trace_stop(int error);
/* The child of a fork that no hook saw: has entry/ build a new trace; its writer for this thread, or NULL.  *stack
 * becomes the new trace's. */
struct trace_writer *trace_surprise(uint32_t *stack);
/* The file is at least size bytes long now. */
void trace_grown(uint64_t size);

/* Space that a time record and a hot record may need. */
#define TIME_ROOM 12u
/* Bytes that a STACK record can take: type, length, 32-bit number. */
#define STACK_ROOM 7u
#define HOT_ROOM (TIME_ROOM + VT_HOT_MAX)
/* At the end of each stage, for the LOSS record of a stream that cannot go on: type, length, reason (filled up), and 8
 * bytes that are aligned. */
#define LOSS_ROOM 24u

/* writer.c: */

/* The writer to use in place of w; NULL: this event is not to be written.  First check of every slow half.  *stack is
 * the event's, none for events without: it changes along with the writer. */
struct trace_writer *writer_ready(struct trace_writer *w, uint32_t *stack);
/* Makes room for need bytes of a record of that type; false when there is none: then it is counted as lost, if it is
 * the program's doing. */
bool writer_room(struct trace_writer *w, size_t need, enum vt_record_type type);
/* Adds what all writers have lost to the header. */
void writer_report_all(void);
/* Without shared mappings: what was written so far goes to the output. */
void writer_sync_all(void);
/* In a child where a hook may go on that has one of the parent's writers in hand: none of them serves again, before
 * writer_forget_all; and that one is as it was, but leads nowhere. */
void writer_keep_all(void);
void writer_abandon(struct trace_writer *w, const struct trace_writer *copy);
/* In a child: no writer was ever used, nothing of the parent's is mapped.  wiped: the kernel wiped what it said it
 * would. */
void writer_forget_all(bool wiped);

#endif
