/*
 * The pages that a process had at one moment, as the latest sample before it
 * saw them, laid out for quick questions by address: what state, how many
 * processes have the frame, how many live bytes.
 */
#ifndef VMTRACE_HEAP_PAGES_H
#define VMTRACE_HEAP_PAGES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "query/verdict/share.h"
#include "track/pages/process_picture.h"
#include "track/trackers.h"

#define LEAF_SHIFT 6
#define LEAF_PAGES (1u << LEAF_SHIFT)

/* What is known of one page. */
struct heap_page {
  uint32_t live;    /* bytes of live blocks: kept by query/heap/heap_resident.c */
  uint16_t holders; /* in how many places the traced processes have that frame; 0 or 1: here alone */
  uint8_t state;    /* VT_PG_* and HEAP_PAGE_HUGETLB; 0: not there */
  uint8_t owned;    /* a mapping of the program's own */
};

/* LEAF_PAGES neighbouring pages of which at least one is known.  Most are alike, and are one: memory grows with what
 * differs. */
struct heap_leaf {
  uint64_t key;           /* page number >> LEAF_SHIFT */
  struct heap_page *each; /* LEAF_PAGES; NULL: all are as alike is */
  struct heap_page alike;
};

/* Page number i of a leaf, to be read. */
static inline const struct heap_page *heap_leaf_page(const struct heap_leaf *leaf, uint32_t i)
{
  return leaf->each ? &leaf->each[i] : &leaf->alike;
}

/* To be changed, with the n - 1 behind it, which are changed in the same way: *n becomes for how many of them the
 * result stands. */
struct heap_page *heap_leaf_change(struct heap_leaf *leaf, uint32_t i, uint32_t *n);

/* In struct heap_page: Rss does not count it.  In place of VT_PG_ZERO_KNOWN, which nobody asks for here. */
#define HEAP_PAGE_HUGETLB VT_PG_ZERO_KNOWN

/* A run of present pages with visible frames, for the comparison with others. */
struct heap_run {
  uint64_t page, pfn;
  const struct vma *vma;
  uint32_t sample; /* since when these frames are there */
  uint32_t state;
};

struct heap_pages {
  const struct picture *picture; /* view: the process, its pages and mappings at the moment (settled: one per place) */
  struct picture view;           /* what it points to belongs to the tracker */
  struct heap_leaf *leaf;        /* ascending */
  size_t leaf_count, leaf_room;
  struct range_list frames; /* by frame number; value: index into run */
  struct heap_run *run;
  size_t run_count, run_room;
  uint64_t sample_ns; /* when the sample began; 0: there was none */
  bool at_end;        /* the moment is each process's own end */
  uint64_t present;   /* pages */
  uint64_t zero;      /* of them, the kernel's zero page: no memory of the process */
  uint64_t hugetlb;   /* of them, of hugetlbfs, which Rss leaves out */
  uint64_t counted;   /* present by the sample's own count */
  uint64_t rss;       /* by the kernel's count; 0: unknown, and so the next two (an older trace) */
  uint64_t tracer;    /* of the tracer's own memory, in no leaf */
  uint64_t tables;    /* of the heap's tables, in no leaf */
};

/* What a tracker of pages has of an instant (NULL: nothing), which must outlive it, laid out. */
struct heap_pages *heap_pages_new(const struct picture *picture, const struct pages_then *then);
void heap_pages_free(struct heap_pages *p);

/* Finds the frames that several of the processes had at one time, on one machine.  -1 when out of memory. */
int heap_pages_compare(struct heap_pages *const *all, size_t count);

/* The first leaf whose key is key or higher: its index, leaf_count when there is none. */
size_t heap_pages_find(const struct heap_pages *p, uint64_t key);

/* Whether the page takes memory that Rss counts: present, and not the zero page that all share. */
static inline bool heap_page_resident(uint8_t state)
{
  return (state & (VT_PG_PRESENT | VT_PG_ZERO | HEAP_PAGE_HUGETLB)) == VT_PG_PRESENT;
}

/* Whether no other process has it, as the kernel says. */
static inline bool heap_page_private(const struct heap_page *page)
{
  return page->state & VT_PG_EXCLUSIVE && page->holders <= 1;
}

/* Among how many processes it is to be divided; 0: not known, for the frame is hidden or others have it, too. */
static inline uint32_t heap_page_holders(const struct heap_page *page)
{
  if (page->holders > 1)
    return page->holders;
  return page->state & VT_PG_EXCLUSIVE ? 1 : 0;
}

#endif
