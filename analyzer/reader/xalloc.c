/*
 * Allocation that succeeds or ends the program.  See xalloc.h.  The only file
 * of the analyzer that calls malloc and its kin, and the only one outside cmd/
 * that ends the process.
 */
#include "reader/xalloc.h"

#include <malloc.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define HUGE_PAGE ((size_t)2 << 20)
#define STACK_NEED ((size_t)512 << 10) /* several times what the deepest command takes */
#define MAPPED_LEAST (1 << 20)
#define START_NEED ((size_t)4 << 20) /* without so much, option parsing and stdio would fail in their own ways */

static void (*clean_up)(void);

void xalloc_on_failure(void (*clean)(void))
{
  clean_up = clean;
}

/* So many steps take some seconds. */
#define WORK_SHARE (UINT64_C(1) << 28)
#define WORK_FACTOR 256

static struct {
  ptrdiff_t used, allowed;
  bool suspended;
} bound = {.allowed = XALLOC_SHARE};

/* Ends the program with a line; from any thread. */
static _Noreturn void end_with(const char *line, size_t length)
{
  static bool failing;

  /* Two threads may fail at once: one line is enough. */
  if (__atomic_exchange_n(&failing, true, __ATOMIC_RELAXED))
    pause();
  if (clean_up)
    clean_up();
  /* What stdio holds of an unfinished report is dropped with it. */
  if (write(STDERR_FILENO, line, length) < 0)
    _exit(XALLOC_EXIT);
  _exit(XALLOC_EXIT);
}

void xalloc_failed(void)
{
  static const char line[] = "vmtrace: out of memory: the report would not be complete, so there is none\n";

  end_with(line, sizeof line - 1);
}

void xalloc_allow(size_t bytes)
{
  static bool any;

  bound.allowed = (any ? bound.allowed : 0) + (ptrdiff_t)bytes;
  any = true;
}

struct xalloc_work xalloc_work = {.allowed = WORK_SHARE};

void xalloc_allow_work(size_t trace_size)
{
  uint64_t more = WORK_SHARE + (uint64_t)trace_size * WORK_FACTOR;
  static bool any;

  xalloc_work.allowed = (any ? xalloc_work.allowed : 0) + more;
  any = true;
}

void xalloc_work_exceeded(void)
{
  static const char line[] = "vmtrace: a trace claims what would take too long: no program of its size can have done "
                             "it (is it damaged, or made "
                             "for it?)\n";

  end_with(line, sizeof line - 1);
}

void xalloc_suspend(void)
{
  bound.suspended = true;
}

void xalloc_resume(void)
{
  bound.suspended = false;
}

void xalloc_count(ptrdiff_t bytes)
{
  static const char line[] =
      "vmtrace: out of memory: a trace claims more than one of its size can hold (is it damaged, "
      "or made for it?)\n";
  ptrdiff_t used = __atomic_add_fetch(&bound.used, bytes, __ATOMIC_RELAXED);

  if (bound.suspended)
    __atomic_add_fetch(&bound.allowed, bytes, __ATOMIC_RELAXED);
  else if (bytes > 0 && used > bound.allowed)
    end_with(line, sizeof line - 1);
}

static void *checked(void *memory)
{
  if (!memory)
    xalloc_failed();
  return memory;
}

void *xmalloc(size_t size)
{
  return checked(malloc(size ? size : 1));
}

void *xcalloc(size_t count, size_t size)
{
  return checked(calloc(count ? count : 1, size ? size : 1));
}

void *xrealloc(void *memory, size_t size)
{
  return checked(realloc(memory, size ? size : 1));
}

void *xreallocarray(void *memory, size_t count, size_t size)
{
  size_t bytes;

  if (__builtin_mul_overflow(count, size, &bytes))
    xalloc_failed();
  return xrealloc(memory, bytes);
}

char *xstrdup(const char *text)
{
  return checked(strdup(text));
}

char *xstrndup(const char *text, size_t size)
{
  return checked(strndup(text, size));
}

char *xmemdup0(const void *bytes, size_t size)
{
  char *copy = xmalloc(size + 1);

  if (size)
    memcpy(copy, bytes, size);
  copy[size] = '\0';
  return copy;
}

char *xasprintf(const char *format, ...)
{
  va_list args;
  char *text;
  int length;

  va_start(args, format);
  length = vasprintf(&text, format, args);
  va_end(args);
  return checked(length < 0 ? NULL : text);
}

void xsetenv(const char *name, const char *value)
{
  if (setenv(name, value, 1) < 0)
    xalloc_failed();
}

void *xgrow(void *items, size_t count, size_t *room, size_t size)
{
  if (count < *room)
    return items;
  *room = *room ? *room * 2 : 16;
  return xreallocarray(items, *room, size);
}

void *xtable(size_t count, size_t size)
{
  size_t bytes;
  void *memory;

  if (__builtin_mul_overflow(count, size, &bytes) || bytes > SIZE_MAX - HUGE_PAGE)
    xalloc_failed();
  if (bytes < HUGE_PAGE)
    return xcalloc(count, size);
  bytes = (bytes + HUGE_PAGE - 1) & ~(HUGE_PAGE - 1);
  memory = checked(aligned_alloc(HUGE_PAGE, bytes));
  madvise(memory, bytes, MADV_HUGEPAGE);
  return memset(memory, 0, bytes);
}

/* Touches the stack as far down as a command may go. */
static __attribute__((noinline)) void stack_reach(void)
{
  volatile char deep[STACK_NEED];

  for (size_t i = 0; i < sizeof deep; i += 1024)
    deep[sizeof deep - 1 - i] = 0;
}

void xalloc_begin(void)
{
  void *room = mmap(NULL, START_NEED, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

  if (room == MAP_FAILED)
    xalloc_failed();
  munmap(room, START_NEED);
  stack_reach();
  /* Large pieces go back to the kernel when they are freed, whatever was freed before. */
  mallopt(M_MMAP_THRESHOLD, MAPPED_LEAST);
}
