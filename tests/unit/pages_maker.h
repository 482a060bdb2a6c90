/*
 * Traces of the sampler's stream alone, for tests of the page report.  Made
 * with trace_maker, read back through the reader as any trace is.
 */
#ifndef VMTRACE_PAGES_MAKER_H
#define VMTRACE_PAGES_MAKER_H

#include <stdbool.h>
#include <stdint.h>

#include "query/verdict/page_set.h"
#include "trace_maker.h"

#define PAGES_MAKER_MAX 32
#define MS UINT64_C(1000000)
#define STATE_OWN (VT_PG_PRESENT | VT_PG_ZERO_KNOWN | VT_PG_EXCLUSIVE)
#define STATE_ANON (VT_PG_PRESENT | VT_PG_ZERO_KNOWN)
#define STATE_FILE (VT_PG_PRESENT | VT_PG_ZERO_KNOWN | VT_PG_FILE)

/* Begins a trace of process pid that lives from start_ms to end_ms (after 1 s on the clock), with a pinned heap,
 * numbers visible.  Change its header before pages_made(). */
struct trace_maker *pages_process(int pid, uint64_t start_ms, uint64_t end_ms);

/* Records of the trace begun last. */
void pages_sample(uint64_t at_ms, uint32_t flags);
void pages_sample_end(uint64_t pages);
void pages_run(uint64_t addr, uint64_t count, uint32_t state, uint64_t pfn);
void pages_list(uint64_t addr, uint32_t state, uint64_t count, const uint64_t *pfns);
/* The same with any tail. */
void pages_bytes(uint64_t addr, uint32_t state, uint64_t count, const void *tail, size_t len);
void pages_vma(uint64_t addr, uint64_t size, uint32_t flags, uint64_t inode, const char *path);
void pages_vma_gone(uint64_t addr, uint64_t size);
void pages_value(uint64_t at_ms, uint64_t addr, enum vt_value_type type, uint64_t bits);

/* Ends the trace begun last. */
void pages_end(void);

/* Loads all traces made so far, as one set; then deletes them.  The caller frees the set. */
struct page_set *pages_made(void);

#endif
