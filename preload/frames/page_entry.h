/*
 * One page as the sampler keeps it: 64 bits, the frame number below and the
 * state (VT_PG_*) in the top byte; 0 is a page that is not there.  Also the
 * geometry that the files of this room share.  Only constants and inline
 * functions; must not include anything but the format.
 */
#ifndef VMTRACE_PAGE_ENTRY_H
#define VMTRACE_PAGE_ENTRY_H

#include <stdint.h>

#include "vmtrace/format.h"

#define FRAME_SHIFT 12 /* bytes per page, as a power of two */
#define FRAME_SIZE (UINT64_C(1) << FRAME_SHIFT)

/* A leaf is what one page-table page maps: the unit in which pages are read, compared and kept. */
#define LEAF_SHIFT 21
#define LEAF_SIZE (UINT64_C(1) << LEAF_SHIFT)
#define LEAF_PAGES 512u

/* Addresses of user space are below this (vsyscall is above); wider ones (57 bits) only exist where asked for. */
#define SPACE_BITS 47
#define SPACE_END ((UINT64_C(1) << SPACE_BITS) - FRAME_SIZE)
#define LEAF_NONE (UINT64_C(1) << (SPACE_BITS - LEAF_SHIFT)) /* no leaf has this number or a greater one */

#define ENTRY_STATE_SHIFT 56
#define ENTRY_PFN_MASK ((UINT64_C(1) << 55) - 1)

static inline uint64_t entry_make(unsigned state, uint64_t pfn)
{
  return (uint64_t)state << ENTRY_STATE_SHIFT | pfn;
}

static inline unsigned entry_state(uint64_t entry)
{
  return (unsigned)(entry >> ENTRY_STATE_SHIFT);
}

static inline uint64_t entry_pfn(uint64_t entry)
{
  return entry & ENTRY_PFN_MASK;
}

#endif
