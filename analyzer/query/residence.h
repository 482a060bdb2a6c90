/*
 * The resident memory of all processes of a session at an instant: how much each has to itself, and how much of what it
 * shares.
 */
#ifndef VMTRACE_RESIDENCE_H
#define VMTRACE_RESIDENCE_H

#include <stdbool.h>
#include <stdint.h>

#include "query/session/session.h"

#define RESIDENCE_UNKNOWN INT64_MIN

/* In bytes; RESIDENCE_UNKNOWN: what the samples, or the user's privileges, do not tell. */
struct residence {
  int64_t rss;          /* by the kernel's count */
  int64_t private_;     /* on pages that no other process has (USS) */
  int64_t proportional; /* each page divided by those who have it (Pss); known if it is known of all pages */
  int64_t copied;       /* of what it inherited at its fork: on pages of its own since, because it wrote to them */
};

/* The tracker that is needed for it. */
void residence_want(struct session *s);

/* Per trace; after the pass.  To be freed. */
struct residence *residence_find(struct session *s, unsigned instant);

#endif
