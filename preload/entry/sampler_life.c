/*
 * See sampler_life.h.  Called by process.c, process_fork.c, hook.c and the hooks
 * on calls that look at threads or change what the process may do.
 *
 * What the program cannot be told otherwise it is told by the truth: the thread is gone when it looks.  A
 * process of its own (CLONE_VM without CLONE_THREAD) would be in no list of threads, but in everybody's list of
 * processes: see frames/README.md.
 */
#include "entry/sampler_life.h"

#include <errno.h>
#include <sys/stat.h>

#include "base/filter.h"
#include "base/lock_table.h"
#include "base/option.h"
#include "base/sys.h"
#include "entry/hook.h"
#include "entry/process.h"
#include "trace/samples.h"
#include "trace/trace.h"

#define DIRECTORIES 4
#define RETRY_NS UINT64_C(20000000)
#define OPEN_NS UINT64_C(500000000) /* between two looks whether a listing of threads was closed */

/* Under lock_pause, but for what is atomic. */
static struct {
  bool wanted;      /* there is to be a helper, but for what follows */
  bool sampling;    /* it was started, and not ended by us */
  uint32_t pauses;  /* calls between pause and resume */
  uint64_t back_at; /* not before; 0: it is not away */
  uint32_t due;     /* atomic: time to come back */
  struct {
    int fd;
    dev_t dev;
    ino_t ino;
  } listing[DIRECTORIES];
  unsigned next_listing;
} life;

static void note_due(void)
{
  struct thread *t = thread_self();

  __atomic_store_n(&life.due, 1, __ATOMIC_RELAXED);
  if (guard_of(t) >= GUARD_FRAMES)
    __atomic_fetch_or((uintptr_t *)&t->guard, GUARD_PENDING, __ATOMIC_RELAXED);
}

static void helper_start_locked(bool back)
{
  /* It would be made under the calling thread's filters. */
  if (filter_get())
    return;
  life.back_at = 0;
  if (life.wanted && !life.pauses)
    life.sampling = samples_start(options_get(), back);
}

static void helper_stop_locked(void)
{
  if (life.sampling)
    samples_stop();
  life.sampling = false;
}

void sampler_life_begin(void)
{
  trace_set_caller(note_due);
  life.wanted = true;
  helper_start_locked(false);
}

void sampler_life_forget(void)
{
  life.wanted = life.sampling = false;
  life.pauses = 0;
  life.back_at = 0;
  __atomic_store_n(&sampler_life_file, -1, __ATOMIC_RELAXED);
  trace_call_at(UINT64_MAX);
}

/* Threads may be in such calls at once: the first one ends the helper, the last one starts it again. */
bool sampler_life_suspend(void)
{
  int error = errno;
  uint64_t mask;
  bool paused;

  if (!__atomic_load_n(&life.wanted, __ATOMIC_RELAXED) || process_is_borrowed())
    return false;
  mask = masked_lock_take(&lock_pause);
  paused = life.wanted;
  life.pauses += paused;
  helper_stop_locked();
  masked_lock_release(&lock_pause, mask);
  errno = error;
  return paused;
}

bool sampler_life_suspend_privileged(void)
{
  return samples_privileged() && sampler_life_suspend();
}

void sampler_life_resume(bool paused)
{
  int error = errno;
  uint64_t mask;

  if (!paused)
    return;
  mask = masked_lock_take(&lock_pause);
  if (--life.pauses == 0)
    helper_start_locked(true);
  masked_lock_release(&lock_pause, mask);
  errno = error;
}

static void remember_listing(int fd)
{
  unsigned i = life.next_listing++ % DIRECTORIES;
  struct stat st;

  if (sys_fstat(fd, &st) != 0)
    return;
  life.listing[i].fd = fd;
  life.listing[i].dev = st.st_dev;
  life.listing[i].ino = st.st_ino;
}

/* Whether the program can look at its threads any time, by a descriptor that it has. */
static bool is_listing_open(void)
{
  for (unsigned i = 0; i < DIRECTORIES; i++) {
    struct stat st;

    if (!life.listing[i].ino)
      continue;
    if (sys_fstat(life.listing[i].fd, &st) == 0 && st.st_ino == life.listing[i].ino && st.st_dev == life.listing[i].dev)
      return true;
    life.listing[i].ino = 0;
  }
  return false;
}

void sampler_life_away(uint64_t for_ns, int directory)
{
  int error = errno;
  uint64_t mask, back_at;

  if (!__atomic_load_n(&life.wanted, __ATOMIC_RELAXED) || process_is_borrowed())
    return;
  mask = masked_lock_take(&lock_pause);
  helper_stop_locked();
  back_at = sys_now() + for_ns;
  if (back_at > life.back_at)
    life.back_at = back_at;
  if (directory >= 0)
    remember_listing(directory);
  trace_call_at(life.back_at);
  masked_lock_release(&lock_pause, mask);
  errno = error;
}

int sampler_life_file = -1;
static uint64_t file_back_at; /* under lock_pause: when it is to be back if that file is never closed */

void sampler_life_away_until_closed(uint64_t for_ns, int fd)
{
  uint64_t mask;

  sampler_life_away(for_ns, -1);
  if (fd < 0)
    return;
  mask = masked_lock_take(&lock_pause);
  file_back_at = life.back_at;
  __atomic_store_n(&sampler_life_file, fd, __ATOMIC_RELAXED);
  masked_lock_release(&lock_pause, mask);
}

/* Nothing else has sent it away for longer since. */
static bool is_away_for_file(void)
{
  return life.back_at && life.back_at == file_back_at && !is_listing_open();
}

COLD void sampler_life_closed_slow(int fd)
{
  int error = errno;
  uint64_t mask;

  if (process_is_borrowed())
    return;
  mask = masked_lock_take(&lock_pause);
  if (sampler_life_file == fd) {
    __atomic_store_n(&sampler_life_file, -1, __ATOMIC_RELAXED);
    if (is_away_for_file())
      helper_start_locked(true);
  }
  masked_lock_release(&lock_pause, mask);
  errno = error;
}

/* The lock is held.  When to ask again; UINT64_MAX: not at all. */
static uint64_t come_back_locked(uint64_t now)
{
  if (life.sampling && samples_left()) {
    helper_stop_locked();
    life.back_at = now;
  }
  if (!life.back_at || life.pauses)
    return UINT64_MAX;
  if (now < life.back_at)
    return life.back_at;
  if (is_listing_open())
    return now + OPEN_NS;
  helper_start_locked(true);
  return life.sampling ? UINT64_MAX : now + OPEN_NS;
}

/* Nobody waits for the lock here: the hook's caller may hold others. */
COLD void sampler_life_attend(struct thread *t)
{
  int error = errno;
  uint64_t mask, next;

  if (likely(!__atomic_load_n(&life.due, __ATOMIC_RELAXED)) || t->flags & THREAD_CONFINED)
    return;
  __atomic_store_n(&life.due, 0, __ATOMIC_RELAXED);
  next = sys_now() + RETRY_NS;
  if (masked_lock_try(&lock_pause, &mask)) {
    next = come_back_locked(sys_now());
    masked_lock_release(&lock_pause, mask);
  }
  trace_call_at(next);
  errno = error;
}
