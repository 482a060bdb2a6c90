/*
 * What every hook begins and ends with: the guard against re-entry.
 *
 * A hook holds thread->guard while it works on the thread's heap and event
 * stream: the guard is the hook's frame address.  A hook that finds it held is
 * either called by a signal handler in the middle of another hook (it is
 * deeper on the stack; then it is nested), or the handler left by longjmp and
 * the guard is stale (then it is taken over).  What a nested hook did is kept
 * in thread->pending and written by the interrupted hook when it leaves.
 *
 * Called by all files of this room.  Nothing here changes errno.
 */
#ifndef VMTRACE_HOOK_H
#define VMTRACE_HOOK_H

#include <stdbool.h>
#include <stdint.h>

#include "base/lock.h"
#include "base/thread.h"
#include "trace/trace.h"

#define EXPORT __attribute__((visibility("default")))
#define COLD __attribute__((noinline, cold))
#define HOT static inline __attribute__((always_inline))

/* The frame of the function that this stands in (or that it is inlined into). */
#define HOOK_FRAME ((uintptr_t)__builtin_frame_address(0))

/*
 * Values of the guard that are no frame address.  Frames are even, so bit 0
 * of a held guard says that something waits in thread->pending; when the
 * frame is subtracted, GUARD_PENDING remains.
 */
#define GUARD_FREE ((uintptr_t)0)
#define GUARD_PENDING ((uintptr_t)1)  /* no hook runs; the next one calls hook_attend first */
#define GUARD_UNKNOWN ((uintptr_t)2)  /* thread_none: the thread was not seen before */
#define GUARD_FORK ((uintptr_t)4)     /* all locks are held across fork: everything is nested */
#define GUARD_INTERNAL ((uintptr_t)6) /* thread->internal > 0 */
#define GUARD_FRAMES ((uintptr_t)16)  /* frame addresses are above */

/* thread->flags */
#define THREAD_DETACHED 1u
#define THREAD_ENDED 2u     /* its last destructor ran; libc may still free a few blocks in it */
#define THREAD_DAEMON 4u    /* in daemon(): the parent side of its fork exits inside libc */
#define THREAD_STATIC 8u    /* the first thread's: not own_alloc's */
#define THREAD_GONE 16u     /* it ended and runs no more code */
#define THREAD_LENT 64u     /* it may be one of a child that shares memory (vfork) */
#define THREAD_CONFINED 32u /* strict seccomp: any system call may be its last */

/* thread->creation */
#define THREAD_CREATING 1u /* its creator's pthread_create has not returned */
#define THREAD_LISTED 2u   /* in the table */
#define THREAD_OVER 4u     /* joined before that: the creator frees it */

/* thread->fork: its own doing alone, without a race with others' changes of the flags. */
#define FORK_BEGUN 1u   /* between process_before_fork and process_after_fork */
#define FORK_LOCKS 2u   /* and holds all locks there */
#define FORK_STREAMS 4u /* and libc's list of streams */
#define FORK_QUIET 8u   /* and that of samples: in a handler in the middle of a hook, of a process with one thread */

/* Bytes mapped for thread->pending; pages of them that are never used cost nothing. */
#define PENDING_BYTES (256u << 10)

/* What threads that no hook has seen point at. */
extern struct thread thread_none __attribute__((visibility("hidden")));

static inline uintptr_t guard_of(const struct thread *t)
{
  return (uintptr_t)t->guard;
}

/* Takes the guard; false when it is not free: hook_resolve tells why. */
HOT bool hook_enter(struct thread *t, uintptr_t frame)
{
  if (unlikely(t->guard))
    return false;
  t->guard = (void *)frame;
  __atomic_signal_fence(__ATOMIC_SEQ_CST);
  return true;
}

/* Writes what waits in t->pending; the guard is GUARD_PENDING, and free afterwards. */
void hook_attend(struct thread *t);
/* Gives free a guard that is one of the special values above. */
void hook_release(struct thread *t);

/*
 * One instruction gives the guard free and tells whether something is pending,
 * so that no signal can come between the two.
 */
