/*
 * The sampler's life: when samples are taken, by whom, and what happens to it
 * at fork; see sampler.h.  Called by trace/samples.c.
 *
 * The helper's duty is bounded here: after a sample that took X of CPU time, the next one that nobody waits for comes
 * 100 X later at the earliest.  A program that does not run is looked at ever more rarely, down to once a second: what
 * changes then is done by others (a relative's copy on write, the kernel), and a hundred idle servers shall not cost a
 * CPU.
 */
#include "frames/sampler.h"

#include <errno.h>
#include <limits.h>
#include <sys/syscall.h>
#include <time.h>

#include "base/lock_table.h"
#include "base/log.h"
#include "base/own.h"
#include "base/sys.h"
#include "frames/helper.h"
#include "frames/last_thread.h"
#include "frames/privileges.h"
#include "frames/sample.h"

#define SECOND UINT64_C(1000000000)
#define DUTY 100                   /* a sample may be this part of the time */
#define START_DELAY (SECOND / 100) /* a process that is gone before has its sample at the end alone */
#define LOOK_AROUND SECOND         /* how often the helper wakes up in any case */
#define IDLE_MOST SECOND           /* between two samples of a program that does not run */
#define IDLE_CPU 20000             /* ns that are no running: two clocks are read one after the other */
#define PATIENCE (SECOND / 5)      /* beyond the limit: until the helper gets a CPU on a crowded machine */
#define GRACE (SECOND / 10)        /* and for the end of the sample */
#define LOCK_PATIENCE SECOND

static struct {
  struct sampler_config config;
  struct sampling *sampling; /* under lock_sampling; see sampler.h */
  struct helper helper;
  struct proc_files files; /* in the helper's descriptor table */
  uint32_t wake;           /* counted up to wake the helper */
  uint32_t stop;
  uint32_t pokes, urgent; /* 1 << reason */
  uint32_t asked, done;   /* sampler_take's requests, and how many of them are done */
  uint64_t limit_ns;      /* of the latest of them */
  uint64_t deadline;      /* when its caller gives up */
  uint64_t not_before;    /* the helper that is gone: the next sample that nobody waits for */
  uint64_t program_cpu;   /* when a tick last saw it grow, ran_at */
  uint64_t ran_at, sampled_at;
  bool left; /* the helper ends, or has ended, by itself */
  bool said; /* what is missing was told */
} sampler;

static void wake_helper(void)
{
  __atomic_add_fetch(&sampler.wake, 1, __ATOMIC_RELEASE);
  sys_futex_wake(&sampler.wake, 1);
}

static bool is_stopping(void)
{
  return __atomic_load_n(&sampler.stop, __ATOMIC_ACQUIRE);
}

/* A sample that somebody waits for is ended in order, rather than left unfinished by the program's exit. */
static bool is_late(void)
{
  return is_stopping() || sys_now() >= __atomic_load_n(&sampler.deadline, __ATOMIC_RELAXED);
}

/* The weightiest reason of a set. */
static enum vt_sample_reason reason_of(uint32_t set)
{
  return set ? (enum vt_sample_reason)(31 - __builtin_clz(set)) : VT_SAMPLE_TICK;
}

/* ---- In the helper ---- */

static void helper_open(void)
{
  proc_files_open(&sampler.files);
  privileges_reduce();
}

/* Returns before when the next sample must not come. */
static uint64_t helper_sample(enum vt_sample_reason reason, uint64_t limit_ns)
{
  struct sample_request request = {reason, limit_ns, limit_ns ? is_late : is_stopping};
  uint64_t start = sys_now(), cost, mask;

  if (sampler.files.pagemap < 0)
    return start;
  mask = masked_lock_take(&lock_sampling);
  cost = sample_take(sampler.sampling, &sampler.files, &request);
  masked_lock_release(&lock_sampling, mask);
  return start + DUTY * cost;
}

/* CPU time of the program's threads: the process's without the helper's. */
static uint64_t program_cpu(void)
{
  uint64_t all = sys_clock_ns(CLOCK_PROCESS_CPUTIME_ID);

  return all - sys_clock_ns(CLOCK_THREAD_CPUTIME_ID);
}

/* Whether the program has stood still since the latest tick that sampled, and may be left alone for as long again. */
static bool is_idle(uint64_t now)
{
  uint64_t cpu = program_cpu();

  if (cpu > sampler.program_cpu + IDLE_CPU) {
    sampler.program_cpu = cpu;
    sampler.ran_at = now;
    return false;
  }
  return now - sampler.sampled_at < IDLE_MOST && now - sampler.sampled_at < (now - sampler.ran_at) / 2;
}

