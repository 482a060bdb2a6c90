/*
 * The cold half of the guard: unknown threads, nested and stale guards, and
 * the list of what signal handlers did in the middle of a hook.  See hook.h.
 */
#include "entry/hook.h"

#include <signal.h>
#include <stddef.h>
#include <string.h>
#include <sys/syscall.h>

#include "base/lock_table.h"
#include "base/own.h"
#include "base/sys.h"
#include "entry/allocation.h"
#include "entry/process.h"
#include "entry/sampler_life.h"
#include "entry/stacks.h"
#include "heap/heap.h"
#include "trace/trace_fast.h"

#define PENDING_FREE 0x100u /* no record: the block fields[0] is to be freed (and recorded) */

struct pending_event {
  uint32_t type; /* VT_R_* or PENDING_FREE; 0: still being written, or given up in a longjmp */
  uint16_t n, tail;
  uint64_t fields[VT_FIELDS_MAX]; /* n of them, then as many bytes of the record's tail as there is room for */
};

#define PENDING_EVENTS ((PENDING_BYTES - 16) / sizeof(struct pending_event))

struct pending {
  uint32_t count; /* taken, may exceed PENDING_EVENTS: the rest is lost */
  struct pending_event event[PENDING_EVENTS];
};
_Static_assert(sizeof(struct pending) <= PENDING_BYTES, "fits");

struct thread thread_none = {.guard = (void *)GUARD_UNKNOWN, .number = VT_NO_THREAD};
__thread struct thread *thread_current __attribute__((tls_model("initial-exec"), visibility("hidden"))) = &thread_none;

/*
 * Whether the guard was left behind by a longjmp.  A nested call is deeper on
 * the same stack.  On an alternate signal stack addresses say nothing about
 * depth: the guard is live if the other stack is the one that was interrupted.
 */
static bool guard_is_stale(uintptr_t guard, uintptr_t frame)
{
  stack_t alt = {0};
  bool on_alt, guard_on_alt;

  guard &= ~GUARD_PENDING;
  if (sys_call(SYS_sigaltstack, 0, (long)&alt, 0, 0, 0, 0) != 0 || alt.ss_flags & SS_DISABLE)
    return frame >= guard;
  on_alt = alt.ss_flags & SS_ONSTACK;
  guard_on_alt = guard - (uintptr_t)alt.ss_sp < alt.ss_size;
  if (on_alt != guard_on_alt)
    return guard_on_alt;
  return frame >= guard;
}

/* Where guarded locks may be taken: hooks of handlers that come in find the guard held. */
bool hook_is_guarded(void)
{
  const struct thread *t = thread_self();

  return t && guard_of(t) >= GUARD_FORK; /* the sampler's helper has no thread */
}

COLD enum hook_state hook_resolve(uintptr_t frame)
{
  struct thread *t = thread_self();
  uintptr_t guard;
  uint64_t mask;

  if (t == &thread_none)
    t = process_know_thread();
  if (t->internal)
    return HOOK_INTERNAL;
  guard = guard_of(t);
  if (guard == GUARD_FREE)
    return HOOK_READY;
  if (guard == GUARD_PENDING) {
    hook_attend(t);
    return HOOK_READY;
  }
  if (guard < GUARD_FRAMES || !guard_is_stale(guard, frame))
    return HOOK_NESTED;
  /* What is half-done is repaired or given up, at once: a handler that came in between would find it so. */
  mask = sys_block_signals();
  lock_table_recover();
  t->heap = heap_recover(t->heap);
  trace_writer_recover(t->writer);
  hook_release(t);
  sys_restore_signals(mask);
  if (guard_of(t) == GUARD_PENDING)
    hook_attend(t);
  return HOOK_READY;
}

COLD struct thread *hook_thread(void)
{
  struct thread *t = thread_self();

  return t == &thread_none ? process_know_thread() : t;
}

COLD bool hook_may_wait(uintptr_t frame)
{
  struct hook h = hook_begin(frame);

  hook_end(&h);
  return h.state == HOOK_READY && !lock_table_holds_any();
}

/* One event in the thread's own stream; the guard is held. */
static void write_event(struct trace_writer *w, uint32_t stack, uint32_t type, unsigned n, const uint64_t *f,
                        const void *tail, size_t tail_len)
{
  if (w == &trace_none)
    return;
  switch (type) {
  case VT_R_ALLOC:
    if (f[2] > 16)
      trace_alloc_aligned(w, f[0], f[1], f[2], stack);
    else
      trace_alloc(w, f[0], f[1], stack);
    break;
  case VT_R_FREE:
    trace_clock_due(w);
    trace_free(w, f[0]);
    break;
  case VT_R_REALLOC:
    trace_clock_due(w);
    trace_realloc(w, f[0], f[1], f[2], stack);
    break;
  default:
    if (vt_record_traits(type) & VT_T_INSTANT)
      trace_instant(w, (enum vt_record_type)type, n, f, tail, tail_len);
    else if (vt_record_traits(type) & VT_T_STACK)
      trace_record_stack(w, (enum vt_record_type)type, n, f, stack);
    else
      trace_record(w, (enum vt_record_type)type, n, f, tail, tail_len);
  }
}

/* The interrupted hook is told by the guard's bit 0. */
static void tell_hook(struct thread *t)
{
  if (guard_of(t) >= GUARD_FRAMES)
    __atomic_fetch_or((uintptr_t *)&t->guard, GUARD_PENDING, __ATOMIC_RELAXED);
}

