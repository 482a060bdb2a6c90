/*
 * A second reader of trace files, written from FORMAT.md alone and sharing no
 * code with the library or the analyzer: what the writer's tests judge by.
 * Keeps everything in memory; any breach of the format ends the test.
 */
#ifndef TESTS_TRACE_DECODE_H
#define TESTS_TRACE_DECODE_H

#include <stddef.h>
#include <stdint.h>

struct decoded_event {
  unsigned number; /* of the record as FORMAT.md counts them; hot ALLOC and FREE as 2 and 3, ALLOC_STACK as 2 */
  unsigned hot;    /* length of a hot record, else 0 */
  uint64_t time;
  uint64_t seq;   /* allocation events of the stream before it */
  uint32_t stack; /* of the records that have one */
  unsigned fields;
  uint64_t field[6];
  const uint8_t *tail;
  size_t tail_len;
};

struct decoded_stream {
  unsigned chunks;
  size_t count, room;
  struct decoded_event *event;
};

struct decoded {
  uint8_t *bytes;
  size_t size;
  unsigned streams; /* numbered from 0; one without chunks has no events */
  struct decoded_stream *stream;
  unsigned copies; /* chunks that were there twice */
};

/* Header fields by their offset. */
uint64_t decoded_u64(const struct decoded *d, size_t offset);
uint32_t decoded_u32(const struct decoded *d, size_t offset);

void decode(struct decoded *d, const char *path);
void decoded_release(struct decoded *d);

#endif
