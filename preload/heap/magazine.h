/*
 * The cold half of the magazines of heap_fast.h.  Owner only; these take the
 * region's lock themselves.
 */
#ifndef VMTRACE_MAGAZINE_H
#define VMTRACE_MAGAZINE_H

#include "heap/arena.h"

/* A block of a class whose magazine is empty; NULL: out of memory.  Not yet marked live. */
void *magazine_refill(struct arena *arena, unsigned class);

/* Takes a free block whose magazine is full. */
void magazine_overflow(struct arena *arena, unsigned class, void *block);

/* Empties all magazines into their runs and gives their memory back. */
void magazine_flush_all(struct arena *arena);

#endif