static void put_event(struct pending_event *e, unsigned n, const uint64_t *fields, const void *tail, size_t tail_len)
{
  size_t room = (VT_FIELDS_MAX - n) * sizeof *fields;

  e->n = (uint16_t)n;
  e->tail = (uint16_t)(tail_len < room ? tail_len : room);
  for (unsigned i = 0; i < n; i++)
    e->fields[i] = fields[i];
  if (e->tail)
    memcpy(&e->fields[n], tail, e->tail);
}

bool hook_pend(struct thread *t, uint32_t type, unsigned n, const uint64_t *fields, const void *tail, size_t tail_len)
{
  struct pending *p = t->pending;
  uint32_t slot;

  if (!p) {
    void *none = NULL;

    p = own_map(PENDING_BYTES);
    if (p && !__atomic_compare_exchange_n(&t->pending, &none, p, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED)) {
      own_unmap(p, PENDING_BYTES);
      p = none;
    }
  }
  slot = p ? __atomic_fetch_add(&p->count, 1, __ATOMIC_RELAXED) : PENDING_EVENTS;
  if (slot >= PENDING_EVENTS)
    return false;
  put_event(&p->event[slot], n, fields, tail, tail_len);
  __atomic_signal_fence(__ATOMIC_SEQ_CST);
  p->event[slot].type = type;
  tell_hook(t);
  return true;
}

static void write_list(struct thread *t, struct pending *p, uintptr_t frame)
{
  const struct hook h = {t, frame, HOOK_READY};
  uint32_t count = p->count;

  for (uint32_t i = 0; i < count && i < PENDING_EVENTS; i++) {
    struct pending_event *e = &p->event[i];
    uint32_t type = e->type;

    /* Not twice, even if a handler leaves by longjmp. */
    e->type = 0;
    __atomic_signal_fence(__ATOMIC_SEQ_CST);
    if (type == PENDING_FREE)
      block_free(&h, (void *)(uintptr_t)e->fields[0], "free");
    else if (type)
      write_event(t->writer, VT_STACK_NONE, type, e->n, e->fields, &e->fields[e->n], e->tail);
  }
  /* A handler that interrupted this loop added behind count: keep those for the next round. */
  if (!__atomic_compare_exchange_n(&p->count, &count, 0, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED))
    __atomic_fetch_or((uintptr_t *)&t->guard, GUARD_PENDING, __ATOMIC_RELAXED);
}

/*
 * Without handlers: one that interrupts this adds to the list, and would go on
 * to until it is full if the program gets less time between two signals than writing one event takes.  Those of faults
 * may still come.
 */
static void write_pending(struct thread *t, uintptr_t frame)
{
  struct pending *p = t->pending;
  uint64_t mask = sys_block_signals(), lost;

  if (p)
    write_list(t, p, frame);
  lost = __atomic_exchange_n(&t->lost, 0, __ATOMIC_RELAXED);
  if (lost)
    TRACE(t->writer, LOSS, VT_LOSS_SIGNAL, lost);
  sys_restore_signals(mask);
}

COLD void hook_attend(struct thread *t)
{
  uintptr_t frame = HOOK_FRAME;

  do {
    t->guard = (void *)frame;
    __atomic_signal_fence(__ATOMIC_SEQ_CST);
    write_pending(t, frame);
  } while (guard_drop(t, frame));
  sampler_life_attend(t);
}

void hook_release(struct thread *t)
{
  struct pending *p = t->pending;

  if (t->internal)
    t->guard = (void *)GUARD_INTERNAL;
  else
    t->guard = (void *)((p && p->count) || t->lost ? GUARD_PENDING : GUARD_FREE);
}

/* The list is full: the header counts it now, the stream tells of it when the interrupted hook leaves. */
static void lose_event(struct thread *t)
{
  trace_note_lost(1);
  __atomic_fetch_add(&t->lost, 1, __ATOMIC_RELAXED);
  tell_hook(t);
}

void hook_record(const struct hook *h, enum vt_record_type type, unsigned n, const uint64_t *fields, const void *tail,
                 size_t tail_len)
{
  if (h->state == HOOK_READY)
    write_event(h->thread->writer, vt_record_traits(type) & VT_T_STACK ? stack_of(h->thread, h->frame) : VT_STACK_NONE,
                type, n, fields, tail, tail_len);
  else if (h->state == HOOK_NESTED && h->thread->writer != &trace_none &&
           !hook_pend(h->thread, type, n, fields, tail, tail_len))
    lose_event(h->thread);
}

bool hook_defer_free(const struct hook *h, void *p)
{
  const uint64_t field = (uint64_t)(uintptr_t)p;

  return hook_pend(h->thread, PENDING_FREE, 1, &field, NULL, 0);
}

COLD void event_record(enum vt_record_type type, unsigned n, const uint64_t *fields, const void *tail, size_t tail_len)
{
  struct hook h = hook_begin(HOOK_FRAME);

  hook_record(&h, type, n, fields, tail, tail_len);
  hook_end(&h);
}

void internal_begin(struct thread *t)
{
  t->internal++;
  if (guard_of(t) == GUARD_PENDING)
    hook_attend(t);
  if (guard_of(t) == GUARD_FREE)
    t->guard = (void *)GUARD_INTERNAL;
}

void internal_end(struct thread *t)
{
  if (--t->internal == 0 && guard_of(t) == GUARD_INTERNAL)
    hook_release(t);
}
