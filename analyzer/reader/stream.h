/*
 * One stream of a trace: its chunks in order, decoded record by record
 * through a window of bounded size.
 *
 * stream_hot is the decoder's inner loop and inline for that reason: it takes
 * the records that matter (alloc and free, one word each) and leaves all others to stream_step.
 */
#ifndef VMTRACE_STREAM_H
#define VMTRACE_STREAM_H

#include <string.h>

#include "reader/trace_file.h"
#include "vmtrace/codec.h"

#define STREAM_ALIGN 16 /* the usual alignment: what malloc gives */

/* What the streams of one file share. */
struct stream_shared {
  const struct trace_file *file;
  struct reader_damage *damage; /* NULL: damage is not counted */
  size_t window_max;            /* bytes of a window, at most */
  size_t window_max_packed;     /* the same for packed chunks, which are best unpacked whole */
  void *unpacker;               /* packed chunks: made by unpack.h's begin when first needed */
  uint8_t *scratch;             /* a chunk unpacked that is larger than a window */
  uint64_t done;                /* bytes of the chunks that were read to their end */
};

void stream_shared_release(struct stream_shared *shared);

struct stream {
  const uint8_t *cur;      /* next record, within the window */
  const uint8_t *fast_end; /* cur < fast_end: 8 bytes can be read at cur */
  uint64_t allocs;         /* allocation events so far */
  struct event event;      /* the latest one */
  uint64_t clock;          /* the time of what comes next */
  struct vt_codec codec;
  unsigned shift;
  uint32_t stack; /* the call stack that the latest STACK record named; 0: none */

  const uint8_t *end; /* of the window's contents; 16 zero bytes follow */
  uint8_t *window;    /* NULL: the chunk is not open */
  size_t window_size;
  uint32_t loaded, total; /* of the chunk's data, in bytes */
  struct vt_chunk_header chunk;
  uint64_t offset;  /* of the chunk */
  uint64_t damaged; /* offset of the latest chunk whose damage was counted; 0: none */

  const struct chunk_place *next_chunk, *last_chunk; /* equal: no more */
  struct stream_shared *shared;

  const uint8_t *clock_at; /* stream_next_clock's answer holds while cur <= clock_at */
  uint64_t clock_ns;
};

/* The chunks of one stream are count places from first on.  The clock then shows the first chunk's time.  False when
 * there is none that can be read. */
bool stream_init(struct stream *s, struct stream_shared *shared, const struct chunk_place *first, size_t count);
void stream_release(struct stream *s);

enum stream_step {
  STREAM_EVENT, /* s->event is the next one */
  STREAM_CLOCK, /* nothing yet, but the clock may have moved */
  STREAM_END
};
enum stream_step stream_step(struct stream *s);

/*
 * A time that all records up to the next reading of the clock were written
 * before: the program reads the clock now and then only, so an event is later than its
 * time_ns by anything up to this.  UINT64_MAX when it is not known.
 */
uint64_t stream_next_clock(struct stream *s);

/* Takes one hot record; false when the next record is none, or needs stream_step for another reason. */
static inline bool stream_hot(struct stream *s)
{
  struct event *e = &s->event;
  struct vt_hot_record r;

  if (s->cur >= s->fast_end || (*s->cur & 3) == VT_K_GENERAL)
    return false;
  s->cur = vt_take_hot(&s->codec, s->cur, &r);
  e->seq = s->allocs;
  e->tail = NULL;
  e->tail_len = 0;
  if ((r.word & 3) == VT_K_FREE) {
    e->type = VT_R_FREE;
    e->stack = 0;
    e->fields = 1;
    e->field[0] = vt_unfold(r.unit << s->shift);
  } else {
    e->type = VT_R_ALLOC;
    e->fields = 3;
    e->field[0] = vt_unfold(r.unit << s->shift);
    e->field[1] = r.size;
    e->field[2] = STREAM_ALIGN;
    s->allocs++;
    e->stack = r.stack;
  }
  return true;
}

#endif