static void helper_tick(uint64_t now, uint64_t *not_before)
{
  uint64_t mask = masked_lock_take(&lock_sampling);
  bool due;

  sampler.config.sink->alive(now);
  due = now >= *not_before && (sampler.sampling->cursor || !is_idle(now));
  if (!due)
    sample_values(sampler.sampling, &sampler.files);
  masked_lock_release(&lock_sampling, mask);
  if (!due)
    return;
  *not_before = helper_sample(VT_SAMPLE_TICK, 0);
  sampler.sampled_at = now;
}

/* Looks around, and says when to do so again. */
static uint64_t helper_look(uint64_t now)
{
  last_thread_look();
  if (last_thread_is_near())
    return now + LAST_THREAD_NS;
  if (privileges_changed()) {
    /* What this thread holds the program may no longer have; one of its threads can start another with what is left. */
    proc_files_close(&sampler.files);
    __atomic_store_n(&sampler.stop, 1, __ATOMIC_RELEASE);
    __atomic_store_n(&sampler.left, true, __ATOMIC_RELEASE);
    sampler.config.sink->left();
  }
  return now + START_DELAY;
}

static void answer(uint32_t asked, uint64_t *not_before)
{
  uint32_t set = __atomic_exchange_n(&sampler.urgent, 0, __ATOMIC_ACQ_REL);

  __atomic_fetch_and(&sampler.pokes, ~(UINT32_C(1) << VT_SAMPLE_START), __ATOMIC_RELAXED);
  *not_before = helper_sample(reason_of(set), __atomic_load_n(&sampler.limit_ns, __ATOMIC_RELAXED));
  __atomic_store_n(&sampler.done, asked, __ATOMIC_RELEASE);
  sys_futex_wake(&sampler.done, INT_MAX);
}

/* Does what is due, or finds out until when to sleep. */
static uint64_t helper_step(uint64_t now, uint64_t *next_tick, uint64_t *not_before)
{
  uint64_t period = (uint64_t)sampler.config.period_ms * 1000000;
  uint32_t asked = __atomic_load_n(&sampler.asked, __ATOMIC_ACQUIRE);
  uint64_t until = now + LOOK_AROUND;

  if (asked != sampler.done) {
    answer(asked, not_before);
    return now;
  }
  if (__atomic_load_n(&sampler.pokes, __ATOMIC_RELAXED)) {
    if (now >= *not_before) {
      *not_before = helper_sample(reason_of(__atomic_exchange_n(&sampler.pokes, 0, __ATOMIC_ACQ_REL)), 0);
      return now;
    }
    until = until < *not_before ? until : *not_before;
  }
  if (!period)
    return until;
  if (now >= *next_tick) {
    helper_tick(now, not_before);
    *next_tick = (sys_now() / period + 1) * period;
    return now;
  }
  return until < *next_tick ? until : *next_tick;
}

static void helper_run(void)
{
  uint64_t period = (uint64_t)sampler.config.period_ms * 1000000;
  uint64_t next_tick = period ? (sys_now() / period + 1) * period : 0;
  uint64_t look_at = sys_now() + START_DELAY;
  uint64_t not_before = sampler.config.back ? sampler.not_before : look_at;

  last_thread_watch();
  sampler.program_cpu = 0;
  while (!is_stopping()) {
    uint32_t wake = __atomic_load_n(&sampler.wake, __ATOMIC_ACQUIRE);
    uint64_t now = sys_now();
    uint64_t until = helper_step(now, &next_tick, &not_before);

    if (until > now && !is_stopping()) {
      /* Not by a helper that is gone in a moment, nor each time that it was woken. */
      if (now >= look_at || last_thread_is_near())
        look_at = helper_look(now);
      if (is_stopping())
        break;
      last_thread_sleep(&sampler.wake, wake, last_thread_is_near() && until > look_at ? look_at : until);
    }
  }
  sampler.not_before = not_before;
}

/* ---- In the program's threads ---- */

/* What is kept between samples; in the child of a fork it is made anew.  False: not configured yet, or out of memory.
 */
static bool have_sampling(void)
{
  const struct sampler_config *config = &sampler.config;
  struct sampling *s = sampler.sampling;

  if (s || !config->sink)
    return s;
  s = own_map_alone(sizeof *s);
  if (!s)
    return false;
  sample_init(s, config->sink);
  s->vmas.skip_start = config->skip_start;
  s->vmas.skip_end = config->skip_end;
  s->skip_tables = config->skip_tables;
  values_init(&s->values, config->watch, config->watch_count);
  sampler.sampling = s;
  return true;
}

static bool prepare(const struct sampler_config *config)
{
  struct sampling *s = sampler.sampling;

  sampler.config = *config;
  if (s && (s->values.watch != config->watch || s->values.count != config->watch_count))
    values_init(&s->values, config->watch, config->watch_count);
  return have_sampling();
}

