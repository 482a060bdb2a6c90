/*
 * The table of threads.  See threads.h.
 *
 * The lock is held for look-ups and changes of the table only, never while
 * libc or another room is called.
 */
#include "entry/threads.h"

#include <errno.h>
#include <signal.h>
#include <stddef.h>
#include <sys/syscall.h>

#include "base/filter.h"
#include "base/lock_table.h"
#include "base/own.h"
#include "base/sys.h"
#include "entry/env.h"
#include "entry/free_sites.h"
#include "entry/hook.h"
#include "entry/process.h"
#include "entry/stacks.h"
#include "heap/heap.h"

#define BUCKETS 1024u
#define REAP_EVERY 8u       /* ended threads that may wait to be found gone */
#define REAP_MOST 64u       /* looked after in one go */
#define DESTRUCTOR_ROUNDS 4 /* PTHREAD_DESTRUCTOR_ITERATIONS: in the last round nothing of the program's follows */

static struct thread *table[BUCKETS];
static struct thread *ending; /* through their last destructor, but perhaps not gone yet */
static unsigned ending_count;
static uint64_t entered_count; /* under the lock */

static bool key_made;
static pthread_key_t end_key;

/* pthread_t is the address of the thread's control block: multiples of the stack's size apart. */
static struct thread **bucket_of(uint64_t pthread)
{
  return &table[(pthread * UINT64_C(0x9e3779b97f4a7c15)) >> 54];
}

/* The lock is held.  A new thread and its creator both come here, and the first one counts. */
static void table_add(struct thread *t, uint64_t pthread)
{
  struct thread **bucket = bucket_of(pthread);

  if (t->creation & THREAD_LISTED)
    return;
  t->creation |= THREAD_LISTED;
  t->pthread = pthread;
  t->entered = ++entered_count;
  t->next = *bucket;
  *bucket = t;
}

/* The lock is held; false: somebody else took it out. */
static bool table_remove(struct thread *t)
{
  for (struct thread **at = bucket_of(t->pthread); *at; at = &(*at)->next) {
    if (*at == t) {
      *at = t->next;
      return true;
    }
  }
  return false;
}

static void free_thread(struct thread *t)
{
  stacks_close(t);
  free_sites_close(t);
  env_list_close(t);
  if (t->pending)
    own_unmap(t->pending, PENDING_BYTES);
  t->pending = NULL;
  if (!(t->flags & THREAD_STATIC))
    own_free(t, sizeof *t);
}

/* The lock is held, for both. */
static void ending_add(struct thread *t)
{
  t->ending = ending;
  t->ending_at = &ending;
  if (ending)
    ending->ending_at = &t->ending;
  ending = t;
  __atomic_store_n(&ending_count, ending_count + 1, __ATOMIC_RELAXED);
}

static void ending_remove(struct thread *t)
{
  if (!t->ending_at)
    return;
  *t->ending_at = t->ending;
  if (t->ending)
    t->ending->ending_at = t->ending_at;
  t->ending_at = NULL;
  __atomic_store_n(&ending_count, ending_count - 1, __ATOMIC_RELAXED);
}

/*
 * Takes up to REAP_MOST threads that are gone off the list.  Those that can be joined stay in the table, and may be
 * joined and freed at any time: of them only the heap is told, in *heaps.  How many; the others are the result.
 */
static struct thread *take_gone(struct heap **heaps, unsigned *count)
{
  struct thread *gone = NULL, *next;
  int pid = sys_getpid();
  unsigned left = REAP_MOST;
  uint64_t mask = masked_lock_take(&lock_threads);

  for (struct thread *t = ending; t && left; t = next) {
    next = t->ending;
    if (t->creation & THREAD_CREATING || sys_call(SYS_tgkill, pid, t->tid, 0, 0, 0, 0) != -ESRCH)
      continue;
    left--;
    ending_remove(t);
    t->flags |= THREAD_GONE;
    if (t->flags & THREAD_DETACHED) {
      table_remove(t);
      t->ending = gone;
      gone = t;
    } else {
      heaps[(*count)++] = t->heap;
    }
  }
  masked_lock_release(&lock_threads, mask);
  return gone;
}

/* Threads that are gone leave their heaps to others, and detached ones nothing else that is needed.  Within a hook. */
static void reap(void)
{
  struct heap *heaps[REAP_MOST];
  unsigned count = 0;
  struct thread *gone = take_gone(heaps, &count), *next;

  while (count)
    heap_thread_gone(heaps[--count], true);
  for (; gone; gone = next) {
    next = gone->ending;
    heap_thread_gone(gone->heap, false);
    trace_writer_close(gone->writer);
    free_thread(gone);
  }
}

