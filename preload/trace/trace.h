/*
 * The trace file and its per-thread streams: what entry/ and the sampler ask
 * of them.  trace_fast.h holds the inline fast paths of trace_alloc and trace_free.
 *
 * The program comes first: nothing here fails towards the caller.  When the
 * file cannot grow, tracing goes quiet for the whole process, events are
 * counted as lost, the header and one line on stderr say why.  No function allocates from the heap, takes a
 * lock shared by threads on the event path, or changes errno.
 */
#ifndef VMTRACE_TRACE_H
#define VMTRACE_TRACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/lock.h"
#include "vmtrace/codec.h"
#include "vmtrace/format.h"

/*
 * One thread's stream: hot records go to a stage, a small part of the file
 * that is mapped for as long as the stream lives.  A full stage is copied to a new chunk of
 * the file by one write, and used again: it stays in the cache, and costs no page faults.
 *
 * Lives in memory that the kernel wipes in the child of a fork
 * (MADV_WIPEONFORK): a child that was made behind our back finds cur == end ==
 * NULL, ends in the slow half and never writes into its parent's chunks.
 */
struct trace_writer {
  /* What the fast halves use. */
  uint8_t *cur;    /* next byte to write */
  uint8_t *end;    /* cur < end: a hot record fits, and the clock is not due */
  uint64_t tick;   /* value of trace_tick before the clock was last read; UINT64_MAX: read it for the next event too */
  uint64_t allocs; /* allocation events so far */
  struct vt_codec codec;

  uint32_t thread;   /* stream number */
  uint8_t *limit;    /* end of the stage */
  uint8_t *clock_at; /* where the clock was last read */
  uint64_t time_ns;  /* time of the latest record */
  uint32_t pace;     /* bytes between two readings of the clock, adapted to the rate */
  uint32_t stack;    /* id of the current call stack; 0: none */
  uint8_t *chunk;    /* the stage, whose header is that of the stream's latest chunk; NULL: none */
  uint64_t chunk_offset;
  uint32_t chunk_size;
  uint32_t chunk_number;
  uint64_t lost;              /* atomic: events that were lost because tracing has stopped; never counted back, because
                                 others add it to the header meanwhile */
  uint64_t told;              /* atomic: of them, those that the header counts */
  uint64_t *loss;             /* lost as a LEB of 8 bytes, in the LOSS record at the end of the stage; NULL: none yet */
  uint64_t lost_before;       /* lost, when the stream began: the count of one that had the same place goes on */
  uint64_t skipped;           /* events lost before the next chunk: records left half-way (trace_writer_recover) */
  uint32_t magic;             /* 0 after the wipe */
  bool coded;                 /* the codec has been in use: it is no longer what it was in fresh memory */
  bool small;                 /* no memory for a larger stage */
  bool foreign;               /* may run in a descriptor table that is not the program's */
  struct masked_lock copying; /* without shared mappings: the stage is being written to the file */
  struct trace_writer *next_idle;
} __attribute__((aligned(2 * CACHE_LINE))); /* processors fetch lines in pairs */

/* The pinned heap's blocks are 16-byte aligned: its addresses are written in units of 16.  In next mode they are
 * written in units of 8 (trace_config.addr_shift), and every event passes the slow half, because each carries its time.
 * Any other addr_shift than TRACE_PIN_SHIFT needs VT_F_EVERY_TIME.
 */
#define TRACE_PIN_SHIFT 4

/* A writer that is always full: every record function ignores it. */
extern struct trace_writer trace_none __attribute__((visibility("hidden")));

/*
 * Counted up (atomic) by the sampler at every tick, so that a thread that slept reads the clock at its next event, and
 * by marks, so that what comes after one in any thread has a later time: see "A mark is one instant" in README.md.  The
 * lower half of TRACE_TICK counts the marks that are being set.
 */
extern uint64_t trace_tick __attribute__((visibility("hidden")));
#define TRACE_TICK (UINT64_C(1) << 16)

/*
 * Has fn called once by a thread of the program that reads the clock for an event when when_ns has come; it is in the
 * middle of a hook, so fn should do no more than take a note.  A later call replaces an earlier one; UINT64_MAX: never.
 */
void trace_set_caller(void (*fn)(void));
void trace_call_at(uint64_t when_ns);

struct trace_config {
  const char *path_template; /* absolute; options_trace_path expands it */
  uint64_t flags;            /* VT_F_* */
  uint32_t addr_shift;
  uint32_t sample_ms, stack_frames;
  uint64_t own_start, own_end, heap_start, heap_end;
  const uint8_t *run_id; /* 16 bytes; NULL: none */
};

/* Creates the file and its header.  Also after fork in the child, where the header names the parent's trace.  False:
 * there is no trace (said once on stderr); everything below then does nothing. */
bool trace_start(const struct trace_config *config);
bool trace_active(void);

