/*
 * Allocation below the hooks: which heap serves a call, and what is recorded.
 * The hooks in hook_malloc.c and hook_align.c have the fast paths and glibc's
 * edge cases; here are the cases that are not plain: a nested or internal
 * call, a block that is somebody else's, and the next allocator.
 *
 * A struct hook is what hook_begin gave.  NULL means out of memory and sets
 * errno; nothing else changes errno.
 */
#ifndef VMTRACE_ALLOCATION_H
#define VMTRACE_ALLOCATION_H

#include <stdbool.h>
#include <stddef.h>

#include "entry/hook.h"

/* Sizes above are refused by all of malloc: the difference of two pointers could not tell them. */
#define BLOCK_MAX ((size_t)PTRDIFF_MAX)

/* A block of size bytes aligned to align, a power of two of at least 16; zeroed if asked for. */
void *block_alloc(const struct hook *h, size_t align, size_t size, bool zeroed);
/* p is not NULL; call names the hook in a report. */
void block_free(const struct hook *h, void *p, const char *call);
/* p is not NULL, size not 0 (but for the next allocator, which decides itself what that means). */
void *block_resize(const struct hook *h, void *p, size_t size);
/* 0 for what is no live block. */
size_t block_usable(const struct hook *h, const void *p);
/* The same; and of another allocator's block, to which free would get it, what that allocator says. */
size_t block_usable_anyones(const struct hook *h, void *p);

/* Records a block that the next allocator gave (NULL: nothing to record). */
void block_record(const struct hook *h, const void *p, size_t align, size_t size);

/* Whether the next allocator serves this call, rather than the pinned heap or the internal arena. */
bool block_is_next(const struct hook *h);

#endif
