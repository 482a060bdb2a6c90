/*
 * The pool of stacks; see loan_stack.h.  It has as many as there ever were
 * threads inside libunwind at once, and gives none back.
 */
#include "unwind/loan_stack.h"

#include <stddef.h>

#include "base/lock_table.h"
#include "base/own.h"

/* At the low end of a stack, while nobody uses it. */
struct loan {
  struct loan *next;
  void *back[5]; /* __builtin_setjmp's, of the loan in use */
};

static struct loan *idle;

static struct loan *take(void)
{
  uint64_t mask = masked_lock_take(&lock_loans);
  struct loan *loan;

  loan = idle;
  if (loan)
    idle = loan->next;
  masked_lock_release(&lock_loans, mask);
  return loan ? loan : own_map(LOAN_STACK_SIZE);
}

static void give_back(struct loan *loan)
{
  uint64_t mask = masked_lock_take(&lock_loans);

  loan->next = idle;
  idle = loan;
  masked_lock_release(&lock_loans, mask);
}

static __thread struct loan *borrowed; /* by the calling thread */

/* A function of its own: what it comes back to after a jump is all in memory.  False: the work was abandoned. */
static __attribute__((noinline)) bool run_on(struct loan *loan, void (*work)(void *), void *arg)
{
  if (__builtin_setjmp(loan->back) != 0)
    return false;
  loan_stack_switch(work, arg, (char *)loan + LOAN_STACK_SIZE);
  return true;
}

bool loan_stack_run(void (*work)(void *), void *arg)
{
  bool done;

  borrowed = take();
  if (!borrowed)
    return false;
  done = run_on(borrowed, work, arg);
  give_back(borrowed);
  return done;
}

_Noreturn void loan_stack_abandon(void)
{
  __builtin_longjmp(borrowed->back, 1);
}

void loan_stack_orphaned(struct lock_state *lock)
{
  (void)lock;
  idle = NULL;
}
