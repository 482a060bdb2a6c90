/*
 * Start and end of the traced process.  See process.h; fork is in
 * process_fork.c.
 *
 * Start-up runs inside the first hook: maybe in the dynamic loader, before
 * libc's environ is set and before any constructor.  What it needs from libc
 * (dlsym, on_exit) may allocate: thread->internal is raised.
 */
#include "entry/process.h"

#include <dlfcn.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include "base/filter.h"
#include "base/layout.h"
#include "base/lock_table.h"
#include "base/log.h"
#include "base/option.h"
#include "base/own.h"
#include "base/sys.h"
#include "entry/env.h"
#include "entry/hook.h"
#include "entry/malloc_binding.h"
#include "entry/module_list.h"
#include "entry/next_libc.h"
#include "entry/nondet.h"
#include "entry/process_state.h"
#include "entry/sampler_life.h"
#include "entry/sanitizer.h"
#include "entry/stacks.h"
#include "entry/threads.h"
#include "frames/sampler.h"
#include "heap/heap.h"
#include "heap/next.h"
#include "trace/samples.h"
#include "trace/trace.h"

/* Memory that was free for so long goes back to the kernel at the next tick of the sampler. */
#define TRIM_AGE_NS (UINT64_C(1000) * 1000000)

/* The last sample of a process may take this long. */
#define END_SAMPLE_NS (200 * UINT64_C(1000000))

struct process_state process = {.mode = PROCESS_NEW};
static struct thread main_thread;
static int quick_status;
static uint64_t mask_before_start; /* the program's, while signals are blocked */

enum process_mode process_mode(void)
{
  return process.mode;
}

bool process_is_traced(void)
{
  return process.traced;
}

void process_open_stream(struct thread *t, uint32_t parent, enum vt_role role)
{
  struct trace_writer *w = trace_writer_open(parent, t->ordinal, t->tid, role);

  t->number = w == &trace_none ? VT_NO_THREAD : w->thread;
  t->writer = w;
  if (w != &trace_none)
    nondet_open_stream(t);
}

void process_open_trace(struct thread *t)
{
  const struct options *o = options_get();
  bool pin = process.mode == PROCESS_PIN;
  unsigned sample_ms = samples_possible() ? o->sample_ms : 0;
  struct trace_config config = {
      .path_template = o->out,
      .flags = (pin ? 0 : VT_F_HEAP_NEXT | VT_F_EVERY_TIME) | (sample_ms ? VT_F_SAMPLER : 0) |
               (sampler_sees_frames() ? VT_F_PFN_VISIBLE : 0),
      .addr_shift = pin ? TRACE_PIN_SHIFT : 3,
      .sample_ms = sample_ms,
      .stack_frames = o->stack_frames,
      .own_start = OWN_START,
      .own_end = META_END,
      .heap_start = pin ? HIGH_START : 0,
      .heap_end = pin ? HIGH_END : 0,
      .run_id = o->run_id,
  };

  process.traced = trace_start(&config);
  heap_populate_ahead(!process.traced);
  if (!process.traced)
    return;
  nondet_open_trace(t);
  process_open_stream(t, VT_NO_THREAD, VT_ROLE_PROGRAM);
}

/* Whether a page can be had where the library's own memory begins: asked when nothing could be had there. */
static bool own_start_is_taken(void)
{
  int error = sys_map_at(OWN_START, 4096, PROT_NONE);

  if (error == 0)
    sys_munmap((void *)OWN_START, 4096);
  return error == -EEXIST;
}

/*
 * Leaves programs that a sanitizer owns.  One that is linked statically and exports nothing shows by its shadow memory,
 * which takes all addresses of the library's own.  True: the program could not be started anew, and calls are passed
 * on.
 */
static bool step_aside(void)
{
  const char *sanitizer = sanitizer_name();

  if (sanitizer) {
    log_warn("%s owns malloc in this program: nothing is traced", sanitizer);
  } else {
    process_mark_live();
    if (process.live_pid || !own_start_is_taken())
      return false;
    log_warn("the tracer's addresses are in use, as by a sanitizer's shadow memory: nothing is traced");
  }
  sanitizer_leave(mask_before_start);
  return true;
}

static enum process_mode choose_mode(void)
{
  if (step_aside()) {
    heap_next_find();
    return PROCESS_PASS;
  }
  if (!options_get()->heap_next)
    return PROCESS_PIN;
  if (heap_next_find())
    return PROCESS_NEXT;
  log_warn("VMTRACE_HEAP=next: no allocator comes after this library; using the pinned heap");
  return PROCESS_PIN;
}

static void at_exit(int status, void *unused)
{
  (void)unused;
  process_end(VT_ENDED_EXIT, status, VT_EXIT_EXIT);
}

static void at_quick_exit_handler(void)
{
  process_end(VT_ENDED_EXIT, quick_status, VT_EXIT_QUICK);
}

EXPORT void quick_exit(int status)
{
  hook_thread();
  quick_status = status;
  next_libc.quick_exit(status);
  __builtin_unreachable();
}

void process_mark_live(void)
{
  if (!process.live_pid) {
    process.live_pid = own_map(sizeof *process.live_pid);
    if (!process.live_pid)
      return;
    if (sys_madvise(process.live_pid, 4096, MADV_WIPEONFORK) != 0)
      log_info("this kernel has no MADV_WIPEONFORK: a child of a raw fork is not noticed");
  }
  *process.live_pid = sys_getpid();
}