#if defined(__x86_64__)
HOT bool guard_drop(struct thread *t, uintptr_t frame)
{
  bool pending;

  __asm__ volatile("subq %2, %0" : "+m"(t->guard), "=@ccnz"(pending) : "r"(frame) : "memory");
  return pending;
}
#else
HOT bool guard_drop(struct thread *t, uintptr_t frame)
{
  return __atomic_sub_fetch((uintptr_t *)&t->guard, frame, __ATOMIC_RELAXED) != 0;
}
#endif

HOT void hook_leave(struct thread *t, uintptr_t frame)
{
  if (unlikely(guard_drop(t, frame)))
    hook_attend(t);
}

enum hook_state {
  HOOK_READY,   /* the guard is free (hook_resolve) or held by the caller (hook_begin) */
  HOOK_NESTED,  /* in a signal handler in the middle of a hook: neither heap nor writer may be touched */
  HOOK_INTERNAL /* libc works for itself: served apart, nothing is recorded */
};

/* Why hook_enter failed, after making an unknown thread known and taking over a stale guard. */
enum hook_state hook_resolve(uintptr_t frame);

/* Whether the calling thread, in a function with that frame, may wait for any lock: it is not in a handler in the
 * middle of a hook, nor in one of a fault where a lock was held.  A stale guard is taken over. */
bool hook_may_wait(uintptr_t frame);

/* Whether the calling thread holds a guard: what locks assert in a debug build. */
bool hook_is_guarded(void);

/* For hooks that are not worth a fast path: enters, and says how. */
struct hook {
  struct thread *thread;
  uintptr_t frame;
  enum hook_state state;
};

HOT struct hook hook_begin(uintptr_t frame)
{
  struct hook h = {thread_self(), frame, HOOK_READY};

  while (unlikely(!hook_enter(h.thread, frame))) {
    h.state = hook_resolve(frame);
    h.thread = thread_self();
    if (h.state != HOOK_READY)
      break;
  }
  return h;
}

static inline void hook_end(const struct hook *h)
{
  if (h->state == HOOK_READY)
    hook_leave(h->thread, h->frame);
}

/* The calling thread, made known if it was not. */
struct thread *hook_thread(void);

/*
 * Records an event in the stream of the hook's thread: at once, or, nested,
 * in the pending list.  VT_R_ALLOC, VT_R_FREE and VT_R_REALLOC are taken too.  Of a tail
 * the first 48 bytes less 8 per field are kept when nested.
 */
void hook_record(const struct hook *h, enum vt_record_type type, unsigned n, const uint64_t *fields, const void *tail,
                 size_t tail_len);

#define HOOK_RECORD(h, NAME, ...)                                                                                      \
  do {                                                                                                                 \
    const uint64_t hook_fields_[] = {__VA_ARGS__};                                                                     \
    hook_record((h), VT_R_##NAME, sizeof hook_fields_ / sizeof *hook_fields_, hook_fields_, NULL, 0);                  \
  } while (0)

/* Nested: has the interrupted hook free p, which is not NULL, when it leaves.  False: it cannot take any more. */
bool hook_defer_free(const struct hook *h, void *p);

/* Has hook_attend write a record into t's stream when the running hook leaves; everything here may be interrupted.
 * False: there is no room. */
bool hook_pend(struct thread *t, uint32_t type, unsigned n, const uint64_t *fields, const void *tail, size_t tail_len);

/* The same as hook_record for callers that hold no guard. */
void event_record(enum vt_record_type type, unsigned n, const uint64_t *fields, const void *tail, size_t tail_len);
#define EVENT(NAME, ...)                                                                                               \
  do {                                                                                                                 \
    const uint64_t event_fields_[] = {__VA_ARGS__};                                                                    \
    event_record(VT_R_##NAME, sizeof event_fields_ / sizeof *event_fields_, event_fields_, NULL, 0);                   \
  } while (0)

/* libc works for itself between the two: its calls are served apart and leave no record.  They nest. */
void internal_begin(struct thread *t);
void internal_end(struct thread *t);

#endif
