/*
 * The pool of stacks; see loan_stack.h.  It has as many as there ever were
 * threads inside libunwind at once, and gives none back: where one waits for the dynamic loader, others go on.
 */
#include "unwind/loan_stack.h"

#include <stddef.h>

#include "base/lock_table.h"
#include "base/own.h"

/* At the low end of a stack, while nobody uses it. */
struct loan {
  struct loan *next;
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

bool loan_stack_run(void (*work)(void *), void *arg)
{
  struct loan *loan = take();

  if (!loan)
    return false;
  loan_stack_switch(work, arg, (char *)loan + LOAN_STACK_SIZE);
  give_back(loan);
  return true;
}
