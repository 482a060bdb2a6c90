/*
 * Where the heap's metadata lies.  A grain is 16 MiB of address space (eight
 * segments); its metadata is one slot of 512 KiB in [META_START, META_END),
 * found from a block's address by arithmetic alone:
 *
 *   0    to 256 KiB   state pairs: 16 bytes per KiB of heap
 *   256  to 480 KiB   struct run, one per page
 *   480  to 484 KiB   class byte per page
 *   484  to 488 KiB   struct segment, one per segment
 *
 * The slot's number is the address modulo the size of the high region.  The
 * low segment therefore shares its slot with one high grain (GRAIN_ALIAS), which is never used.
 *
 * Slots are mapped when their grain is first used; meta_state tells which part of a
 * slot may be read, for any address of the high region.
 */
#ifndef VMTRACE_META_H
#define VMTRACE_META_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/layout.h"
#include "heap/class.h"

#define HEAP_PAGE UINT64_C(4096)
#define SEGMENT_PAGES 512
#define GRAIN_SHIFT 24
#define GRAIN_SIZE (UINT64_C(1) << GRAIN_SHIFT)
#define GRAIN_SEGMENTS 8
#define HIGH_SIZE (HIGH_END - HIGH_START)
#define GRAINS (HIGH_SIZE >> GRAIN_SHIFT)
#define GRAIN_ALIAS (LAYOUT_BASE + 4 * (HIGH_START - LAYOUT_BASE))

#define META_SLOT_SHIFT 19
#define META_SLOT (UINT64_C(1) << META_SLOT_SHIFT)
#define META_RUNS (UINT64_C(256) << 10)
#define META_CLASSES (UINT64_C(480) << 10)
#define META_SEGMENTS (UINT64_C(484) << 10)
#define META_USED (UINT64_C(488) << 10)

/*
 * One bit per 16 bytes of heap, kept at a block's first 16 bytes.  live: the
 * block was handed out and not freed by its owner; written by the owning
 * thread only.  gone: another thread freed it; set by atomic or, cleared by the owner alone when it
 * takes the block back (recycle.h).  A block is live when live is set and gone is not.  Both words of a block share a
 * cache line.
 */
struct state_pair {
  uint64_t live, gone;
};

/*
 * A run of pages that holds blocks of one class, or one medium block.  There is one
 * record per page; that of the first page describes the run, the others only say where it begins.
 * avail has a bit per block, set while the block is free and in no magazine; it
 * continues into the records of the run's next pages (256 bits each, enough for blocks of 16 bytes).
 */
struct run {
  uint64_t avail[4];
  struct run *next, *prev; /* the class's runs that have blocks available */
  uint16_t gone;           /* blocks freed by others, counted late; atomic, modulo 2^16 (recycle.c) */
  uint16_t free;           /* bits set in avail; RUN_MEDIUM: one medium block */
  uint16_t head;           /* page number of the run's first page within its segment */
  uint8_t last;            /* pages in the run, less one */
  uint8_t populated;       /* pages from the start that are known to be resident; in a withdrawn segment, the class */
};

#define RUN_MEDIUM UINT16_MAX

enum segment_kind {
  SEGMENT_NONE = 0,
  SEGMENT_PAGED, /* runs */
  SEGMENT_HUGE,  /* the first segment of a huge block */
  SEGMENT_DEAD   /* all blocks were freed by others; never used again */
};

enum huge_state { HUGE_FREE = 0, HUGE_LIVE, HUGE_GONE };

struct region;

struct segment {
  uint64_t addr;
  struct region *region; /* whose it is; never changes once set */
  uint32_t kind;         /* enum segment_kind; atomic */
  uint32_t ordinal;      /* place in the arena's table */
  /* Pages, under the region's lock. */
  uint64_t free_map[SEGMENT_PAGES / 64];  /* bit set: page is in no run */
  uint64_t dirty_map[SEGMENT_PAGES / 64]; /* bit set: page may be resident and not zero */
  uint64_t used_map[SEGMENT_PAGES / 64];  /* bit set: page was in a run at some time */
  uint64_t void_map[SEGMENT_PAGES / 64];  /* bit set: page is in no run and never will be */
  uint64_t given_map[SEGMENT_PAGES / 64]; /* bit set: all blocks there are gone, and the kernel has the page */
  uint16_t free_pages, free_dirty;
  uint16_t largest;    /* longest stretch of free pages */
  uint16_t given_up;   /* pages that closing took away */
  bool closed;         /* its holes were given up (segment_close) */
  bool withdrawn;      /* the program took a part of it: nothing is handed out there; atomic */
  bool sealed;         /* the program protected pages of its blocks: they may not be writable; atomic */
  bool moved;          /* memory came by mremap: a mapping of its own */
  uint8_t pages;       /* enum space_kind: asked for */
  uint64_t freed_ns;   /* coarse time of the latest page freed */
  uint32_t dead_pages; /* pages whose blocks are all gone, or given up; atomic */
  uint64_t gone_bytes; /* blocks freed by others; atomic */
  uint64_t swept;      /* value of gone_bytes at the latest sweep */
  uint64_t recycled;   /* value of gone_bytes when blocks were last taken back */
  uint32_t lost;       /* bytes of gone blocks on pages that the latest sweep had to leave, */
  uint32_t used;       /* and of the others there */
  /* Huge block. */
  uint32_t huge_state; /* enum huge_state; atomic */
  uint64_t huge_size;  /* usable bytes, a multiple of the page size */
  uint64_t huge_span;  /* address space, a multiple of SEGMENT_SIZE, all of it mapped */
};

