/*
 * The tables of free_sites.h: a ring of words for each thread, because words
 * written one after the other cost next to nothing, and are searched only when something is wrong.
 *
 * Tables are linked into a list that only grows; one whose thread has ended is
 * emptied and taken over by the next new thread.
 *
 * Walking the stack at each free would cost as much as at each allocation,
 * most of the whole price of an event.  So a thread has a credit of full walks,
 * which covers short programs and the start of long ones; after that the stack is
 * walked while events come slowly (less than about one per microsecond), and in a rush of
 * events only the caller is noted.
 */
#include "entry/free_sites.h"

#include <string.h>

#include "base/own.h"
#include "unwind/unwind.h"

#define FULL_WALKS 65536u /* 3 ms of processor time in the life of a thread */

static struct free_sites *tables;

static struct free_sites *take_idle(void)
{
  struct free_sites *table;

  for (table = __atomic_load_n(&tables, __ATOMIC_ACQUIRE); table; table = table->next) {
    uint32_t idle = 0;

    if (__atomic_load_n(&table->busy, __ATOMIC_RELAXED) ||
        !__atomic_compare_exchange_n(&table->busy, &idle, 1, false, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED))
      continue;
    memset(table->caller, 0, sizeof table->caller);
    memset(table->site, 0, sizeof table->site[0] * (table->count < FREE_SITES ? table->count : FREE_SITES));
    return table;
  }
  return NULL;
}

static struct free_sites *take(uint32_t thread)
{
  struct free_sites *table = take_idle();
  bool made = !table;

  if (made)
    table = own_map(sizeof *table);
  if (!table)
    return NULL;
  table->busy = 1;
  table->thread = thread;
  table->credit = FULL_WALKS;
  table->count = 0;
  if (!made)
    return table;
  table->next = __atomic_load_n(&tables, __ATOMIC_RELAXED);
  while (!__atomic_compare_exchange_n(&tables, &table->next, table, true, __ATOMIC_RELEASE, __ATOMIC_RELAXED))
    ;
  return table;
}

/* The latest of the full walks that were granted at the start is over: allocations alone are walked now. */
static COLD uint32_t last_walk(struct thread *t, uintptr_t frame)
{
  uint32_t stack = unwind_capture(t->unwind, (const void *)frame);

  unwind_change_place(t->unwind);
  return stack;
}

/* As many bits as a site has for it. */
static uint32_t short_node(uint32_t stack)
{
  return stack >> FREE_STACK_BITS ? VT_STACK_NONE : stack;
}

static uint32_t stack_now(struct thread *t, struct free_sites *table, uintptr_t frame)
{
  uint64_t pc = ((const uint64_t *)frame)[1];
  struct free_caller *caller = free_caller_of(table, pc);

  if (unlikely(table->credit)) {
    if (--table->credit == 0)
      return last_walk(t, frame);
    return unwind_capture(t->unwind, (const void *)frame);
  }
  if (unlikely(t->writer->pace == 0))
    return unwind_capture(t->unwind, (const void *)frame);
  caller->pc = pc;
  caller->generation = __atomic_load_n(&unwind_generation, __ATOMIC_RELAXED);
  caller->node = short_node(unwind_caller(t->unwind, (const void *)frame));
  return caller->node;
}

void free_sites_add(struct thread *t, const void *p, uintptr_t frame)
{
  struct free_sites *table = t->frees;

  if (unlikely(!table)) {
    table = t->frees = take(t->number);
    if (!table)
      return;
  }
  free_sites_put(table, p, short_node(stack_now(t, table, frame)));
}

/* The latest free of addr in the table. */
static uint32_t find(const struct free_sites *table, uint64_t addr)
{
  uint32_t count = __atomic_load_n(&table->count, __ATOMIC_RELAXED);

  for (uint32_t i = 1; i <= FREE_SITES; i++) {
    uint64_t site = __atomic_load_n(&table->site[(count - i) % FREE_SITES], __ATOMIC_RELAXED);

    if (site >> FREE_STACK_BITS == addr >> 4)
      return (uint32_t)(site & ((UINT64_C(1) << FREE_STACK_BITS) - 1));
  }
  return VT_STACK_NONE;
}

uint32_t free_sites_find(uint64_t addr, uint32_t thread)
{
  uint32_t stack = VT_STACK_NONE;

  for (const struct free_sites *table = __atomic_load_n(&tables, __ATOMIC_ACQUIRE); table && !stack;
       table = table->next)
    if (thread == VT_NO_THREAD || table->thread == thread)
      stack = find(table, addr);
  return stack;
}

void free_sites_close(struct thread *t)
{
  if (t->frees)
    __atomic_store_n(&t->frees->busy, 0, __ATOMIC_RELEASE);
  t->frees = NULL;
}

void free_sites_renew(struct thread *t, bool in_use)
{
  struct free_sites *table = tables, *kept = in_use ? t->frees : NULL;

  tables = NULL;
  t->frees = NULL;
  while (table) {
    struct free_sites *next = table->next;

    if (table != kept)
      own_unmap(table, sizeof *table);
    table = next;
  }
}
