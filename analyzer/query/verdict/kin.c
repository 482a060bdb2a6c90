/*
 * Groups processes by boot and by descent.  Called by query/verdict/page_set.c and
 * query/heap/heap_pages.c.
 */
#include "query/verdict/kin.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "reader/xalloc.h"
#include "vmtrace/format.h"

static bool id_known(const uint8_t id[16])
{
  static const uint8_t none[16];

  return memcmp(id, none, sizeof none) != 0;
}

static bool same_id(const uint8_t a[16], const uint8_t b[16])
{
  return id_known(a) && memcmp(a, b, 16) == 0;
}

/* An image that exec made has none of its predecessor's memory, even if its ids name that one as its parent. */
static bool is_fresh(const struct picture *p, const struct picture *before)
{
  return p->origin == VT_ORIGIN_IMAGE || (p->origin == VT_ORIGIN_UNKNOWN && before->pid == p->pid);
}

/* A child that no hook saw names no parent trace, but the kernel does: by pid, which means something while the parent
 * lives.  Two that have the same parent outside the traces are siblings. */
static bool parent_by_pid(const struct picture *parent, const struct picture *child)
{
  return child->ppid == parent->pid && child->start_ns >= parent->start_ns && child->start_ns <= parent->end_ns;
}

static bool is_parent(const struct picture *parent, const struct picture *child)
{
  return (same_id(parent->trace_id, child->parent_id) || parent_by_pid(parent, child)) && !is_fresh(child, parent);
}

static bool are_siblings(const struct picture *a, const struct picture *b)
{
  return (same_id(a->parent_id, b->parent_id) || (a->ppid == b->ppid && a->ppid > 1)) && !is_fresh(a, b) &&
         !is_fresh(b, a);
}

static bool related(const struct picture *a, const struct picture *b)
{
  return is_parent(a, b) || is_parent(b, a) || are_siblings(a, b);
}

static uint32_t family_of(struct kin *kin, uint32_t i)
{
  while (kin[i].family != i) {
    kin[i].family = kin[kin[i].family].family;
    i = kin[i].family;
  }
  return i;
}

struct kin *kin_find(struct picture *const *pictures, size_t count)
{
  struct kin *kin = xcalloc(count + 1, sizeof *kin);

  if (!kin)
    return NULL;
  for (uint32_t i = 0; i < count; i++) {
    kin[i].boot = kin[i].family = i;
    for (uint32_t j = 0; j < i; j++) {
      if (!same_id(pictures[i]->boot_id, pictures[j]->boot_id))
        continue;
      kin[i].boot = kin[j].boot;
      if (related(pictures[i], pictures[j]))
        kin[family_of(kin, i)].family = family_of(kin, j);
    }
  }
  for (uint32_t i = 0; i < count; i++)
    kin[i].family = family_of(kin, i);
  return kin;
}
