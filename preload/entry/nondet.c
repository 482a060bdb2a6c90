/*
 * See nondet.h.  Called by process.c, and through process_note_nondet by
 * whoever gives out addresses: in the middle of a hook, under the heap's locks, and in handlers.
 *
 * In the middle of a hook the stream may not be touched: the record waits in thread->pending, as what handlers do,
 * and follows the event that it is about.  Which one that is, it says itself (event).
 */
#include "entry/nondet.h"

#include <stddef.h>

#include "base/layout.h"
#include "base/log.h"
#include "entry/hook.h"
#include "entry/process.h"

_Static_assert(VT_NONDET_MAX <= 32, "reasons are bits of a word");

/* Not wiped in children: their addresses are their parent's. */
static struct {
  uint32_t first;     /* atomic: enum vt_nondet */
  uint32_t raised;    /* atomic: bit 1 << reason */
  uint32_t unclaimed; /* atomic: of them, those raised by threads that were not known yet */
  uint64_t addr[VT_NONDET_MAX];
} reports;

static void put_record(struct thread *t, const uint64_t *fields)
{
  uintptr_t guard = guard_of(t);

  if (guard == GUARD_FREE || guard == GUARD_PENDING)
    event_record(VT_R_NONDET, 3, fields, NULL, 0);
  else
    hook_pend(t, VT_R_NONDET, 3, fields, NULL, 0);
}

/* Once per stream and reason.  A thread without a stream is told when it has one. */
static void tell_stream(struct thread *t, enum vt_nondet reason, uint64_t addr)
{
  uint32_t bit = 1u << reason;
  const uint64_t fields[] = {reason, addr, t->writer->allocs};

  if (!(__atomic_fetch_or(&t->nondet, bit, __ATOMIC_RELAXED) & bit) && t->writer != &trace_none)
    put_record(t, fields);
}

void process_note_nondet(enum vt_nondet reason, uint64_t addr)
{
  uint32_t none = VT_NONDET_NONE, bit = 1u << reason;
  struct thread *t = thread_self();

  __atomic_compare_exchange_n(&reports.first, &none, (uint32_t)reason, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED);
  if (!(__atomic_load_n(&reports.raised, __ATOMIC_RELAXED) & bit)) {
    __atomic_store_n(&reports.addr[reason], addr, __ATOMIC_RELAXED);
    __atomic_fetch_or(&reports.raised, bit, __ATOMIC_RELAXED);
  }
  if (reason == VT_NONDET_LOW)
    log_warn("address 0x%lx is already taken: the heap starts at 0x%lx instead", (unsigned long)LOW_START,
             (unsigned long)HIGH_START);
  trace_note_nondet(reason);
  if (t == &thread_none)
    __atomic_fetch_or(&reports.unclaimed, bit, __ATOMIC_RELAXED);
  else
    tell_stream(t, reason, addr);
}

void nondet_open_trace(struct thread *t)
{
  uint32_t first = __atomic_load_n(&reports.first, __ATOMIC_RELAXED);

  if (first)
    trace_note_nondet((enum vt_nondet)first);
  t->nondet = __atomic_load_n(&reports.raised, __ATOMIC_RELAXED);
}

void nondet_open_stream(struct thread *t)
{
  uint32_t reasons = __atomic_load_n(&t->nondet, __ATOMIC_RELAXED);

  for (uint32_t reason = 1; reason < VT_NONDET_MAX; reason++)
    if (reasons & 1u << reason)
      TRACE(t->writer, NONDET, reason, __atomic_load_n(&reports.addr[reason], __ATOMIC_RELAXED), 0);
}

void nondet_claim(struct thread *t)
{
  __atomic_fetch_or(&t->nondet, __atomic_exchange_n(&reports.unclaimed, 0, __ATOMIC_RELAXED), __ATOMIC_RELAXED);
}
