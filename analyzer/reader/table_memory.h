/*
 * Memory for large tables that are read at random: on huge pages, which save
 * most of the TLB misses and of the page faults.
 */
#ifndef VMTRACE_TABLE_MEMORY_H
#define VMTRACE_TABLE_MEMORY_H

#include <stddef.h>

/* count things of size bytes, all zero, to be freed by free(); NULL: out of memory. */
void *table_memory_new(size_t count, size_t size);

#endif