/* The path in use ("" if none) and this file's 16-byte id, for children. */
const char *trace_path(void);
const uint8_t *trace_id(void);

/* For a process image that was exec'ed: who it was before.  Comes through the environment (VMTRACE_PARENT, 32 hex
 * digits). */
void trace_set_parent(const uint8_t id[16]);

/*
 * A new stream; its first record is VT_R_THREAD.  parent is the stream number
 * of the creator or VT_NO_THREAD.  Never NULL; trace_none without a trace.  Where tracing has stopped, or the stream
 * cannot be opened: a writer that counts what it is given as lost.
 * trace_writer_close: the thread ends; w must not be used any more.
 */
struct trace_writer *trace_writer_open(uint32_t parent, uint32_t ordinal, int tid, enum vt_role role);
void trace_writer_close(struct trace_writer *w);
/* One that only counts, for threads for which there is no memory: they may share it. */
struct trace_writer *trace_writer_counting(void);
/* Nothing more is written to w, which is no longer than until now but counted: no system call, no look at the clock.
 * By its thread, also in a handler in the middle of a record. */
void trace_writer_seal(struct trace_writer *w);
/* A signal handler has left a record of this stream half-way by longjmp: what follows is decoded without it. */
void trace_writer_recover(struct trace_writer *w);

/* Cold halves; see trace_fast.h. */
void trace_alloc_slow(struct trace_writer *w, uint64_t addr, uint64_t size, uint32_t stack);
void trace_free_slow(struct trace_writer *w, uint64_t addr);

/* An allocation with more than the usual alignment, and a resize (old and addr may be equal). */
void trace_alloc_aligned(struct trace_writer *w, uint64_t addr, uint64_t size, uint64_t align, uint32_t stack);
void trace_realloc(struct trace_writer *w, uint64_t old, uint64_t addr, uint64_t size, uint32_t stack);

/* Any general record but those with VT_T_NUMBERED, at the present time.  tail may be NULL with 0. */
void trace_record(struct trace_writer *w, enum vt_record_type type, unsigned n, const uint64_t *fields,
                  const void *tail, size_t tail_len);
/* The same for records with VT_T_INSTANT: in the order of events the instant is one for all threads.  Signals are
 * blocked meanwhile. */
void trace_instant(struct trace_writer *w, enum vt_record_type type, unsigned n, const uint64_t *fields,
                   const void *tail, size_t tail_len);
/* The same for an event of the program's that has a call stack (a mapping). */
void trace_record_stack(struct trace_writer *w, enum vt_record_type type, unsigned n, const uint64_t *fields,
                        uint32_t stack);
/* The same in a row of numbers: TRACE(w, MUNMAP, addr, size). */
#define TRACE(w, NAME, ...)                                                                                            \
  do {                                                                                                                 \
    const uint64_t trace_fields_[] = {__VA_ARGS__};                                                                    \
    trace_record((w), VT_R_##NAME, sizeof trace_fields_ / sizeof *trace_fields_, trace_fields_, NULL, 0);              \
  } while (0)

/* The program is about to give up the system calls that a trace needs: no thread begins another chunk. */
void trace_stop_confined(void);

/* Facts for the header. */
void trace_note_nondet(enum vt_nondet reason); /* the first one is kept; VT_R_NONDET is the caller's */
void trace_note_lost(uint64_t events);         /* added to the header's count; VT_R_LOSS is the caller's */
void trace_note_alive(uint64_t now_ns);        /* by the process's own clock */
void trace_note_mark(void);                    /* before its VT_R_MARK: the header never counts too few */

/* The process image ends.  exec may fail: trace_end_undo then takes the end back. */
void trace_end(enum vt_ended how, int status);
void trace_end_undo(void);

/* Whether fd is the trace's own descriptor (which the program did not open), and keeping it out of the way of a
 * program that wants that number. */
bool trace_owns_fd(int fd);
int trace_fd(void); /* the number it had when it was last used; -1: none */
void trace_move_fd(void);

/*
 * In the child of a fork: forgets the parent's file without touching it.
 *
 * A handler that forks in the middle of a hook may return to it in the child, where that hook's stream is no more: what
 * trace_leave noted before the fork is then made good.  The hook goes on to write into memory that nobody
 * reads.  left is NULL where no hook was interrupted.
 */
struct trace_left {
  struct trace_writer *writer; /* NULL: no stream */
  struct trace_writer copy;
  void *header;
};
void trace_leave(struct trace_left *left, struct trace_writer *w);
void trace_renew(const struct trace_left *left);
/* Before trace_renew, in a child that no hook saw: its descriptor table may be its parent's. */
void trace_distrust_table(void);
/*
 * The child of a fork that no hook saw (raw clone) was noticed; called once in it before anything is written.  stack is
 * that of the event at hand, in the parent's numbers, or none; the result is the same stack in the child's.
 */
void trace_set_surprise_fork(uint32_t (*fn)(uint32_t stack));

#endif