static void say_what_is_missing(void)
{
  if (sampler.said)
    return;
  sampler.said = true;
  if (sampler.files.pagemap < 0)
    log_warn("page frames are not recorded: /proc/self/pagemap cannot be opened (error %d)", -sampler.files.error);
  else if (!(sampler.files.flags & VT_SAMPLE_PFN))
    log_info("frame numbers are hidden from this process (they need CAP_SYS_ADMIN)");
}

bool sampler_start(const struct sampler_config *config)
{
  if (sampler_running())
    return true;
  if (!prepare(config))
    return false;
  helper_forget(&sampler.helper); /* one that has left by itself */
  last_thread_announce();
  sampler.stop = 0;
  sampler.left = false;
  sampler.done = sampler.asked;
  if (!config->back)
    __atomic_fetch_or(&sampler.pokes, UINT32_C(1) << VT_SAMPLE_START, __ATOMIC_RELAXED);
  if (!helper_start(&sampler.helper, config->keep_fd, helper_open, helper_run)) {
    log_info("there is no thread for samples: pages are sampled when the program ends only");
    return false;
  }
  say_what_is_missing();
  return true;
}

bool sampler_running(void)
{
  return helper_alive(&sampler.helper);
}

bool sampler_left(void)
{
  return __atomic_load_n(&sampler.left, __ATOMIC_ACQUIRE);
}

bool sampler_privileged(void)
{
  return privileges_to_lose();
}

void sampler_stop(void)
{
  if (!sampler.helper.memory)
    return;
  __atomic_store_n(&sampler.stop, 1, __ATOMIC_RELEASE);
  wake_helper();
  if (!helper_join(&sampler.helper))
    log_info("the thread for samples does not end");
}

void sampler_poke(enum vt_sample_reason reason)
{
  uint32_t bit = UINT32_C(1) << reason;

  if (sampler_running() && !(__atomic_fetch_or(&sampler.pokes, bit, __ATOMIC_ACQ_REL) & bit))
    wake_helper();
}

/* By the helper: its files are open, and were so before the program gave up privileges or changed its root. */
static bool take_by_helper(enum vt_sample_reason reason, uint64_t limit_ns)
{
  uint64_t deadline = sys_now() + limit_ns + PATIENCE, until = deadline + GRACE;
  uint32_t mine, done;

  __atomic_store_n(&sampler.limit_ns, limit_ns, __ATOMIC_RELAXED);
  __atomic_store_n(&sampler.deadline, deadline, __ATOMIC_RELAXED);
  __atomic_fetch_or(&sampler.urgent, UINT32_C(1) << reason, __ATOMIC_ACQ_REL);
  mine = __atomic_add_fetch(&sampler.asked, 1, __ATOMIC_ACQ_REL);
  wake_helper();
  while ((int32_t)((done = __atomic_load_n(&sampler.done, __ATOMIC_ACQUIRE)) - mine) < 0) {
    uint64_t now = sys_now();

    if (!sampler_running())
      return false;
    if (now >= until)
      return true; /* it has had its chance */
    helper_sleep(&sampler.done, done, now + SECOND / 50);
  }
  return true;
}

static void take_here(enum vt_sample_reason reason, uint64_t limit_ns)
{
  struct sample_request request = {reason, limit_ns, NULL};
  uint64_t until = sys_now() + limit_ns + LOCK_PATIENCE, mask, inner;
  struct proc_files files;

  if (masked_lock_take_until(&lock_descriptors, until, &mask)) {
    if (masked_lock_take_until(&lock_sampling, until, &inner)) {
      if (proc_files_open(&files))
        sample_take(sampler.sampling, &files, &request);
      proc_files_close(&files);
      masked_lock_release(&lock_sampling, inner);
    }
    masked_lock_release(&lock_descriptors, mask);
  }
}

void sampler_take(enum vt_sample_reason reason, uint64_t limit_ns)
{
  if (!have_sampling())
    return;
  if (sampler_running() && take_by_helper(reason, limit_ns))
    return;
  take_here(reason, limit_ns);
}

unsigned sampler_probe(void)
{
  struct proc_files files;
  unsigned flags;

  proc_files_open(&files);
  flags = files.flags;
  proc_files_close(&files);
  return flags;
}

bool sampler_sees_frames(void)
{
  return proc_sees_frames();
}

void sampler_renew(void)
{
  helper_forget(&sampler.helper);
  last_thread_forget();
  sampler.pokes = 0;
  sampler.urgent = 0;
  sampler.done = sampler.asked;
  sampler.sampling = NULL;
}