_Static_assert(sizeof(struct run) == 56, "512 records fill seven pages");
_Static_assert(sizeof(struct segment) <= 512, "eight headers fill a page");

static inline uintptr_t meta_slot(uintptr_t addr)
{
  return META_START + ((addr >> GRAIN_SHIFT & (GRAINS - 1)) << META_SLOT_SHIFT);
}

static inline struct state_pair *meta_pair(uintptr_t addr)
{
  return (struct state_pair *)(meta_slot(addr) + (addr >> 6 & (META_RUNS - 16)));
}

static inline uint64_t meta_bit(uintptr_t addr)
{
  return UINT64_C(1) << (addr >> 4 & 63);
}

static inline uint8_t *meta_class(uintptr_t addr)
{
  return (uint8_t *)(meta_slot(addr) + META_CLASSES + (addr >> 12 & (GRAIN_SIZE / HEAP_PAGE - 1)));
}

/* The record of the page at addr. */
static inline struct run *meta_run(uintptr_t addr)
{
  return (struct run *)(meta_slot(addr) + META_RUNS) + (addr >> 12 & (GRAIN_SIZE / HEAP_PAGE - 1));
}

static inline struct segment *meta_segment(uintptr_t addr)
{
  return (struct segment *)(meta_slot(addr) + META_SEGMENTS + ((addr >> SEGMENT_SHIFT & (GRAIN_SEGMENTS - 1)) << 9));
}

/* Number of a run's first page within its grain, its segment, and its address. */
static inline unsigned run_page(const struct run *run)
{
  uintptr_t slot = (uintptr_t)run & ~(META_SLOT - 1);

  return (unsigned)(run - (const struct run *)(slot + META_RUNS));
}

static inline struct segment *run_segment(const struct run *run)
{
  uintptr_t slot = (uintptr_t)run & ~(META_SLOT - 1);

  return (struct segment *)(slot + META_SEGMENTS + ((uintptr_t)(run_page(run) / SEGMENT_PAGES) << 9));
}

static inline uintptr_t run_addr(const struct run *run)
{
  return run_segment(run)->addr + (run_page(run) % SEGMENT_PAGES) * HEAP_PAGE;
}

/* The class of a run's blocks; CLASS_NONE for a medium block. */
static inline unsigned run_class(const struct run *run)
{
  uintptr_t slot = (uintptr_t)run & ~(META_SLOT - 1);

  return __atomic_load_n((uint8_t *)(slot + META_CLASSES) + run_page(run), __ATOMIC_RELAXED);
}

#define META_HEADS 1u /* struct segment may be read */
#define META_FULL 3u  /* all of the slot may be read */
#define META_GONE 4u  /* nothing may be read: all blocks of the grain were freed by others, for ever */

/* Reserves the table of slot states; false: out of memory.  Before anything else here. */
bool meta_init(void);

/* What of the slot of addr is mapped: 0, META_HEADS, META_FULL, or META_GONE.  Any address of the low segment or the
 * high region; any thread. */
unsigned meta_state(uintptr_t addr);

/* Whether a slot of the metadata's range, given by an address in it, is mapped. */
bool meta_slot_is_mapped(uintptr_t slot);

/* Notes that huge blocks lie in the grains of [addr, addr + size), or did. */
void meta_mark(uintptr_t addr, uint64_t size);
bool meta_is_marked(uintptr_t addr);

/* Makes at least need available.  0 or -errno.  The caller holds the lock of the region that addr lies in. */
int meta_map(uintptr_t addr, unsigned need);

/* Forgets the metadata of a segment: pages given back, everything reads as zero but its struct segment. */
void meta_drop(uintptr_t addr);

/* Gives back the whole slot of a grain: mapped no more.  state is 0 or META_GONE. */
void meta_unmap(uintptr_t addr, unsigned state);

/*
 * For heaps that go through address space because others free their blocks:
 * the slots of grains that are gone are kept as spares, and new slots are made of them, already
 * resident.  All zero: none.  Guarded by the region's lock.
 */
#define META_SPARES 3
struct meta_spares {
  uintptr_t slot[META_SPARES];
};

/* As meta_unmap(addr, META_GONE), or the slot becomes a spare. */
void meta_keep(uintptr_t addr, struct meta_spares *spares);
/* As meta_map(addr, META_FULL).  *resident: a new slot was made of a spare. */
int meta_map_full(uintptr_t addr, struct meta_spares *spares, bool *resident);
void meta_drop_spares(struct meta_spares *spares);

#endif
