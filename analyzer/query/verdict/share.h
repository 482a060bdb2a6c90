/*
 * What two sightings say about each other: one frame, two frames, or nothing
 * that can be known.  Pure functions; query/verdict/verdict.h joins them to the verdict
 * on a page, query/heap/heap_pages.c counts by them who has a frame.
 *
 * A process is looked at now and then.  Between two looks, and behind the last
 * one, its page may have become anybody's:
 *
 *   claim                  evidence that it takes, within one boot
 *   ---------------------  ------------------------------------------------------------------------
 *   one frame, seen        the same number in both, each within the looks of the other, and no look of
 *                          the two in common that calls the page mapped exactly once
 *   one frame, known       the same number, in the one behind the last look at the other: of the same page of
 *                          the same object (device, inode, offset), or at one address of relatives by
 *                          fork; and the later look finds the page mapped more than once
 *   two frames             different numbers, each within the looks of the other; or the later look, behind
 *                          the last one at the other, finds a page that is mapped exactly once or
 *                          that the two cannot have in common
 *   nothing                a hidden number, other boots, other times; the zero page, which is nobody's
 */
#ifndef VMTRACE_SHARE_H
#define VMTRACE_SHARE_H

#include <stdbool.h>
#include <stdint.h>

#include "query/verdict/kin.h"
#include "track/pages/process_picture.h"

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

/* One frame that two processes held at the same time. */
struct share {
  bool found;
  bool in_force;     /* nothing later is known of the page in either process */
  enum verdict kind; /* SHARED_*, KSM, or UNKNOWN when nothing explains it */
  uint64_t from_ns, until_ns;
};

/* A frame of its own or shared, with a number that can be seen. */
bool sighting_has_frame(const struct sighting *s);
/* A frame whose number is hidden, or that the kernel merged: whether others have it too, no number tells. */
bool sighting_is_vague(const struct sighting *s);
/* What one sighting says without any other: EXCLUSIVE, ZERO, KSM, SWAPPED, SHARED_MEMORY, SHARED_FILE or UNKNOWN. */
enum verdict sighting_alone(const struct sighting *s);

/* Whether a and b show the same page of the same file, or of the same shared memory. */
bool sightings_same_object(const struct kin *kin, const struct sighting *a, const struct sighting *b);

/* Whether a and b, of different processes, may have been there at the same time on the same machine. */
bool sightings_overlap(const struct kin *kin, const struct sighting *a, const struct sighting *b);

/* Whether, when and why a and b, sightings of different processes with the same visible frame, show one shared frame.
 */
struct share sightings_share(const struct kin *kin, const struct sighting *a, const struct sighting *b);

/* Whether the visible frame of s was other's, too, when s was looked at last; each as it was at its own last look. */
bool sighting_is_shared_with(const struct kin *kin, const struct sighting *s, const struct sighting *other);

/* Whether a and b, of different processes and with different visible frames, had them at one time. */
bool sightings_differ(const struct kin *kin, const struct sighting *a, const struct sighting *b);

/* How telling a kind of sharing is; 0: none at all. */
int share_rank(enum verdict kind);
/* The better of two: what is in force, then the more telling kind, then the later. */
bool share_is_better(const struct share *a, const struct share *b);

#endif
