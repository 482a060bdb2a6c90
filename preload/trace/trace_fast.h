/*
 * The inline halves of the two records that matter: at most one word each.
 * Everything that is not the plain case is in trace_alloc_slow and trace_free_slow.
 */
#ifndef VMTRACE_TRACE_FAST_H
#define VMTRACE_TRACE_FAST_H

#include "base/lock.h"
#include "trace/trace.h"

/* Left to itself the compiler makes a function of what several hooks use, which costs them more than the call. */
#define TRACE_HOT static inline __attribute__((always_inline))

/* Whether the next record needs the slow half: no room, or the clock is due (both are in end), or a tick has passed. */
static inline bool trace_is_due(const struct trace_writer *w)
{
  return unlikely(w->cur >= w->end) || unlikely(w->tick != __atomic_load_n(&trace_tick, __ATOMIC_RELAXED));
}

/*
 * The next record has a time of its own.  Asked for before a block of another
 * thread is freed or resized: with a coarse time that could seem to be earlier
 * than a previous free of the same address by the other thread, and nothing in the trace could tell (FORMAT.md, 7).
 */
static inline void trace_clock_due(struct trace_writer *w)
{
  if (w->end > w->cur)
    w->end = w->cur;
}

static inline void trace_put_word(struct trace_writer *w, uint64_t word, unsigned len)
{
  __builtin_memcpy(w->cur, &word, sizeof word);
  w->cur += len;
}

static inline void trace_put_hot(struct trace_writer *w, struct vt_hot hot, unsigned len)
{
  if (unlikely(hot.second)) {
    __builtin_memcpy(w->cur + sizeof hot.first, &hot.second, sizeof hot.second);
    __atomic_signal_fence(__ATOMIC_SEQ_CST);
  }
  __builtin_memcpy(w->cur, &hot.first, sizeof hot.first);
  w->cur += len;
}

/* A block at addr of size bytes, with the usual alignment, allocated by call stack `stack`.  Called after the
 * allocation. */
TRACE_HOT void trace_alloc(struct trace_writer *w, uint64_t addr, uint64_t size, uint32_t stack)
{
  unsigned len;
  struct vt_hot hot;

  if (trace_is_due(w) || unlikely(size >= VT_HOT_SIZE_LIMIT)) {
    if (w != &trace_none)
      trace_alloc_slow(w, addr, size, stack);
    return;
  }
  hot = vt_pack_alloc(&w->codec, vt_fold(addr) >> TRACE_PIN_SHIFT, (uint32_t)size, stack, &len);
  w->allocs++;
  trace_put_hot(w, hot, len);
}

/* The block at addr is about to be freed.  Called before the free. */
TRACE_HOT void trace_free(struct trace_writer *w, uint64_t addr)
{
  unsigned len;
  uint64_t word;

  if (trace_is_due(w)) {
    if (w != &trace_none)
      trace_free_slow(w, addr);
    return;
  }
  word = vt_pack_free(&w->codec, vt_fold(addr) >> TRACE_PIN_SHIFT, &len);
  trace_put_word(w, word, len);
}

#endif
