/*
 * One stream's chunks as fewer, larger ones: records are decoded and encoded
 * again, because hot records count from the start of their chunk.
 */
#ifndef VMTRACE_CHUNK_JOIN_H
#define VMTRACE_CHUNK_JOIN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vmtrace/codec.h"

/* Records of one large chunk; only thread, start_ns, allocs and lost of the header are filled in.  0, or -1 to stop. */
typedef int chunk_join_sink(void *arg, const struct vt_chunk_header *header, const uint8_t *raw, size_t raw_size);

struct chunk_join {
  chunk_join_sink *sink;
  void *arg;
  uint8_t *raw; /* the large chunk's records */
  size_t used;
  size_t most;                   /* bytes of records in a large chunk */
  struct vt_chunk_header header; /* the large chunk's */
  struct vt_codec codec;
  uint64_t clock, allocs; /* of the stream */
  uint32_t stack;         /* that the large chunk's latest STACK record named */
  bool open;
};

/* most: bytes of records in one large chunk, from CHUNK_JOIN_LEAST to VT_CHUNK_MAX. */
#define CHUNK_JOIN_LEAST 16384u
void chunk_join_init(struct chunk_join *j, size_t most, chunk_join_sink *sink, void *arg);
void chunk_join_release(struct chunk_join *j);

/* A new stream begins. */
void chunk_join_start(struct chunk_join *j, uint32_t thread);

enum chunk_join_result { CHUNK_JOINED, CHUNK_DAMAGED, CHUNK_STOPPED };

/* The next chunk of the stream with the n bytes behind its header, not packed. */
enum chunk_join_result chunk_join_add(struct chunk_join *j, const struct vt_chunk_header *header, const uint8_t *data,
                                      size_t n);

/* What is left goes to the sink.  0, or -1 when that stopped. */
int chunk_join_finish(struct chunk_join *j);

#endif
