/*
 * Keeps the operations that unpack chunks.  See unpack.h.  Called by main.c
 * (and tests), and by stream.c for every packed chunk.
 */
#include "reader/unpack.h"

static const struct unpack *unpacking;

void unpack_with(const struct unpack *operations)
{
  unpacking = operations;
}

const struct unpack *unpack_operations(void)
{
  return unpacking;
}
