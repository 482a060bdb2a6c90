/*
 * The kept picture: the entry of every page as it was last reported, in a
 * radix tree of leaves with 512 entries each.  About 8 bytes per page that is
 * present; memory comes from own_map only.
 *
 * The caller holds the sampler's lock.  Nothing here fails loudly: without
 * memory picture_leaf returns NULL and the page is simply not kept.
 */
#ifndef VMTRACE_PICTURE_H
#define VMTRACE_PICTURE_H

#include <stdbool.h>
#include <stdint.h>

#include "frames/page_entry.h"

#define PICTURE_FAN 512u

struct picture_node {
  void *child[PICTURE_FAN];
};

struct picture {
  struct picture_node root; /* covers the space in 512 parts; two more levels lead to the leaves */
  uint8_t *cut, *cut_end;   /* rest of the newest mapping that nodes and leaves are cut from; NULL: none yet */
  void *free;               /* leaves given back, linked through their first word */
  uint64_t present;         /* entries that are not 0 */
};

/* The 512 entries of a leaf (number: address >> LEAF_SHIFT, below LEAF_NONE); NULL when there are none, or, with make,
 * when memory is exhausted. */
uint64_t *picture_leaf(struct picture *picture, uint64_t leaf, bool make);
/* The first leaf from this number on that is kept; LEAF_NONE when there is none. */
uint64_t picture_next(const struct picture *picture, uint64_t leaf);
/* All 512 entries of the leaf are 0: its memory is used again. */
void picture_drop(struct picture *picture, uint64_t leaf);

#endif
