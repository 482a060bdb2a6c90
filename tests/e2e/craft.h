/*
 * Makes traces that hold as such and claim as much as their bytes allow: what
 * nobody's program would write, and what a file that is sent to somebody may
 * hold.  Built on codec.h alone.
 */
#ifndef VMTRACE_CRAFT_H
#define VMTRACE_CRAFT_H

#include <stddef.h>
#include <stdint.h>

#include "vmtrace/codec.h"

/* A trace that is being made, in memory.  Streams come one after the other. */
struct craft {
  uint8_t *bytes;
  size_t used, most; /* of the file; no record goes beyond */
  size_t chunk;      /* where the chunk at hand begins */
  size_t end;        /* where it has to end */
  uint32_t thread, number;
  struct vt_codec codec;
};

/* A file of at most `most` bytes with the program's first thread in it, which has no records but its own. */
void craft_begin(struct craft *c, size_t most);

/* The stream of another thread, or of the sampler.  All records that follow are its. */
void craft_stream(struct craft *c, enum vt_role role);

/* Whether there is room for n more bytes of records; when the chunk is full, another one is begun. */
int craft_room(struct craft *c, size_t n);

/* One record; craft_room(c, CRAFT_RECORD) has to be asked before, or as many bytes more as the tail has. */
#define CRAFT_RECORD 128
void craft_record(struct craft *c, enum vt_record_type type, unsigned n, const uint64_t *fields, const void *tail,
                  size_t tail_len);
#define CRAFT(c, NAME, ...)                                                                                            \
  do {                                                                                                                 \
    const uint64_t craft_fields_[] = {__VA_ARGS__};                                                                    \
    craft_record((c), VT_R_##NAME, sizeof craft_fields_ / sizeof *craft_fields_, craft_fields_, NULL, 0);              \
  } while (0)
#define CRAFT_NAMED(c, NAME, tail, tail_len, ...)                                                                      \
  do {                                                                                                                 \
    const uint64_t craft_fields_[] = {__VA_ARGS__ __VA_OPT__(, ) 0};                                                   \
    craft_record((c), VT_R_##NAME, sizeof craft_fields_ / sizeof *craft_fields_ - 1, craft_fields_, (tail),            \
                 (tail_len));                                                                                          \
  } while (0)
void craft_alloc(struct craft *c, uint64_t addr, uint32_t size, uint32_t stack); /* a hot one */

/* Writes the file and frees the memory. */
void craft_finish(struct craft *c, const char *path);

/* The kinds: each fills a trace with what costs the analyzer most, by one kind of record.  NULL after the last. */
struct craft_kind {
  const char *name;
  void (*fill)(struct craft *c);
};
extern const struct craft_kind craft_kinds[];

#endif
