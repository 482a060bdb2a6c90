/*
 * Reports of heap misuse.  See report.h.
 */
#include "entry/report.h"

#include <signal.h>
#include <stdbool.h>

#include "base/log.h"
#include "base/sys.h"
#include "entry/next_libc.h"
#include "entry/process.h"

static const struct {
  enum vt_heap_error kind;
  const char *text;
} kinds[] = {
    [HEAP_DOUBLE] = {VT_HEAP_DOUBLE_FREE, "block is free already"},
    [HEAP_INTERIOR] = {VT_HEAP_INTERIOR_FREE, "address is inside a block, not at its start"},
    [HEAP_INVALID] = {VT_HEAP_INVALID_FREE, "no block is or was at this address"},
};

_Noreturn void report_bad_free(const struct hook *h, enum heap_verdict verdict, const void *p, const char *call)
{
  log_error("%s(%p) in process %d: %s: %s", call, p, sys_getpid(),
            verdict == HEAP_DOUBLE ? "double free" : "invalid pointer", kinds[verdict].text);
  HOOK_RECORD(h, HEAP_ERROR, kinds[verdict].kind, (uint64_t)(uintptr_t)p);
  hook_end(h);
  process_end(VT_ENDED_SIGNAL, SIGABRT, 0);
  next_libc.abort();
  __builtin_unreachable();
}

void report_size_mismatch(const struct hook *h, const void *p, size_t claimed, size_t usable)
{
  static bool said;

  HOOK_RECORD(h, HEAP_ERROR, VT_HEAP_SIZE_MISMATCH, (uint64_t)(uintptr_t)p);
  if (__atomic_exchange_n(&said, true, __ATOMIC_RELAXED))
    return;
  log_warn("free_sized(%p, %zu) in process %d: the block has %zu bytes; further ones are only recorded", p, claimed,
           sys_getpid(), usable);
}
