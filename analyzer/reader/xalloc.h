/*
 * Memory for the analyzer: what it gets, it got.  A report that leaves out
 * what there was no memory for is not true, so a request that cannot be met
 * ends the program here, with one line on stderr and exit code 3.  Callers
 * have nothing to check.
 *
 * All rooms of the analyzer allocate through these functions (the lint says
 * so); what they return is freed by free().  The names are those that GNU
 * programs use, libiberty's among them: its demanglers end here, too.
 */
#ifndef VMTRACE_XALLOC_H
#define VMTRACE_XALLOC_H

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#define XALLOC_EXIT 3 /* as EXIT_UNREADABLE in cmd/command.h */

void *xmalloc(size_t size) __attribute__((malloc, returns_nonnull));
void *xcalloc(size_t count, size_t size) __attribute__((malloc, returns_nonnull));
void *xrealloc(void *memory, size_t size) __attribute__((returns_nonnull));
void *xreallocarray(void *memory, size_t count, size_t size) __attribute__((returns_nonnull));
char *xstrdup(const char *text) __attribute__((malloc, returns_nonnull));
char *xstrndup(const char *text, size_t size) __attribute__((malloc, returns_nonnull));
char *xmemdup0(const void *bytes, size_t size) __attribute__((malloc, returns_nonnull)); /* and a NUL behind */
char *xasprintf(const char *format, ...) __attribute__((format(printf, 1, 2), malloc, returns_nonnull));

/* Sets a variable of this process's environment. */
void xsetenv(const char *name, const char *value);

/* Room for one more thing of size bytes in an array that holds count of them and has space for *room. */
void *xgrow(void *items, size_t count, size_t *room, size_t size);

/* Zeroed memory for large tables that are read at random: on huge pages, which save most of the TLB misses and of the
 * page faults. */
void *xtable(size_t count, size_t size) __attribute__((malloc, returns_nonnull));

/*
 * To be called first of all: makes sure that the stack can grow as far as any
 * command needs it; where an address space limit forbids that, a growing stack
 * is a SIGSEGV.
 */
void xalloc_begin(void);

/* Ends the program as a failed allocation does.  For libraries that allocate by themselves and say that they could
 * not.  Any thread may call it. */
_Noreturn void xalloc_failed(void);

/*
 * The bound on what traces may make of their bytes: so many more bytes may be in use.  Without any call it is
 * XALLOC_SHARE.  What goes beyond it ends the program as a failed allocation does, because only a file that was made
 * for it, or damaged, claims so much.
 *
 * A trace may take XALLOC_SHARE_FACTOR times its size: 1 MiB of records takes less than 64 MiB with the program itself
 * and what the C library keeps.  A small one may take XALLOC_SHARE_PLAIN, which the tables of a report need, and a
 * packed one, of which a byte may stand for hundreds, XALLOC_SHARE.
 */
#define XALLOC_SHARE ((size_t)960 << 20)
#define XALLOC_SHARE_PLAIN ((size_t)54 << 20)
#define XALLOC_SHARE_FACTOR 54
void xalloc_allow(size_t bytes);

/*
 * The same for time: what a trace claims may make each of many things meet each other (ranges of pages that lie within
 * each other, blocks that overlap, one frame at a thousand places).  Whoever does such work counts its steps, of some
 * ten nanoseconds each.  A trace may cause as many as take some seconds, and more by its size; real ones stay a hundred
 * times below that.  What goes beyond ends the program with a line, as a failed allocation does.
 */
struct xalloc_work {
  uint64_t done, allowed;
};
extern struct xalloc_work xalloc_work;
void xalloc_allow_work(size_t trace_size);
_Noreturn void xalloc_work_exceeded(void);

static inline void xalloc_work_count(uint64_t steps)
{
  xalloc_work.done += steps;
  if (__builtin_expect(xalloc_work.done > xalloc_work.allowed, 0))
    xalloc_work_exceeded();
}

/* Between the two, what is allocated does not count against the bound: debug information is large, and not a trace's.
 */
void xalloc_suspend(void);
void xalloc_resume(void);

/* Memory was taken, or given back (negative).  For the malloc of the program itself. */
void xalloc_count(ptrdiff_t bytes);

/* Has clean called before the program ends for want of memory: it may remove a file, and allocate nothing.  NULL: no
 * more. */
void xalloc_on_failure(void (*clean)(void));

#endif
