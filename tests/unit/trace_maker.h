/*
 * Makes trace files for tests of the analyzer: any content, also what no
 * program would write.  Built on codec.h alone, so that the reader is judged
 * against the format and not against the library's writer.
 *
 * Streams are kept in memory and go to the file chunk by chunk, in the order in
 * which chunks are ended.  Nothing here can fail but by ending the test program with a message.
 */
#ifndef VMTRACE_TRACE_MAKER_H
#define VMTRACE_TRACE_MAKER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vmtrace/codec.h"
#include "vmtrace/format.h"

#define MAKER_STREAMS 2048

struct maker_stream {
  struct trace_maker *maker;
  uint32_t thread;
  uint32_t chunk_size; /* of chunks from the next one on; 8192 at first */
  uint64_t time_ns;
  uint64_t allocs;
  uint64_t lost; /* goes into the next chunk's header, and is then 0 */
  struct vt_codec codec;
  struct vt_chunk_header chunk;
  uint8_t *data; /* records of the chunk at hand */
  size_t used, room;
  bool open;
};

struct trace_maker {
  int fd;
  uint64_t size;                /* of the file so far */
  struct vt_file_header header; /* written by maker_finish; change it freely before */
  bool packed;                  /* chunks are compressed (sets VT_F_PACKED) */
  unsigned streams;
  struct maker_stream *stream[MAKER_STREAMS];
};

/* A new file at path, with a header of a process 4711 that started at time 1 s, exited with 0 at its last event. */
struct trace_maker *maker_new(const char *path);
/* Ends all chunks, writes the header (end_ns, if 1, becomes the latest time; claimed, if 0, the file's size), frees. */
void maker_finish(struct trace_maker *m);

/* A stream, beginning at the header's start_ns with its VT_R_THREAD record; maker_bare begins with nothing. */
struct maker_stream *maker_stream(struct trace_maker *m, uint32_t parent, uint32_t ordinal, enum vt_role role);
struct maker_stream *maker_bare(struct trace_maker *m, uint32_t thread);
/* The stream of the first thread in a new file at path. */
struct maker_stream *maker_program(const char *path);

/* Events from here on happen at ns (a time record is written when that is later). */
void maker_time(struct maker_stream *s, uint64_t ns);
void maker_alloc(struct maker_stream *s, uint64_t addr, uint64_t size);
void maker_alloc_stack(struct maker_stream *s, uint64_t addr, uint64_t size, uint32_t stack);
void maker_free(struct maker_stream *s, uint64_t addr);
void maker_realloc(struct maker_stream *s, uint64_t old, uint64_t addr, uint64_t size);
void maker_record(struct maker_stream *s, enum vt_record_type type, unsigned n, const uint64_t *fields,
                  const void *tail, size_t tail_len);
#define MAKE(s, NAME, ...)                                                                                             \
  do {                                                                                                                 \
    const uint64_t make_fields_[] = {__VA_ARGS__};                                                                     \
    maker_record((s), VT_R_##NAME, sizeof make_fields_ / sizeof *make_fields_, make_fields_, NULL, 0);                 \
  } while (0)

/* Any bytes as they are. */
void maker_bytes(struct maker_stream *s, const void *bytes, size_t n);
/* Ends the chunk at hand; the next record begins another. */
void maker_end_chunk(struct maker_stream *s);
/* Leaves a gap in the file, a multiple of VT_CHUNK_ALIGN, without writing to it. */
void maker_gap(struct trace_maker *m, uint64_t bytes);

/*
 * The same random trace for the same seed: nested threads that allocate, hand
 * blocks to each other, and some of every kind of record, in the order in
 * which one program could have made them.
 */
struct maker_shape {
  unsigned seed, threads, events;
  unsigned grain; /* events between two readings of the clock */
  bool packed, sampler;
};
void maker_random(const char *path, const struct maker_shape *shape);

#endif
