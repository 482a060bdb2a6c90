/*
 * What is said when the program misuses the heap: one message on stderr, with
 * the stacks of the error, of the block's allocation and of its first free, and a
 * HEAP_ERROR record.  Then the process ends by abort, as with glibc, or, with
 * VMTRACE_ON_ERROR=continue, these functions return and the call does nothing.  Called by the malloc hooks.
 */
#ifndef VMTRACE_REPORT_H
#define VMTRACE_REPORT_H

#include "entry/foreign.h"
#include "entry/hook.h"
#include "heap/heap.h"

/* verdict is HEAP_DOUBLE, HEAP_INTERIOR or HEAP_INVALID; h is the hook that met it, and call its name. */
void report_bad_free(const struct hook *h, enum heap_verdict verdict, const void *p, const char *call);

/* p is no block of anybody's, because of the place that it lies in, one of those after FOREIGN_NEXT. */
void report_foreign(const struct hook *h, enum foreign_place place, const void *p, const char *call);

/* What free_sized (align 0) and free_aligned_sized say of the block at p, which has usable bytes, cannot be. */
void report_size_mismatch(const struct hook *h, const void *p, size_t align, size_t size, size_t usable);

#endif
