/*
 * Traces of programs that allocate, for tests of the report of the heap: made
 * with trace_maker, read back through the reader as any trace is.
 */
#ifndef VMTRACE_HEAP_MAKER_H
#define VMTRACE_HEAP_MAKER_H

#include "query/heap/call_tree.h"
#include "query/heap/heap_process.h"
#include "report/heap_report.h"
#include "trace_maker.h"

#define MS UINT64_C(1000000)
#define CODE UINT64_C(0x555500000000) /* where the module "prog" is */
#define PAGE UINT64_C(4096)

/* Call stacks that every trace has: main at CODE + 0x100, and what it calls at + 0x200 and + 0x300. */
enum { IN_MAIN = 16, IN_F = 17, IN_G = 18 };

/* A trace at temp_path(name) that starts at 1 s: stream 0, the program's first thread, with the module and the stacks.
 */
struct trace_maker *heap_trace(const char *name, struct maker_stream **thread);

/* A sample begins, with frame numbers, at that time after the start; the sampler's stream is made by the first one. */
struct maker_stream *heap_sample(struct trace_maker *m, struct maker_stream *sampler, uint64_t at_ns);
void heap_vma(struct maker_stream *sampler, uint64_t addr, uint64_t size, uint32_t flags, const char *path);
void heap_mark(struct maker_stream *s, const char *name);

/* Loads traces at an instant as the command does, frames compared: stores count processes, or ends the test program. */
void heap_load(const char *const *names, size_t count, const char *at, struct heap_process **out);
struct heap_process *heap_load_one(const char *name, const char *at);
/* Each process once. */
void heap_unload(struct heap_process *p);

/* The same, in any number; *s is to be closed after heap_set_release. */
struct heap_set heap_load_set(const char *const *names, size_t count, const char *at, struct session **s);

/* The row of one call stack of a process. */
struct heap_row heap_row_of(const struct heap_process *p, uint32_t stack);

#endif
