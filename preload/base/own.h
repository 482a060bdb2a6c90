/*
 * The library's own memory.  It never comes from the heap that the library
 * offers, and all of it lies in [OWN_START, OWN_END), so that reports can
 * tell the tracer's pages from the program's.
 */
#ifndef VMTRACE_OWN_H
#define VMTRACE_OWN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/lock.h"

/*
 * Maps size bytes (rounded up to pages) of zeroed private memory, or, with a
 * descriptor, of the file at offset, shared.  Thread-safe; safe in signal handlers.  NULL when the kernel refuses.
 * What own_unmap gave back serves again, memory and addresses.
 */
void *own_map(size_t size);
/* The same from a multiple of align, a power of two. */
void *own_map_aligned(size_t size, size_t align);
/* The same for what is used all over: from a multiple of 2 MiB, and in huge pages where the kernel has them. */
void *own_map_huge(size_t size);
/* Memory of this process alone: the child of a fork neither has it nor pays for it, and this process's pages are not
 * copied when it goes on writing to them. */
void *own_map_alone(size_t size);
void *own_map_file(size_t size, int fd, int64_t offset);
/* p: NULL, or a whole mapping of one of these, with its size. */
void own_unmap(void *p, size_t size);

/* No address from here on was ever used by this module. */
uint64_t own_end(void);

/*
 * Small objects that live for ever, or are taken back by own_free into lists
 * by size (powers of two, 64 bytes to 64 KiB).  64-byte aligned, zeroed.
 * Thread-safe; NULL when memory is exhausted.
 */
void *own_alloc(size_t size);
void own_free(void *p, size_t size);

/* For lock_table_on_orphan: what was given back is forgotten, as nobody knows what is in the lists of it. */
void own_orphaned(struct lock_state *lock);

#endif
