/*
 * Call stacks of events.  See stacks.h.  Before the constructor ran, events
 * have no stacks: the loader has not yet bound all that the unwinder calls.
 */
#include "entry/stacks.h"

#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/resource.h>

#include "base/filter.h"
#include "base/log.h"
#include "base/option.h"
#include "entry/process.h"

/*
 * The kernel keeps at least 128 MiB free below the first thread's stack
 * (mmap_base in arch/x86/mm/mmap.c), so what lies in half of that is the stack itself.
 */
#define MAIN_STACK_MAX (UINT64_C(64) << 20)

static bool enabled;

/* A new node goes to the stream of the thread that met it.  Not in a child that no hook knows of yet: its own trace has
 * none of the outer nodes; the event itself will find out, and walk again. */
static void on_node(void *user, uint32_t id, uint32_t parent, uint64_t pc)
{
  struct thread *t = user;

  if (trace_active())
    TRACE(t->writer, STACK_NODE, id, parent, pc);
}

/* Above all frames of the first thread lie its arguments, environment and auxiliary vector. */
static void open_main(struct thread *t)
{
  uintptr_t top = getauxval(AT_RANDOM) & ~(uintptr_t)7;
  struct rlimit limit;
  uint64_t size = MAIN_STACK_MAX;

  if (getrlimit(RLIMIT_STACK, &limit) == 0 && limit.rlim_cur < size)
    size = limit.rlim_cur;
  t->unwind = top > size ? unwind_thread_open(t, (void *)(top - size), (void *)top) : NULL;
}

static void open_libc_thread(struct thread *t)
{
  pthread_attr_t attr;
  void *low = NULL;
  size_t size = 0;

  if (pthread_getattr_np(pthread_self(), &attr) == 0) {
    if (pthread_attr_getstack(&attr, &low, &size) != 0)
      size = 0;
    pthread_attr_destroy(&attr);
  }
  t->unwind = unwind_thread_open(t, low, (char *)low + size);
}

void stacks_open(struct thread *t, bool known)
{
  if (!enabled || t->unwind || !process_is_traced())
    return;
  /* For the bounds of the stack libc asks the kernel for more than that, which a filter may not expect; and without
   * them each walk is a slow one. */
  if (filter_get())
    return;
  if (known)
    open_libc_thread(t);
  else
    t->unwind = unwind_thread_open(t, NULL, NULL);
}

void stacks_start(struct thread *t)
{
  static const enum unwind_mode modes[] = {UNWIND_CACHED, UNWIND_PLAIN, UNWIND_COMPARE};
  const struct options *o = options_get();
  const struct unwind_config config = {o->stack_frames, modes[o->unwind], on_node};
  int error;

  if (!o->stack_frames)
    return;
  error = unwind_start(&config);
  if (error) {
    log_warn("no call stacks: %s",
             error == -ENOMEM ? "out of memory" : "a security policy forbids to change the protection of pages");
    return;
  }
  enabled = true;
  open_main(t);
}

void stacks_close(struct thread *t)
{
  unwind_thread_close(t->unwind);
  t->unwind = NULL;
}
