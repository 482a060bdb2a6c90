/*
 * The pinned heap: what entry/ asks of it.  heap_fast.h holds the inline fast
 * paths of heap_alloc and heap_free; README.md of this room tells how it works.
 *
 * A struct heap belongs to one thread lineage at a time.  Unless said
 * otherwise, a function that takes a heap may be called by the thread that
 * owns it only; blocks may be freed and resized by any thread.  Addresses are
 * a function of the sequence of calls on that heap alone: what other threads
 * do to its blocks never changes them.  Nothing here sets errno: NULL means
 * out of memory.  Nothing here logs, except through heap_set_nondet.
 *
 * Not reentrant: a signal handler that interrupts a call on a heap must not
 * call on the same heap, but may use the heap_nested_* functions.
 */
#ifndef VMTRACE_HEAP_H
#define VMTRACE_HEAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vmtrace/format.h"

struct heap;

#define HEAP_MIN_ALIGN 16

/* Called once when an address could not be kept by the rule (never in next mode); from any thread. */
typedef void (*heap_nondet_fn)(enum vt_nondet reason, uint64_t addr);
void heap_set_nondet(heap_nondet_fn fn);

/*
 * Whether pages may be made resident before the program writes to them, which
 * saves page faults (the default).  Off where samples are to tell what the program touched.
 * It has no influence on addresses.  Any thread, at any time; for all heaps.
 */
void heap_populate_ahead(bool ahead);

/*
 * By the rule a block that another thread freed is never used again.  When more than so many bytes are lost
 * in that way, because they lie between blocks in use, and a quarter of what is in use there, their owners use
 * them again from then on (VT_NONDET_RECYCLED).  0: at the next occasion; UINT64_MAX: never.  The default is 8 MiB.
 */
void heap_recycle_above(uint64_t bytes);

/* Whether a block may be handed out by its owner as soon as another thread has freed it: its free is to be recorded
 * before it is done. */
bool heap_recycles(void);

/* The heap that is empty and refuses everything fast: heap_alloc on it ends in heap_alloc_slow, which returns NULL. */
extern struct heap heap_none __attribute__((visibility("hidden")));

/* The first thread's heap, made on the first call; its first small block is at 0x200000.  Never NULL: without any
 * memory at all it is heap_none. */
struct heap *heap_main(void);

/*
 * A heap for the next thread that parent's thread creates: one that was given
 * back by heap_join, else a fresh region carved out of parent's.  Called by
 * the creating thread before the thread starts.  NULL: out of memory.
 * heap_child_cancel undoes the latest heap_child of that parent.
 */
struct heap *heap_child(struct heap *parent);
void heap_child_cancel(struct heap *parent, struct heap *child);

/* A heap for a thread whose creator is not known; reported as VT_NONDET_THREAD.  Any thread. */
struct heap *heap_adopt(void);

/*
 * A signal handler has left a call on heap half-way by longjmp; called by the
 * owner before its next call, after lock_table_recover.  Returns the heap to go on with: the same, or,
 * if that call held a lock, an adopted one.  Blocks of the old one stay as they are.
 */
struct heap *heap_recover(struct heap *heap);
/* In the child of a fork, where all heaps were orphaned (lock_table_renew): that of the thread that forked is whole. */
void heap_keep(struct heap *heap);

/* The owner is about to end: caches that only it could use are given back. */
void heap_thread_end(struct heap *heap);
/*
 * The thread that had the heap is gone, runs no more code, and was not joined.  joinable: it may still be.
 * By the rule nobody uses the heap again, and it may die with its last block; but where too much would be lost, a
 * thread yet to be made goes on in it (VT_NONDET_RECYCLED).  Any thread.
 */
void heap_thread_gone(struct heap *heap, bool joinable);
/* A thread that heap_thread_gone was told of as joinable was detached after all: as if it had been all the time, unless
 * a thread has gone on in the heap. */
void heap_detached_late(struct heap *heap);
/* child's thread has ended and was joined by the owner of heap: the region is heap's to hand out again. */
void heap_join(struct heap *heap, struct heap *child);
/* As heap_join, of a thread that heap_thread_gone was told of: if no other thread has gone on in the heap. */
void heap_join_late(struct heap *heap, struct heap *child);

/* heap_alloc: 16-byte aligned, size 0 gives a block of its own.  aligned: align is a power of two.  zeroed:
 * heap_calloc. */
void *heap_alloc_slow(struct heap *heap, size_t size);
void *heap_alloc_aligned(struct heap *heap, size_t align, size_t size);
void *heap_alloc_zeroed(struct heap *heap, size_t size);

enum heap_verdict {
  HEAP_OK = 0,
  HEAP_FOREIGN,  /* no address of ours: somebody else's block */
  HEAP_DOUBLE,   /* a block that is free already */
  HEAP_INTERIOR, /* inside a live block, not at its start */
  HEAP_INVALID,  /* ours, but no block is or was there */
  HEAP_WITHDRAWN /* where the program took memory of the heap, and no block that is in use */
};

