/*
 * What is said when the program misuses the heap: one line on stderr, a
 * HEAP_ERROR record, then abort as glibc does.  Called by the malloc hooks.
 */
#ifndef VMTRACE_REPORT_H
#define VMTRACE_REPORT_H

#include "entry/hook.h"
#include "heap/heap.h"

/* verdict is HEAP_DOUBLE, HEAP_INTERIOR or HEAP_INVALID; h is the hook that met it, and call its name. */
_Noreturn void report_bad_free(const struct hook *h, enum heap_verdict verdict, const void *p, const char *call);

/* free_sized or free_aligned_sized with a size that the block at p cannot have: said once, the program goes on. */
void report_size_mismatch(const struct hook *h, const void *p, size_t claimed, size_t usable);

#endif
