/*
 * What may be claimed about a page, and on which evidence.  Pure functions of
 * sightings: no traces, no output, no allocation.
 *
 * The rules: a frame number means something only within one boot and at one
 * time, so two sightings are compared only where they overlap.  A hidden
 * number equals nothing.  What cannot be shown is unknown.
 */
#ifndef VMTRACE_VERDICT_H
#define VMTRACE_VERDICT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "model/kin.h"
#include "model/process_picture.h"

enum verdict {
  VERDICT_PRIVATE,       /* same address, different frames at the same time */
  VERDICT_EXCLUSIVE,     /* mapped exactly once on this machine */
  VERDICT_SHARED_COW,    /* one frame, inherited by fork and not written since */
  VERDICT_SHARED_MEMORY, /* one frame of a shared mapping */
  VERDICT_SHARED_FILE,   /* one frame of a file */
  VERDICT_KSM,           /* equal pages merged by the kernel */
  VERDICT_ZERO,          /* the kernel's zero page: read, never written */
  VERDICT_SWAPPED,
  VERDICT_UNKNOWN,
  VERDICT_COUNT
};

enum evidence {
  EVIDENCE_NONE,
  EVIDENCE_FRAMES,    /* frame numbers compared at the same time */
  EVIDENCE_EXCLUSIVE, /* pagemap's bit 56 */
  EVIDENCE_FLAGS,     /* the page's other flags (file page, zero page, KSM, swapped) */
  EVIDENCE_COUNT
};

/* "shared-cow" ...; "exclusive-bit" ... */
const char *verdict_name(enum verdict verdict);
const char *evidence_name(enum evidence evidence);

/* One frame that two processes held at the same time. */
struct share {
  bool found;
  bool in_force;     /* nothing later is known of the page in either process */
  enum verdict kind; /* SHARED_*, KSM, or UNKNOWN when nothing explains it */
  uint64_t from_ns, until_ns;
};

/* A page whose frame another process held at the same time, but at another address. */
struct elsewhere {
  uint32_t owner;   /* whose page this is about */
  uint32_t process; /* the other one */
  uint64_t page;    /* page number there */
  struct share share;
};

struct claim {
  enum verdict verdict;
  enum evidence evidence;
  bool changed; /* it was something else before */
  enum verdict before;
  uint64_t before_ns; /* until when: CLOCK_MONOTONIC */
};

/* Whether a and b, of different processes, were held at the same time on the same machine. */
bool sightings_overlap(const struct kin *kin, const struct sighting *a, const struct sighting *b);

/* Whether, when and why a and b, sightings of different processes with the same visible frame, show one shared frame.
 */
struct share sightings_share(const struct kin *kin, const struct sighting *a, const struct sighting *b);

/* The better of two: what is in force, then the more telling kind, then the later. */
bool share_is_better(const struct share *a, const struct share *b);

/*
 * The verdict on one address: sightings of all processes, grouped by process
 * in ascending order and by time within one, exactly one of each process
 * current.  elsewhere may be NULL with 0.  order is scratch for count pointers.
 */
struct claim verdict_page(const struct kin *kin, const struct sighting *sightings, size_t count,
                          const struct elsewhere *elsewhere, size_t elsewhere_count, const struct sighting **order);

#endif
