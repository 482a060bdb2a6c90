/*
 * uthash for tables that are not asked per event, with the analyzer's memory.
 * Keys come from traces: a hash that depends on a random number keeps them from being made to collide.
 */
#ifndef VMTRACE_HASH_H
#define VMTRACE_HASH_H

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "reader/xalloc.h"

uint32_t hash_bytes(const void *key, size_t size);

#define uthash_malloc(size) xmalloc(size)
#define uthash_free(memory, size) free(memory)
#define uthash_fatal(message) xalloc_failed()
#define HASH_FUNCTION(key, size, value)                                                                                \
  do {                                                                                                                 \
    (value) = hash_bytes((key), (size));                                                                               \
  } while (0)

#include <uthash.h>

#endif
