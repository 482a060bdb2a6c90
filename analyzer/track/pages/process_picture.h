/*
 * The picture of one traced process: which pages it held when, in which state
 * and on which frames, what was mapped there, and the watched values.  Built
 * from the sampler's stream of one trace; memory grows with the changes that
 * the sampler saw, not with pages or with time.
 */
#ifndef VMTRACE_PROCESS_PICTURE_H
#define VMTRACE_PROCESS_PICTURE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "reader/reader.h"
#include "track/mark_list.h"
#include "track/pages/page_range.h"

/* A page's state and frame in one number, as range.value holds them.  A frame number has at most 55 bits (pagemap). */
#define PICTURE_PFN_MAX ((UINT64_C(1) << 55) - 1)
#define PICTURE_STATE(value) ((uint32_t)((value)&0xff))
#define PICTURE_PFN(value) ((value) >> 8)
#define PICTURE_VALUE(state, pfn) ((uint64_t)(pfn) << 8 | (uint8_t)(state))

/* In the list of mappings: nothing is mapped here any more. */
#define PICTURE_NO_VMA UINT64_MAX

struct vma {
  uint64_t start; /* first page */
  uint64_t dev, inode;
  uint64_t offset;  /* bytes, of the first page */
  uint32_t flags;   /* VT_VMA_* */
  const char *path; /* as /proc/PID/maps has it; "" for anonymous memory */
};

struct sample {
  uint64_t begin_ns; /* ascending */
  uint32_t flags;    /* VT_SAMPLE_* */
  uint32_t whole;    /* the latest sample up to this one that was not cut short: what had not changed by then still held
                      */
};

struct value_seen {
  uint64_t addr, time_ns, bits;
  uint32_t type;   /* enum vt_value_type */
  uint32_t number; /* in the trace's order */
};

struct picture {
  int32_t pid, ppid;
  uint64_t origin; /* enum vt_origin */
  uint8_t trace_id[16], parent_id[16], boot_id[16];
  uint64_t start_ns;
  uint64_t end_ns;  /* the last moment at which the process is known to have lived */
  uint64_t seen_ns; /* how long the last picture is known to have held: end_ns, unless tracing stopped before */
  char *name;       /* as it was called: the first argument, else the executable; printable */
  char *exe;
  char *host;
  uint32_t page_shift;
  bool pfn_visible;
  uint64_t own_start, own_end;   /* bytes; the tracer's own memory */
  uint64_t heap_start, heap_end; /* bytes; 0,0 without a pinned heap */

  struct range_list pages; /* by page number; value: PICTURE_VALUE; state 0: gone */
  struct range_list vmas;  /* by page number; value: index into vma, or PICTURE_NO_VMA */
  struct vma *vma;
  size_t vma_count, vma_room;
  struct sample *samples;
  size_t sample_count, sample_room;
  struct value_seen *values; /* once finished, by address, then by time */
  size_t value_count, value_room;
  struct marks marks;  /* of the program */
  size_t sample_pages; /* where in pages the records of the sample at hand begin */
  uint64_t refused;    /* records that cannot be true (damage) and were left out */
  void *names;         /* tree of the paths */
};

/* Empty, with the facts of the header.  NULL after a message: out of memory. */
struct picture *picture_new(const struct vt_file_header *header);
/* Takes up one event; those that are no matter of the sampler's are ignored.  0, or -1 when memory is exhausted. */
int picture_event(struct picture *p, const struct event *e);
/* After the last event, before anything is asked. */
void picture_finish(struct picture *p);
void picture_free(struct picture *p);

/* The index of the first value of addr (or of a higher address) that was seen at from_ns or later; value_count: none.
 */
size_t picture_values(const struct picture *p, uint64_t addr, uint64_t from_ns);

/* The mapping behind a range of the list of mappings; NULL: none. */
const struct vma *picture_vma(const struct picture *p, const struct range *range);

/* A page seen in one state, from one sample on. */
struct sighting {
  uint32_t process; /* whose: an index that the caller gives */
  uint32_t state;   /* VT_PG_*, never 0 */
  uint64_t pfn;     /* 0: hidden */
  uint64_t page;    /* its number in that process */
  uint64_t offset;  /* bytes into what is mapped there */
  uint64_t first_ns;
  uint64_t look_ns;        /* when it was looked at for the last time, and found like this */
  uint64_t last_ns;        /* the same, or the process's end when nothing else was found since */
  uint64_t until_ns;       /* the sample that found it changed, or the process's end */
  uint64_t tenure_ns;      /* since when it has had this (visible) frame, in whatever state */
  uint64_t tenure_look_ns; /* when it was seen there for the last time */
  uint64_t tenure_last_ns; /* the same, or the process's end when nothing else was found since */
  const struct vma *vma;
  bool current;  /* the last that is known of this page */
  bool standing; /* current, or since then only the state changed and not the (visible) frame */
  bool given_up; /* current, and found gone while the process lived */
};

/* The state of a page, as its mapping explains it: of memory that belongs to no file, a "page of a file" is the huge
 * zero page. */
uint32_t picture_state(const struct vma *vma, uint32_t state);

/*
 * The history of the pages from page on, all alike but that frame numbers
 * count up: pages and vmas are what a sweep over the picture's two lists gives
 * there.  Writes one sighting for each change, by time; out has room for
 * page_count of them.  Returns how many.
 */
size_t picture_history(const struct picture *p, uint32_t process, uint64_t page, const struct range *const *pages,
                       size_t page_count, const struct range *const *vmas, size_t vma_count, struct sighting *out);

#endif
