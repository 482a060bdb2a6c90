/* From an address to the block that is there, for any address and any thread. */
#ifndef VMTRACE_BLOCK_H
#define VMTRACE_BLOCK_H

#include "heap/arena.h"

enum block_kind { BLOCK_SMALL, BLOCK_MEDIUM, BLOCK_HUGE, BLOCK_NESTED };

struct block {
  enum block_kind kind;
  struct segment *segment; /* not for BLOCK_NESTED */
  struct run *run;         /* BLOCK_SMALL, BLOCK_MEDIUM: the run's first record */
  size_t size;             /* usable bytes */
  bool withdrawn;          /* the heap has left its segment (withdraw.h), */
  bool lost;               /* and the program has taken pages of it: it must not be touched */
};

/* HEAP_OK: p is a live block, described in *block.  Else what is wrong with p.  Reads metadata only; takes a region's
 * lock only to explain what is wrong. */
enum heap_verdict block_find(const void *p, struct block *block);

/* The first record of the run that p, an address within it, lies in. */
static inline struct run *block_run(uintptr_t addr)
{
  struct run *run = meta_run(addr);

  return run - (run_page(run) % SEGMENT_PAGES - run->head);
}

/* Usable bytes of a block of heap_nested_alloc; 0: p is none. */
size_t nested_usable(const void *p);
/* As heap_withdraw, of the range of such blocks. */
bool nested_withdraw(uint64_t start, uint64_t end);
/* Frees such a block; HEAP_DOUBLE when somebody else has.  Any thread, and signal handlers. */
enum heap_verdict nested_free(void *p);

#endif