/* heap is the calling thread's own; p may be anybody's block, and is never NULL.  On anything but HEAP_OK nothing
 * changed. */
enum heap_verdict heap_free_slow(struct heap *heap, void *p);

/*
 * Resizes p for the thread that owns heap.  On success *result is the block,
 * possibly at the same address; NULL when out of memory (p stays as it was).
 * Large blocks move by mremap, without copying.
 */
enum heap_verdict heap_resize(struct heap *heap, void *p, size_t size, void **result);

/* Whether p is live, and its usable size in bytes.  Any thread. */
enum heap_verdict heap_usable(const void *p, size_t *size);
/* Whether the address lies in the pinned heap's ranges at all (blocks or pinned mappings). */
bool heap_covers(const void *p);
/* Whether a segment, or the start of a huge block, is or was at the address.  If not, HEAP_INVALID says only that the
 * heap has no block there: it is a mapping of the program's, or nothing. */
bool heap_uses(const void *p);

/*
 * For calls out of a signal handler that interrupted the owner in the middle
 * of a call on its heap: blocks come from a shared emergency region and are
 * reported as VT_NONDET_SIGNAL; a free never touches the owner's state.
 */
void *heap_nested_alloc(size_t align, size_t size);
enum heap_verdict heap_nested_free(void *p);

/*
 * libc's own needs while it works for itself (a thread's TLS vector): a small
 * locked arena apart from the program's blocks, so that its timing-dependent
 * calls never move the program's addresses.  heap_internal_owns tells its blocks; zeroed.
 */
void *heap_internal_alloc(size_t align, size_t size);
void heap_internal_free(void *p);
bool heap_internal_owns(const void *p);
size_t heap_internal_usable(const void *p);

/*
 * Addresses for the program's own mappings, from the calling thread's region.
 * reserve: an unused range of size bytes (a multiple of the page size) aligned
 * to align; 0 when the region has none.  Nothing is mapped: the caller maps it
 * with MAP_FIXED_NOREPLACE, and gives it back with heap_range_failed if that
 * does not work.  release: [addr, addr + size) was unmapped by the owner of heap; parts
 * that were reserved by the same heap become available to it again, all else is ignored.
 */
uint64_t heap_range_reserve(struct heap *heap, uint64_t size, uint64_t align);
void heap_range_release(struct heap *heap, uint64_t addr, uint64_t size);
void heap_range_failed(struct heap *heap, uint64_t addr, uint64_t size);

/* As reserve, of the range that MAP_32BIT asks for, [LOWMAP_START, LOWMAP_END): the first thread's half of it, or the
 * half that all others share, in the order of asking, which is reported (VT_NONDET_SHARED). */
uint64_t heap_low_reserve(struct heap *heap, uint64_t size, uint64_t align);

/*
 * The program has mapped [addr, addr + size) itself: what of it this heap could have offered is not
 * offered while it is mapped (release).  Whether it lies in or right behind what heap reserved before.
 */
bool heap_range_claim(struct heap *heap, uint64_t addr, uint64_t size);

/* Reserves [addr, addr + size), which follows what heap reserved before.  False: it is not all there to reserve. */
bool heap_range_grow(struct heap *heap, uint64_t addr, uint64_t size);

/*
 * Gives unused physical pages back to the kernel: of every heap, by any thread
 * that runs no heap call; takes each heap's slow-path lock in turn.  age_ns: only what has
 * been unused that long (0: all).  Returns the bytes given back.
 */
size_t heap_trim(uint64_t age_ns);

/* What heap_withdraw calls once nobody can find what is left any more: it comes back when every other thread has left
 * the call on its heap that it was in, or after a while.  NULL: nobody waits. */
void heap_set_wait(void (*others_leave)(void));

/*
 * The program is about to map something at [addr, addr + size), to unmap it or to move it away.  What the heap
 * has there is the program's from now on: blocks in use are lost, and nothing is handed out there any more.  heap is
 * the calling thread's; no call on it is under way.  True: memory of the heap was in use there.
 */
bool heap_withdraw(struct heap *heap, uint64_t addr, uint64_t size);

/* Whether one live block has all of [addr, addr + size).  seal: the program takes away the right to read or write
 * there; should it free the block without giving it back, the heap does (but for small ones). */
bool heap_block_covers(uint64_t addr, uint64_t size, bool seal);

/* Whether the library has memory of its own there, or tables of the heap: without them nothing goes on. */
bool heap_has_tables(uint64_t addr, uint64_t size);

struct heap_stats {
  uint64_t live_bytes, live_blocks; /* of all heaps, as far as known without stopping threads */
  uint64_t mapped_bytes;            /* segments and large blocks */
  uint64_t large_bytes, large_blocks;
  uint64_t large_bytes_most, large_blocks_most; /* each heap's at a time, added up */
  uint64_t free_bytes;                          /* mapped, not in blocks */
  uint64_t free_blocks;                         /* small blocks that were cut and are free for their owner */
};
void heap_get_stats(struct heap_stats *stats);

#endif
