/*
 * The tables of free_sites.h.  Tables are linked into a list that only grows;
 * one whose thread has ended is taken over by the next new one, contents and all.
 *
 * Walking the stack at each free would cost as much as at each allocation,
 * most of the whole price of an event.  So a thread has a credit of full walks,
 * which covers short programs and the start of long ones; after that the stack is
 * walked while events come slowly (less than about one per microsecond), and in a rush of
 * events only the caller is noted.
 */
#include "entry/free_sites.h"

#include "base/own.h"
#include "unwind/unwind.h"

#define SETS 1024u
#define WAYS 4u           /* a set is one cache line */
#define FULL_WALKS 65536u /* 3 ms of processor time in the life of a table */

struct free_site {
  uint64_t addr;
  uint32_t stack;
  uint32_t thread; /* stream number */
};

struct free_sites {
  struct free_sites *next;
  uint32_t busy;   /* atomic: belongs to a thread */
  uint32_t credit; /* full walks left */
  struct free_site site[SETS][WAYS] __attribute__((aligned(CACHE_LINE)));
  uint8_t next_way[SETS]; /* modulo WAYS: which of a set was written longest ago */
};

static struct free_sites *tables;

static struct free_sites *table_take(void)
{
  struct free_sites *table;

  for (table = __atomic_load_n(&tables, __ATOMIC_ACQUIRE); table; table = table->next) {
    uint32_t idle = 0;

    if (!__atomic_load_n(&table->busy, __ATOMIC_RELAXED) &&
        __atomic_compare_exchange_n(&table->busy, &idle, 1, false, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED))
      return table;
  }
  table = own_map(sizeof *table);
  if (!table)
    return NULL;
  table->busy = 1;
  table->credit = FULL_WALKS;
  table->next = __atomic_load_n(&tables, __ATOMIC_RELAXED);
  while (!__atomic_compare_exchange_n(&tables, &table->next, table, true, __ATOMIC_RELEASE, __ATOMIC_RELAXED))
    ;
  return table;
}

static uint32_t set_of(uint64_t addr)
{
  return (uint32_t)(addr * UINT64_C(0x9e3779b97f4a7c15) >> 54);
}
_Static_assert(SETS == 1u << (64 - 54), "set_of gives as many bits");

/* Another thread that reads in between finds no address rather than a wrong stack. */
static void put(struct free_site *site, const struct free_site *value)
{
  __atomic_store_n(&site->addr, 0, __ATOMIC_RELAXED);
  __atomic_store_n(&site->stack, value->stack, __ATOMIC_RELEASE);
  __atomic_store_n(&site->thread, value->thread, __ATOMIC_RELEASE);
  __atomic_store_n(&site->addr, value->addr, __ATOMIC_RELEASE);
}

/* In place of the oldest of its set, unseen: looking for the same address there would cost a cache miss per free. */
static void remember(struct free_sites *table, const struct free_site *value)
{
  uint32_t set = set_of(value->addr);

  put(&table->site[set][table->next_way[set]++ % WAYS], value);
}

void free_sites_add(struct thread *t, const void *p, uintptr_t frame)
{
  struct free_site value = {.addr = (uint64_t)(uintptr_t)p, .thread = t->number};
  struct free_sites *table = t->frees;

  if (unlikely(!table)) {
    table = t->frees = table_take();
    if (!table)
      return;
  }
  if (table->credit || t->writer->pace == 0) {
    table->credit -= table->credit > 0;
    value.stack = unwind_capture(t->unwind, (const void *)frame);
  } else {
    value.stack = unwind_caller(t->unwind, (const void *)frame);
  }
  remember(table, &value);
}

/* The latest one in the table. */
static uint32_t find(const struct free_sites *table, uint64_t addr, uint32_t thread)
{
  uint32_t set = set_of(addr);
  uint32_t next = __atomic_load_n(&table->next_way[set], __ATOMIC_RELAXED);

  for (uint32_t i = 1; i <= WAYS; i++) {
    const struct free_site *site = &table->site[set][(next - i) % WAYS];

    if (__atomic_load_n(&site->addr, __ATOMIC_ACQUIRE) == addr && (thread == VT_NO_THREAD || site->thread == thread))
      return __atomic_load_n(&site->stack, __ATOMIC_ACQUIRE);
  }
  return VT_STACK_NONE;
}

uint32_t free_sites_find(uint64_t addr, uint32_t thread)
{
  uint32_t stack = VT_STACK_NONE;

  for (const struct free_sites *table = __atomic_load_n(&tables, __ATOMIC_ACQUIRE); table && !stack;
       table = table->next)
    stack = find(table, addr, thread);
  return stack;
}

void free_sites_close(struct thread *t)
{
  if (t->frees)
    __atomic_store_n(&t->frees->busy, 0, __ATOMIC_RELEASE);
  t->frees = NULL;
}

void free_sites_after_fork(struct thread *t)
{
  struct free_sites *table = tables;

  tables = NULL;
  t->frees = NULL;
  while (table) {
    struct free_sites *next = table->next;

    own_unmap(table, sizeof *table);
    table = next;
  }
}
