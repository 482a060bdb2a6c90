/*
 * Segments of 2 MiB and their pages.  All functions: the region's lock is
 * held.  What they do to addresses depends on the owner's calls alone; what they do to physical
 * memory may depend on time.
 */
#ifndef VMTRACE_SEGMENT_H
#define VMTRACE_SEGMENT_H

#include "heap/arena.h"
#include "heap/space.h"

/*
 * Takes a run of pages, aligned to align pages (a power of two): want pages if any segment has
 * them free, else a shorter run of at least least pages, else want pages in a new segment.  Fills the
 * run's records but for class bytes and avail.  *clean: all of it reads as zero.  NULL: out of memory.
 */
struct run *segment_take(struct arena *arena, unsigned want, unsigned least, unsigned align, bool *clean);

/* Gives pages [first, first + count) of a segment back; they are in no run any more. */
void segment_give(struct arena *arena, struct segment *segment, unsigned first, unsigned count);

/* Extends a run by more pages in place; false: they are not free. */
bool segment_extend(struct arena *arena, struct run *run, unsigned more, bool *clean);

/* Gives free pages back to the kernel that have been free since before_ns; bytes. */
size_t segment_purge(struct arena *arena, struct segment *segment, uint64_t before_ns);
size_t segment_purge_all(struct arena *arena, uint64_t before_ns);

/* The program took a part of it: its free pages are free no more, and the kernel gets what was resident of them. */
void segment_withdraw(struct arena *arena, struct segment *segment);

/* No request finds pages in it any more. */
void segment_hide(struct arena *arena, struct segment *segment);

/* All pages are dead: the segment leaves the arena, its memory goes to space_give, its metadata to the kernel. */
void segment_bury(struct arena *arena, struct segment *segment);

/*
 * A heap whose blocks die elsewhere fills a segment soon and never comes back
 * to it.  Where such segments were in use all over, huge pages cost nothing in resident memory, and save most of what
 * going through fresh addresses costs: page faults and misses of the TLB.  Where blocks are large and hardly
 * written to, clearing huge pages would be most of what the program does.  Only a segment of new small pages tells
 * which it is, when it is dead: so the first ones are, until the dead ones agree, and one in DENSITY_PROBE after that.
 */
#define DENSITY_SURE 3
#define DENSITY_PROBE 256

/* In what pages the arena's next segment is to be. */
static inline enum space_kind segment_pages(const struct arena *arena)
{
  bool sure = arena->density == DENSITY_SURE || arena->density == -DENSITY_SURE;

  if (!sure || arena->segment_count % DENSITY_PROBE == 0)
    return SPACE_FRESH;
  return arena->density > 0 ? SPACE_HUGE : SPACE_SMALL;
}

/* A segment was opened: gives up metadata that lies far enough behind. */
void segment_leave_behind(struct arena *arena);

/* Whether every page of every segment is free. */
bool segment_all_free(const struct arena *arena);
/* The run behind another one in a segment, or (NULL) its first; NULL: there is none. */
struct run *segment_next_run(const struct segment *segment, const struct run *run);
/* Unmaps every segment; the arena is about to be wiped. */
void segment_reset(struct arena *arena);

/*
 * A segment that is this many segments behind the newest is old: its holes are
 * given up when they are few, and what is gone of it is not waited for any more.
 */
#define SEGMENT_OLD 8

/* Coarse time, for ages: as of the latest heap_trim or the latest look at the clock. */
uint64_t segment_now(void);
void segment_set_now(uint64_t now_ns);

#endif
