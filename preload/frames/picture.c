/*
 * The kept picture, see picture.h.  Knows nothing about where entries come
 * from or what they mean.  Called by walk.c and sampler.c.
 */
#include "frames/picture.h"

#include <stddef.h>
#include <string.h>
#include <sys/mman.h>

#include "base/own.h"
#include "base/sys.h"

#define NODE_BITS 9
#define POOL_FIRST (UINT64_C(128) << 10) /* enough for a small program: its few leaves and the nodes above them */
#define POOL_LATER (UINT64_C(1) << 20)
#define POPULATE 24 /* pages that a small program is sure to need: one call is cheaper than that many faults */

#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23 /* Linux 5.14; older kernels refuse it and the pages come by faults */
#endif

_Static_assert(sizeof(struct picture_node) == FRAME_SIZE, "a node is a page");
_Static_assert(LEAF_PAGES * sizeof(uint64_t) == FRAME_SIZE, "a leaf is a page");
_Static_assert(SPACE_BITS - LEAF_SHIFT <= 3 * NODE_BITS, "three levels of nodes cover the space");

static bool add_pool(struct picture *picture)
{
  size_t size = picture->cut ? POOL_LATER : POOL_FIRST;
  uint8_t *pool = own_map_alone(size);

  if (!pool)
    return false;
  if (!picture->cut)
    sys_madvise(pool, POPULATE * FRAME_SIZE, MADV_POPULATE_WRITE);
  picture->cut = pool;
  picture->cut_end = pool + size;
  return true;
}

/* A zeroed page, NULL when memory is exhausted. */
static void *take_page(struct picture *picture)
{
  void *page = picture->free;

  if (page) {
    memcpy(&picture->free, page, sizeof picture->free);
    memset(page, 0, FRAME_SIZE);
    return page;
  }
  if (picture->cut == picture->cut_end && !add_pool(picture))
    return NULL;
  page = picture->cut;
  picture->cut += FRAME_SIZE;
  return page;
}

/* Index of a leaf in the node at this level: 2 is the root, 0 the node whose children are leaves. */
static unsigned index_at(uint64_t leaf, unsigned level)
{
  return (unsigned)(leaf >> (level * NODE_BITS)) & (PICTURE_FAN - 1);
}

static void **leaf_slot(struct picture *picture, uint64_t leaf, bool make)
{
  struct picture_node *node = &picture->root;

  for (unsigned level = 2; level > 0; level--) {
    void **slot = &node->child[index_at(leaf, level)];

    if (!*slot) {
      if (!make)
        return NULL;
      *slot = take_page(picture);
      if (!*slot)
        return NULL;
    }
    node = *slot;
  }
  return &node->child[index_at(leaf, 0)];
}

uint64_t *picture_leaf(struct picture *picture, uint64_t leaf, bool make)
{
  void **slot = leaf_slot(picture, leaf, make);

  if (!slot)
    return NULL;
  if (!*slot && make)
    *slot = take_page(picture);
  return *slot;
}

uint64_t picture_next(const struct picture *picture, uint64_t leaf)
{
  while (leaf < LEAF_NONE) {
    const struct picture_node *node = &picture->root;
    unsigned level = 2;

    while (level > 0 && node->child[index_at(leaf, level)])
      node = node->child[index_at(leaf, level--)];
    if (level == 0) {
      for (unsigned i = index_at(leaf, 0); i < PICTURE_FAN; i++, leaf++) {
        if (node->child[i])
          return leaf;
      }
      continue;
    }
    /* Nothing below this child: on to its next sibling, which may be the first child of the next node. */
    leaf = ((leaf >> (level * NODE_BITS)) + 1) << (level * NODE_BITS);
  }
  return LEAF_NONE;
}

void picture_drop(struct picture *picture, uint64_t leaf)
{
  void **slot = leaf_slot(picture, leaf, false);

  if (!slot || !*slot)
    return;
  memcpy(*slot, &picture->free, sizeof picture->free);
  picture->free = *slot;
  *slot = NULL;
}
