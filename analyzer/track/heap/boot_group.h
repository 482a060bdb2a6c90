/*
 * What the processes of one boot have in common during a pass: the sum of their live bytes, and its peak.
 *
 * A peak stands as soon as something is freed or mapped after a new high: until then the high only moves on.  Who keeps
 * books of a process looks at the number of peaks before each change, and settles what it had at the latest one if that
 * number has changed (track/heap/heap_counts.h): a process that does nothing between two peaks has the same at both.
 */
#ifndef VMTRACE_BOOT_GROUP_H
#define VMTRACE_BOOT_GROUP_H

#include <stdbool.h>
#include <stdint.h>

struct boot_group {
  bool wanted;      /* the peak is asked for: else nothing here is kept */
  bool alone;       /* there is one process */
  bool rising;      /* live is at its highest so far */
  uint32_t peaks;   /* that have stood so far */
  uint64_t live;    /* bytes, of all processes that live */
  uint64_t peak;    /* the highest of these */
  uint64_t peak_ns; /* when it was reached */
};

static inline void boot_group_alloc(struct boot_group *g, uint64_t size, uint64_t time_ns)
{
  g->live += size;
  if (g->live > g->peak) {
    g->peak = g->live;
    g->peak_ns = time_ns;
    g->rising = true;
  }
}

/* To be called before a free or a change of a mapping is taken up, and before the books of a process are closed. */
static inline void boot_group_falls(struct boot_group *g)
{
  g->peaks += g->rising;
  g->rising = false;
}

#endif
