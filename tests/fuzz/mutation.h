/*
 * Random changes of a trace in memory.
 */
#ifndef VMTRACE_MUTATION_H
#define VMTRACE_MUTATION_H

#include <stddef.h>
#include <stdint.h>

struct image {
  uint8_t *bytes;
  size_t size, room;
};

/* Changes image as seed says: bits, bytes, cuts, swapped and repeated blocks, fields of headers (with checksums that
 * hold again), lengths of records.  The size may change, up to room. */
void mutate_image(struct image *image, uint64_t seed);

#endif