/* Runs in the ending thread, once per round of destructors. */
static void thread_end(void *round)
{
  uintptr_t n = (uintptr_t)round;
  struct thread *t = hook_thread();
  uint64_t mask;
  struct hook h;

  if (n < DESTRUCTOR_ROUNDS) {
    internal_begin(t);
    pthread_setspecific(end_key, (void *)(n + 1));
    internal_end(t);
    return;
  }
  h = hook_begin(HOOK_FRAME);
  if (h.state == HOOK_READY)
    HOOK_RECORD(&h, THREAD_END, (uint64_t)t->tid);
  if (h.state == HOOK_READY && t->heap != &heap_none)
    heap_thread_end(t->heap);
  hook_end(&h);
  mask = masked_lock_take(&lock_threads);
  t->flags |= THREAD_ENDED;
  if (!(t->flags & THREAD_STATIC))
    ending_add(t);
  masked_lock_release(&lock_threads, mask);
}

static void make_key(void)
{
  uint64_t mask = masked_lock_take(&lock_end_key);

  if (!key_made)
    key_made = pthread_key_create(&end_key, thread_end) == 0;
  masked_lock_release(&lock_end_key, mask);
}

struct thread *threads_new(struct thread *parent, bool detached)
{
  struct thread *child;
  struct hook h;

  if (!__atomic_load_n(&key_made, __ATOMIC_ACQUIRE))
    make_key();
  child = own_alloc(sizeof *child);
  if (!child)
    return NULL;
  child->writer = &trace_none;
  child->heap = &heap_none;
  child->parent = parent;
  child->filter = filter_get();
  child->number = parent->number; /* until the child opens its own stream */
  child->flags = detached ? THREAD_DETACHED : 0;
  child->creation = THREAD_CREATING;
  child->internal = 1; /* until threads_begin is done */
  child->guard = (void *)GUARD_INTERNAL;
  h = hook_begin(HOOK_FRAME);
  if (h.state == HOOK_READY && __atomic_load_n(&ending_count, __ATOMIC_RELAXED) >= REAP_EVERY)
    reap();
  if (parent->polled && process_mode() == PROCESS_PIN)
    process_note_nondet(VT_NONDET_JOIN, 0);
  child->ordinal = ++parent->children;
  if (process_mode() == PROCESS_PIN) {
    child->heap = h.state == HOOK_NESTED ? heap_adopt() : heap_child(parent->heap);
    if (!child->heap) {
      parent->children--;
      free_thread(child);
      child = NULL;
    }
  }
  hook_end(&h);
  return child;
}

void threads_cancel(struct thread *parent, struct thread *child)
{
  struct hook h = hook_begin(HOOK_FRAME);

  parent->children--;
  if (h.state != HOOK_NESTED && child->heap != &heap_none)
    heap_child_cancel(parent->heap, child->heap);
  hook_end(&h);
  free_thread(child);
}

void threads_created(struct thread *child, const pthread_t *pthread)
{
  uint64_t mask = masked_lock_take(&lock_threads);
  bool over;

  over = child->creation & THREAD_OVER;
  child->creation &= ~THREAD_CREATING;
  /* Once it runs, what pthread points to may be gone: a thread may free its own record. */
  if (!over && !(child->creation & THREAD_LISTED))
    table_add(child, (uint64_t)*pthread);
  masked_lock_release(&lock_threads, mask);
  if (over)
    free_thread(child);
}

void threads_begin(struct thread *t)
{
  uint32_t parent = t->number;

  filter_inherit(t->filter);
  t->number = VT_NO_THREAD;
  t->tid = sys_gettid();
  thread_current = t;
  threads_add_self(t);
  if (process_is_traced())
    process_open_stream(t, parent, VT_ROLE_PROGRAM);
  stacks_open(t, true);
  threads_watch_end(t);
  internal_end(t);
}

void threads_add_self(struct thread *t)
{
  uint64_t pthread = (uint64_t)pthread_self(), mask = masked_lock_take(&lock_threads);

  table_add(t, pthread);
  masked_lock_release(&lock_threads, mask);
}

void threads_watch_end(struct thread *t)
{
  if (!__atomic_load_n(&key_made, __ATOMIC_ACQUIRE))
    return;
  internal_begin(t);
  pthread_setspecific(end_key, (void *)1);
  internal_end(t);
}

/*
 * The lock is held.  libc hands a pthread_t out again as soon as its thread was joined, or ended detached, and before
 * that is known here.  So the one entered last is who has it: all others are over.
 */