/* The thread that comes here first is the first thread; nothing else runs yet. */
static void start(void)
{
  struct thread *t = &main_thread;

  process.mode = PROCESS_STARTING;
  if (LOCK_CHECKED)
    lock_check_guard_by(hook_is_guarded);
  lock_table_on_orphan(LOCK_OWN, own_orphaned);
  *t = (struct thread){.heap = &heap_none, .writer = &trace_none, .number = VT_NO_THREAD, .flags = THREAD_STATIC};
  t->tid = sys_gettid();
  internal_begin(t);
  thread_current = t;
  log_find_stderr();
  next_libc_find();
  process.mode = choose_mode();
  if (process.mode == PROCESS_PIN) {
    heap_set_nondet(process_note_nondet);
    heap_set_wait(threads_wait_for_hooks);
    t->heap = heap_main();
  } else if (process.mode == PROCESS_NEXT) {
    process_note_nondet(VT_NONDET_NEXT, 0);
  }
  if (process.mode != PROCESS_PASS) {
    env_read_parent();
    trace_set_surprise_fork(process_surprise_fork);
    if (options_get()->out[0])
      process_open_trace(t);
    /* First to register is last to run: after the program's own handlers, and around its locks at fork. */
    on_exit(at_exit, NULL);
    at_quick_exit(at_quick_exit_handler);
    process_register_fork();
  }
  threads_add_self(t);
  internal_end(t);
}

/* A thread that no hook created: raw clone, or one that libc made for itself. */
static void adopt(void)
{
  struct thread *t = own_alloc(sizeof *t);

  if (!t) {
    /* Without memory even for this, the thread shares the first one's state no more than it has to: none of it. */
    static struct thread last_resort = {.heap = &heap_none, .writer = &trace_none, .number = VT_NO_THREAD};

    last_resort.writer = trace_writer_counting();
    thread_current = &last_resort;
    return;
  }
  t->heap = process.mode == PROCESS_PIN ? heap_adopt() : &heap_none;
  if (!t->heap)
    t->heap = &heap_none;
  t->writer = &trace_none;
  t->number = VT_NO_THREAD;
  t->tid = sys_gettid();
  t->flags = THREAD_DETACHED;
  nondet_claim(t);
  threads_add_self(t);
  thread_current = t;
  if (process.traced)
    process_open_stream(t, VT_NO_THREAD, VT_ROLE_ADOPTED);
  stacks_open(t, false);
  threads_watch_end(t);
}

COLD struct thread *process_know_thread(void)
{
  uint64_t mask = sys_block_signals(), inner;
  int error = errno;

  if (thread_self() == &thread_none) {
    inner = masked_lock_take(&lock_start);
    mask_before_start = mask;
    if (process.mode == PROCESS_NEW)
      start();
    masked_lock_release(&lock_start, inner);
  }
  if (thread_self() == &thread_none)
    adopt();
  sys_restore_signals(mask);
  errno = error;
  return thread_self();
}

/* Runs in the sampler's helper. */
static void trim(uint64_t now_ns)
{
  (void)now_ns;
  heap_trim(TRIM_AGE_NS);
}

static void note_no_faults(void)
{
  static const char text[] = "this version makes no exact fault records";
  const uint64_t reason = VT_UNTRACED_FAULTS;

  log_warn("VMTRACE_FAULTS=on: %s; everything else is traced", text);
  event_record(VT_R_UNTRACED, 1, &reason, text, sizeof text - 1);
}

/* What has to wait for a process that is set up: the environment, the modules, the sampler. */
__attribute__((constructor)) static void construct(void)
{
  struct thread *t = hook_thread();

  if (process.mode == PROCESS_PASS)
    return;
  internal_begin(t);
  env_make_absolute();
  internal_end(t);
  if (!process.traced)
    return;
  if (options_get()->faults)
    note_no_faults();
  stacks_start(t);
  modules_update();
  internal_begin(t);
  malloc_binding_find();
  internal_end(t);
  malloc_binding_record();
  if (process.mode == PROCESS_PIN)
    samples_on_tick(trim);
  sampler_life_begin();
}

void process_lend(void)
{
  struct thread *t = thread_self();

  if (!(t->flags & THREAD_LENT))
    t->flags |= THREAD_LENT;
}

/* No system call, unless the thread has ever made such a child: a filter may not expect it. */
bool process_is_borrowed(void)
{
  if (!process.live_pid)
    return false;
  if (*process.live_pid == 0) {
    process_surprise_fork(VT_STACK_NONE);
    return false;
  }
  return thread_self()->flags & THREAD_LENT && *process.live_pid != sys_getpid();
}

void process_end(enum vt_ended how, int status, enum vt_exit_how detail)
{
  struct hook h;

  if (!process.traced || process_is_borrowed())
    return;
  h = hook_begin(HOOK_FRAME);
  if (how == VT_ENDED_EXIT)
    HOOK_RECORD(&h, EXIT, (uint64_t)(unsigned)status, detail);
  else if (how == VT_ENDED_SIGNAL)
    HOOK_RECORD(&h, SIGNAL, (uint64_t)(unsigned)status);
  hook_end(&h);
  if (hook_may_wait(HOOK_FRAME)) {
    modules_catch_up();
    samples_take(VT_SAMPLE_EXIT, END_SAMPLE_NS);
  }
  trace_end(how, status);
}
