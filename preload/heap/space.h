/*
 * Physical memory for a given address: fresh from the kernel, or pages of
 * blocks that other threads freed, moved there as they are (page tables move as a whole, so
 * that neither faults nor zeroing are paid for again).
 */
#ifndef VMTRACE_SPACE_H
#define VMTRACE_SPACE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/lock.h"

enum space_kind {
  SPACE_SMALL, /* small pages: somebody's old ones, where there are any, or new ones */
  SPACE_FRESH, /* small pages, new */
  SPACE_HUGE   /* huge pages, old or new, where the kernel has any */
};

/*
 * Maps [addr, addr + size), multiples of SEGMENT_SIZE.  0, -EEXIST when something is there, or
 * another -errno.  *moved: the memory is somebody's old pages and not zero.
 */
int space_map(uint64_t addr, uint64_t size, enum space_kind kind, bool *moved);

/* Takes over memory that no live block is in: kept for space_map, or unmapped.  kind, moved: as space_map was asked and
 * said.
 */
void space_give(uint64_t addr, uint64_t size, enum space_kind kind, bool moved);

/* Unmaps memory that space_map mapped. */
void space_unmap(uint64_t addr, uint64_t size, bool moved);

/* A moved piece is no mapping of its own any more. */
void space_forget_moved(void);

/* Makes pages resident in one call, where the kernel can; else they fault in one by one. */
void space_populate(uint64_t addr, uint64_t size);

/* What is kept of [start, end) is the program's now: forgotten, and what is kept beside it in one piece is unmapped. */
void space_withdraw(uint64_t start, uint64_t end);

/* Unmaps everything kept; bytes. */
uint64_t space_trim(void);

/* For lock_table_on_orphan: nobody knows what is in the pool; it is empty afterwards. */
void space_orphaned(struct lock_state *lock);

#endif
