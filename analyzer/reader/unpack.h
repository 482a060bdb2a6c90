/*
 * How the reader gets at packed chunks.  It finds them and checks their
 * headers; what is inside is known to who packs, who hands over these
 * operations.  So the reader needs nothing of the room that packs.
 */
#ifndef VMTRACE_UNPACK_H
#define VMTRACE_UNPACK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define UNPACK_PAD 16 /* bytes behind the records that unpacking may write to */

struct unpack {
  /* What chunks whose addresses are in units of 1 << shift are unpacked with, any number of them, one at a time. */
  void *(*begin)(unsigned shift);
  void (*end)(void *state); /* of NULL: nothing */

  /*
   * Unpacks n bytes of that form (vt_chunk_header.form) to raw, of raw_size +
   * UNPACK_PAD bytes.  False when they are not what was packed, or the form is not known.
   */
  bool (*chunk)(void *state, uint32_t form, const uint8_t *packed, size_t n, uint8_t *raw, size_t raw_size);
};

/* To be called once, before the first packed trace is opened: without it, packed traces are refused. */
void unpack_with(const struct unpack *operations);

/* What unpack_with was given; NULL: nothing. */
const struct unpack *unpack_operations(void);

#endif
