/*
 * What a process leaves to the children that it forks: live blocks with their
 * call stacks, mappings, and the modules that the stacks lie in.  Its trace is read up
 * to one fork after the other, so that no more is kept than lives at one of them.
 */
#ifndef VMTRACE_HEAP_HERITAGE_H
#define VMTRACE_HEAP_HERITAGE_H

#include <stdbool.h>
#include <stdint.h>

#include "model/heap_counts.h"
#include "model/modules.h"
#include "model/stack_nodes.h"

struct heap_heritage;

/* Begins to read a trace.  own: what that process inherited itself, at its fork; NULL: nothing.  NULL after one line on
 * stderr. */
struct heap_heritage *heap_heritage_open(const char *path, const struct heap_heritage *own);
void heap_heritage_free(struct heap_heritage *h);

/* Reads on to the fork of a child with that pid that began to be traced then; children come in that order.  False
 * after one line on stderr: out of memory. */
bool heap_heritage_advance(struct heap_heritage *h, int32_t pid, uint64_t start_ns);

/* Puts what there is now into a child's books, which have seen no event yet; its call stacks are numbered from
 * STACK_INHERITED on.  False when out of memory. */
bool heap_heritage_give(const struct heap_heritage *h, struct heap_counts *counts, struct id_table *nodes,
                        struct modules *modules);

#endif