static struct thread *find_locked(uint64_t pthread)
{
  struct thread *t = *bucket_of(pthread);

  while (t && t->pthread != pthread)
    t = t->next;
  return t;
}

struct thread_found threads_find(pthread_t pthread)
{
  uint64_t mask = masked_lock_take(&lock_threads);
  struct thread *t = find_locked((uint64_t)pthread);
  struct thread_found found = {t, t ? t->entered : 0};

  masked_lock_release(&lock_threads, mask);
  return found;
}

int threads_tid(pthread_t pthread)
{
  uint64_t mask = masked_lock_take(&lock_threads);
  const struct thread *t = find_locked((uint64_t)pthread);
  int tid = t ? t->tid : 0;

  masked_lock_release(&lock_threads, mask);
  return tid;
}

void threads_detach(pthread_t pthread)
{
  uint64_t mask = masked_lock_take(&lock_threads);
  struct thread *t = find_locked((uint64_t)pthread);
  struct heap *left = &heap_none;
  struct hook h;

  if (t && !(t->flags & THREAD_DETACHED)) {
    t->flags |= THREAD_DETACHED;
    /* It is looked at once more, to be freed; its heap may be another thread's by now. */
    if (t->flags & THREAD_GONE) {
      left = t->heap;
      t->heap = &heap_none;
      ending_add(t);
    }
  }
  masked_lock_release(&lock_threads, mask);
  if (left == &heap_none)
    return;
  h = hook_begin(HOOK_FRAME);
  if (h.state == HOOK_READY)
    heap_detached_late(left);
  hook_end(&h);
}

/*
 * The lock is held.  What was found before the join, if nobody else has taken it out; else, because the thread was
 * entered later than it was looked for, the first that has ended and had that pthread_t.
 */
static struct thread *find_joined(uint64_t pthread, struct thread_found found)
{
  struct thread *oldest = NULL;

  for (struct thread *t = *bucket_of(pthread); t; t = t->next) {
    if (t == found.thread && t->entered == found.entered)
      return t;
    if (t->pthread == pthread && (t->flags & (THREAD_ENDED | THREAD_DETACHED)) == THREAD_ENDED)
      oldest = t;
  }
  return oldest;
}

/* NULL: it is not known. */
static struct thread *take_joined(uint64_t pthread, struct thread_found found, bool *creating)
{
  uint64_t mask = masked_lock_take(&lock_threads);
  struct thread *child = find_joined(pthread, found);

  if (child) {
    table_remove(child);
    ending_remove(child);
    *creating = child->creation & THREAD_CREATING;
  }
  masked_lock_release(&lock_threads, mask);
  return child;
}

void threads_joined(struct thread *self, pthread_t pthread, struct thread_found found)
{
  bool creating;
  struct thread *child = take_joined((uint64_t)pthread, found, &creating);
  uint64_t mask;
  struct hook h;

  if (!child)
    return;
  h = hook_begin(HOOK_FRAME);
  if (child->writer != &trace_none)
    HOOK_RECORD(&h, THREAD_JOIN, child->number);
  if (h.state != HOOK_NESTED && child->heap != &heap_none && self->heap != &heap_none)
    (child->flags & THREAD_GONE ? heap_join_late : heap_join)(self->heap, child->heap);
  hook_end(&h);
  trace_writer_close(child->writer);
  if (creating) {
    mask = masked_lock_take(&lock_threads);
    creating = child->creation & THREAD_CREATING;
    child->creation |= THREAD_OVER;
    masked_lock_release(&lock_threads, mask);
  }
  if (!creating)
    free_thread(child);
}

void threads_visit(void (*see)(struct thread *t, void *arg), void *arg)
{
  uint64_t mask = masked_lock_take(&lock_threads);

  for (unsigned i = 0; i < BUCKETS; i++)
    for (struct thread *t = table[i]; t; t = t->next)
      see(t, arg);
  masked_lock_release(&lock_threads, mask);
}

void threads_renew(struct thread *self, bool torn)
{
  ending = NULL;
  ending_count = 0;
  for (unsigned i = 0; i < BUCKETS; i++) {
    struct thread *t = table[i];

    /* Most are empty, and are not written to: the child would need pages of its own. */
    if (!t)
      continue;
    table[i] = NULL;
    while (t && !torn) {
      struct thread *next = t->next;

      if (t != self)
        free_thread(t);
      t = next;
    }
  }
  self->creation &= ~(THREAD_LISTED | THREAD_CREATING);
  table_add(self, self->pthread);
}
