/*
 * The verdict on a page: what may be said of one address in several processes,
 * and on which evidence.  Pure functions of sightings: no traces, no output, no allocation.
 * What two sightings say about each other is share.h's.
 *
 *   verdict         what it takes, of all who have the page now (zero pages and swapped ones have no frame)
 *   --------------  ------------------------------------------------------------------------------------
 *   private         two of them had different frames at one time, and nobody hides a number that may be equal
 *   shared-*, ksm   all their frames are one, each shared with the next; or one frame is that of some, and others were
 *                   seen at one time to have frames of their own (then "some" is said); or nothing contradicts what
 *                   two had while both were there; or the one that has the page shares its frame at another address
 *   shared-*        by the page's flags alone: each page is mapped more than once, and all are the same page of one
 * object exclusive       bit 56 of each page that there is zero, swapped,  all of them are ksm unknown         all
 * else: groups that cannot be compared, hidden numbers
 *
 * Who gave a page up while another one kept it has it no more: what both had is what it was before.
 */
#ifndef VMTRACE_VERDICT_H
#define VMTRACE_VERDICT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "query/verdict/kin.h"
#include "query/verdict/share.h"
#include "track/pages/process_picture.h"

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
  bool some;        /* of several frames at one time, one is shared and others are not that one */
  bool beside_zero; /* some have written, others have the zero page still */
  bool apart;       /* several have had it, and no two of them at one time */
  bool changed;     /* it was something else before */
  enum verdict before;
  uint64_t before_ns; /* until when: CLOCK_MONOTONIC */
};

/* Sightings as verdict_page takes them: of those who gave the page up while another one kept it, none is current. */
void verdict_drop_given_up(const struct kin *kin, struct sighting *sightings, size_t count);

/* Room that verdict_page works in. */
struct verdict_room {
  const struct sighting **order; /* for as many as there are sightings */
  uint32_t *chain;               /* for as many as there are processes */
};

/*
 * The verdict on one address: sightings of all processes, grouped by process
 * in ascending order and by time within one, at most one of each process
 * current.  elsewhere may be NULL with 0.
 */
struct claim verdict_page(const struct kin *kin, const struct sighting *sightings, size_t count,
                          const struct elsewhere *elsewhere, size_t elsewhere_count, const struct verdict_room *room);

#endif
