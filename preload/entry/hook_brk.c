/*
 * Hooks on the data segment (brk, sbrk).  The kernel puts its start at random; in pin mode the program break is a
 * range of the plan instead, which starts at the same address in every run.  Where the program has turned
 * randomisation off, the kernel's own break is such a range.
 */
#include <errno.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/personality.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/layout.h"
#include "base/lock_table.h"
#include "base/sys.h"
#include "entry/hook.h"
#include "entry/map_place.h"
#include "entry/next_libc.h"
#include "entry/process.h"
#include "entry/program_break.h"

#define ADDRESS(p) ((uint64_t)(uintptr_t)(p))

/*
 * Whether the kernel puts the break where it is in every run, behind the program's data.  Programs that were saved with
 * their heap (GNU Common Lisp, Emacs of old) ask for that by personality(2), and count on it.
 */
static bool break_is_kept_by_kernel(void)
{
  static uint8_t known; /* atomic; 1: no, 2: yes */
  uint8_t kept = __atomic_load_n(&known, __ATOMIC_RELAXED);

  if (!kept) {
    long persona = sys_call(SYS_personality, 0xffffffff, 0, 0, 0, 0, 0);

    kept = persona >= 0 && persona & ADDR_NO_RANDOMIZE ? 2 : 1;
    __atomic_store_n(&known, kept, __ATOMIC_RELAXED);
  }
  return kept == 2;
}

static bool break_is_pinned(void)
{
  return process_mode() == PROCESS_PIN && !break_is_kept_by_kernel();
}

/* Under lock_break. */
static uint64_t break_now = BREAK_START;
static struct thread *break_mover; /* the first thread that moved it */

void break_renew(struct thread *self)
{
  if (break_mover)
    break_mover = self;
}

/* Maps or unmaps what lies between.  Under the lock; 0 or -errno. */
static int break_set(uint64_t to)
{
  uint64_t old = place_pages(break_now), end = place_pages(to);
  int error = 0;

  if (to < BREAK_START || to > BREAK_END)
    return -ENOMEM;
  if (end > old)
    error = sys_map_at(old, end - old, PROT_READ | PROT_WRITE);
  else if (end < old)
    error = sys_munmap((void *)end, old - end);
  if (!error)
    break_now = to;
  return error ? -ENOMEM : 0;
}

/* Moves it to an address, or by a step from where it is.  0 or -errno; *old: where it was. */
static int break_move(bool by_step, uint64_t value, uint64_t *old)
{
  struct thread *t = hook_thread();
  uint64_t mask = masked_lock_take(&lock_break);
  bool others = false;
  int error;

  *old = break_now;
  error = break_set(by_step ? break_now + value : value);
  if (!error && !(by_step && !value)) {
    others = break_mover && break_mover != t;
    break_mover = break_mover ? break_mover : t;
  }
  masked_lock_release(&lock_break, mask);
  if (others)
    process_note_nondet(VT_NONDET_BREAK, *old);
  return error;
}

EXPORT int brk(void *end)
{
  uint64_t old;
  int result;

  hook_thread();
  if (break_is_pinned()) {
    result = break_move(false, ADDRESS(end), &old);
    if (result)
      errno = -result;
    result = result ? -1 : 0;
  } else {
    old = ADDRESS(next_libc.sbrk(0));
    result = next_libc.brk(end);
  }
  if (result == 0)
    EVENT(BRK, old, ADDRESS(end));
  return result;
}

EXPORT void *sbrk(intptr_t step)
{
  uint64_t old;

  hook_thread();
  if (break_is_pinned()) {
    int error = break_move(true, (uint64_t)step, &old);

    if (error) {
      errno = -error;
      return (void *)-1;
    }
  } else {
    old = ADDRESS(next_libc.sbrk(step));
  }
  if (step && old != (uint64_t)-1)
    EVENT(BRK, old, old + (uint64_t)step);
  return (void *)old;
}
