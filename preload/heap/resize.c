/*
 * realloc: in place where the block has room or can get it, by moving pages
 * for large blocks, else by copying.  Any thread, on any block; the new block is always the
 * calling thread's.
 */
#include <string.h>

#include "heap/block.h"
#include "heap/large.h"
#include "heap/retire.h"

/* From this size on, moving a medium block's pages to a huge block beats copying them (4 us against 10 GB/s and a
 * page fault per page). */
#define MOVE_MIN (UINT64_C(128) << 10)

/* A block keeps its place while the request uses at least this part of it. */
#define KEEP_SHARE 2

/* Whether the block's size can be changed, or need not be, where it is. */
static bool resize_in_place(struct arena *own, void *p, const struct block *block, size_t size)
{
  bool enough = size <= block->size && size >= block->size / KEEP_SHARE;

  if (block->kind == BLOCK_SMALL || block->kind == BLOCK_NESTED || !own || block->withdrawn)
    return enough;
  if (block->kind == BLOCK_MEDIUM) {
    if (size < CLASS_MAX / KEEP_SHARE || size > MEDIUM_MAX)
      return false;
    return page_round(size) == block->size || medium_resize(own, p, size);
  }
  return size > MEDIUM_MAX && huge_resize(own, block->segment, size);
}

/* Moves a block's pages to a new huge block.  NULL: it cannot be; nothing changed. */
static void *move_pages(struct arena *arena, bool own, void *p, const struct block *block, size_t size)
{
  struct segment *segment = block->segment;
  bool huge = block->kind == BLOCK_HUGE;
  void *moved;

  if (huge && !huge_claim(segment))
    return NULL;
  moved = huge_move(arena, (uintptr_t)p, huge ? segment->huge_span : block->size, size, !huge);
  if (!huge)
    return moved;
  if (moved)
    huge_moved(arena, own, segment);
  else
    huge_unclaim(segment);
  return moved;
}

enum heap_verdict heap_resize(struct heap *heap, void *p, size_t size, void **result)
{
  struct arena *arena = arena_usable(heap);
  struct block block;
  enum heap_verdict verdict = block_find(p, &block);
  bool own, pages;

  *result = NULL;
  if (verdict != HEAP_OK || block.lost)
    return verdict;
  own = arena && block.kind != BLOCK_NESTED && block.segment->region == arena->region;
  if (resize_in_place(own ? arena : NULL, p, &block, size)) {
    *result = p;
    return HEAP_OK;
  }
  pages = arena && !block.withdrawn && size > MEDIUM_MAX && size >= block.size && size <= PTRDIFF_MAX &&
          (block.kind == BLOCK_HUGE || (block.kind == BLOCK_MEDIUM && block.size >= MOVE_MIN));
  if (pages)
    *result = move_pages(arena, own, p, &block, size);
  if (*result)
    return block.kind == BLOCK_HUGE ? HEAP_OK : heap_free(heap, p);
  *result = heap_alloc(heap, size);
  if (!*result)
    return HEAP_OK;
  memcpy(*result, p, size < block.size ? size : block.size);
  return heap_free(heap, p);
}
