/*
 * Which call stack the resident memory of a process belongs to, at one moment:
 * live blocks joined with the pages that are present.  Every present page is
 * counted exactly once: to stacks, or to a named rest.
 */
#ifndef VMTRACE_HEAP_RESIDENT_H
#define VMTRACE_HEAP_RESIDENT_H

#include <stdbool.h>
#include <stdint.h>

#include "query/heap/heap_pages.h"
#include "track/heap/heap_counts.h"

/* Fractions of bytes are kept in these, so that sums of many small shares hold. */
#define RESIDENT_FRACTION 16

/* Of one call stack, in bytes; also of all together. */
struct heap_residence {
  uint64_t resident;     /* of live blocks, on present pages; and of the program's mappings */
  uint64_t private_;     /* of them, on pages that no other process has (USS) */
  uint64_t shared;       /* << RESIDENT_FRACTION: resident, each page divided by those who have it (PSS) */
  uint64_t undivided;    /* resident, on pages of which it is not known who has them: not in shared */
  uint64_t slack;        /* << RESIDENT_FRACTION: the rest of pages that its blocks keep */
  uint64_t untouched;    /* live or mapped, and never touched or given back */
  uint64_t swapped;      /* live or mapped, and swapped out */
  uint64_t inherited;    /* live blocks that were inherited at a fork, resident or not */
  uint64_t hugetlb;      /* live or mapped, on pages of hugetlbfs: there, but no part of Rss */
  uint64_t mapped;       /* bytes of the program's own mappings */
  uint64_t mapped_there; /* of them, resident */
};

enum heap_rest {
  REST_HEAP,     /* pages of the heap on which no live block is */
  REST_METADATA, /* the heap's own tables */
  REST_TRACER,
  REST_FILES,     /* pages of files: code of executable and libraries, mapped files */
  REST_DATA,      /* their data: .bss, and what was written of .data */
  REST_INHERITED, /* what a parent whose trace is not here left at the fork */
  REST_STACKS,
  REST_KERNEL, /* vdso and the like */
  REST_UNEXPLAINED,
  REST_COUNT
};

struct heap_residences {
  struct id_table stacks; /* struct heap_residence by call stack id */
  struct heap_residence total;
  uint64_t slack;            /* exact, in bytes */
  uint64_t rest[REST_COUNT]; /* bytes */
  uint64_t pages;            /* bytes of all resident pages: the sum of total.resident, slack and the rests */
  uint64_t zero;             /* bytes of pages that are the kernel's zero page, not in pages */
  uint64_t hugetlb;          /* bytes of pages of hugetlbfs, not in pages either */
  uint64_t rss;              /* bytes by the kernel's own count, to compare pages with; 0: unknown */
  bool known;                /* there was a sample */
};

/* Joins the blocks and mappings that counts has for an instant with pages, in which it keeps its books; is_orphan: what
 * the process inherited is not in counts. */
void heap_residences_find(struct heap_residences *r, const struct heap_counts *counts, const struct heap_then *then,
                          struct heap_pages *pages, bool is_orphan);
void heap_residences_release(struct heap_residences *r);

/* "heap-slack" ...: the key in JSON. */
const char *heap_rest_key(enum heap_rest rest);

#endif
