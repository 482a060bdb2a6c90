/*
 * The rules of share.h.  Called by query/verdict/verdict.c, query/verdict/elsewhere.c and
 * query/heap/heap_pages.c for pairs of sightings; no traces, no output, no allocation.
 */
#include "query/verdict/share.h"

#include <string.h>

static uint64_t later(uint64_t a, uint64_t b)
{
  return a > b ? a : b;
}

static uint64_t earlier(uint64_t a, uint64_t b)
{
  return a < b ? a : b;
}

static bool is_exclusive(const struct sighting *s)
{
  return s->state & VT_PG_EXCLUSIVE;
}

bool sighting_has_frame(const struct sighting *s)
{
  return s->pfn && s->state & VT_PG_PRESENT && !(s->state & VT_PG_ZERO);
}

bool sighting_is_vague(const struct sighting *s)
{
  if (!(s->state & VT_PG_PRESENT))
    return false; /* no frame at all */
  if (s->state & VT_PG_KSM)
    return true;
  return !s->pfn && !(s->state & (VT_PG_EXCLUSIVE | VT_PG_ZERO));
}

static bool begins(const char *text, const char *start)
{
  return strncmp(text, start, strlen(start)) == 0;
}

/* Shared mappings of what lives in memory alone are memory, even where nobody may write. */
static bool is_memory(const struct vma *vma)
{
  if (!vma || !(vma->flags & VT_VMA_SHARED))
    return false;
  return vma->flags & VT_VMA_W || begins(vma->path, "/dev/shm/") || begins(vma->path, "/memfd:") ||
         begins(vma->path, "/SYSV") || begins(vma->path, "/dev/zero") || !*vma->path;
}

/* The vDSO is a shared object that the kernel brings along: to a program it is a file. */
static bool is_file(const struct vma *vma)
{
  return vma && (vma->inode || begins(vma->path, "[vdso]") || begins(vma->path, "[vvar"));
}

enum verdict sighting_alone(const struct sighting *s)
{
  if (!(s->state & VT_PG_PRESENT))
    return s->state & VT_PG_SWAPPED ? VERDICT_SWAPPED : VERDICT_UNKNOWN;
  if (s->state & VT_PG_ZERO)
    return VERDICT_ZERO;
  if (s->state & VT_PG_KSM)
    return VERDICT_KSM;
  if (is_exclusive(s))
    return VERDICT_EXCLUSIVE;
  /* Mapped more than once, by whomever: for a page of a file that is the whole story. */
  if (is_memory(s->vma))
    return VERDICT_SHARED_MEMORY;
  return s->state & VT_PG_FILE && is_file(s->vma) ? VERDICT_SHARED_FILE : VERDICT_UNKNOWN;
}

/* System V segments have their number for an inode, and every IPC namespace counts from 0. */
static bool same_namespace(const struct kin *kin, const struct sighting *a, const struct sighting *b)
{
  return kin[a->process].family == kin[b->process].family;
}

/* Objects that the kernel makes up share one device, where numbers of different kinds may be equal. */
static bool same_kind(const char *a, const char *b)
{
  static const char *const kinds[] = {"/SYSV", "/memfd:", "/dev/zero", "/anon_hugepage"};

  for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
    if (begins(a, kinds[i]) != begins(b, kinds[i]))
      return false;
  }
  return true;
}

bool sightings_same_object(const struct kin *kin, const struct sighting *a, const struct sighting *b)
{
  const struct vma *x = a->vma, *y = b->vma;

  if (kin[a->process].boot != kin[b->process].boot || !x || !y || !(a->state & b->state & VT_PG_FILE))
    return false;
  if (!x->inode && !y->inode)
    return begins(x->path, "[v") && !strcmp(x->path, y->path) && a->offset == b->offset;
  return x->inode == y->inode && x->dev == y->dev && a->offset == b->offset && same_kind(x->path, y->path) &&
         (!begins(x->path, "/SYSV") || same_namespace(kin, a, b));
}

/* A sighting holds in [first_ns, its end). */
static uint64_t hold_end(const struct sighting *s)
{
  return s->until_ns > s->first_ns ? s->until_ns : s->first_ns + 1;
}

/* Nothing is known of the page behind the end of its process. */
static bool is_held_at(uint64_t look_ns, uint64_t last_ns, uint64_t time_ns)
{
  return time_ns <= look_ns || time_ns < last_ns;
}

/* Whether both had what they have now, in whatever state, or may have had it. */
static bool tenures_meet(const struct sighting *a, const struct sighting *b)
{
  uint64_t both = later(a->tenure_ns, b->tenure_ns);

  return is_held_at(a->tenure_look_ns, a->tenure_last_ns, both) &&
         is_held_at(b->tenure_look_ns, b->tenure_last_ns, both);
}

bool sightings_overlap(const struct kin *kin, const struct sighting *a, const struct sighting *b)
{
  return kin[a->process].boot == kin[b->process].boot && tenures_meet(a, b);
}

/* Each was looked at before the other changed. */
static bool seen_together(const struct sighting *a, const struct sighting *b)
{
  return later(a->first_ns, b->first_ns) <= earlier(a->look_ns, b->look_ns);
}

static bool frames_seen_together(const struct sighting *a, const struct sighting *b)
{
  return later(a->tenure_ns, b->tenure_ns) <= earlier(a->tenure_look_ns, b->tenure_look_ns);
}

/* A page that was mapped exactly once at every look was shared between two of them at most (by a child that came and
 * went). */
static bool is_between_looks(const struct sighting *s, const struct sighting *exclusive)
{
  return s->first_ns >= exclusive->first_ns && s->look_ns <= exclusive->look_ns;
}

/* What a relative by fork has at the same address in the same frame, it inherited. */
static bool is_inherited(const struct kin *kin, const struct sighting *a, const struct sighting *b)
{
  return kin[a->process].family == kin[b->process].family && a->page == b->page &&
         !((a->state | b->state) & VT_PG_FILE);
}

/* The same frame was seen in one of them behind the last look at the other. */
static bool known_together(const struct kin *kin, const struct sighting *a, const struct sighting *b)
{
  const struct sighting *first = a->first_ns <= b->first_ns ? a : b, *second = first == a ? b : a;

  if (is_exclusive(second))
    return false;
  if (is_held_at(first->look_ns, first->last_ns, second->first_ns))
    return sightings_same_object(kin, a, b) || is_inherited(kin, a, b);
  return !is_exclusive(first) && is_inherited(kin, a, b) && second->first_ns < hold_end(first);
}

static enum verdict kind_of_share(const struct kin *kin, const struct sighting *a, const struct sighting *b)
{
  if ((a->state | b->state) & VT_PG_KSM)
    return VERDICT_KSM;
  if (is_memory(a->vma) || is_memory(b->vma))
    return VERDICT_SHARED_MEMORY;
  if ((a->state | b->state) & VT_PG_FILE)
    return is_file(a->vma) || is_file(b->vma) ? VERDICT_SHARED_FILE : VERDICT_UNKNOWN;
  if (!((a->state | b->state) & VT_PG_ZERO_KNOWN))
    return VERDICT_UNKNOWN; /* it may be the zero page, which is nobody's */
  return kin[a->process].family == kin[b->process].family ? VERDICT_SHARED_COW : VERDICT_UNKNOWN;
}

static bool is_one_frame(const struct kin *kin, const struct sighting *a, const struct sighting *b)
{
  if (is_exclusive(a) && is_exclusive(b))
    return false;
  if (is_exclusive(a) != is_exclusive(b) && seen_together(a, b) &&
      is_between_looks(is_exclusive(a) ? b : a, is_exclusive(a) ? a : b))
    return true;
  if (!is_exclusive(a) && !is_exclusive(b) && seen_together(a, b))
    return true;
  return known_together(kin, a, b);
}

struct share sightings_share(const struct kin *kin, const struct sighting *a, const struct sighting *b)
{
  struct share share = {.from_ns = later(a->first_ns, b->first_ns), .until_ns = earlier(hold_end(a), hold_end(b))};

  share.found = kin[a->process].boot == kin[b->process].boot && is_one_frame(kin, a, b);
  share.in_force = a->standing && b->standing;
  share.kind = kind_of_share(kin, a, b);
  return share;
}

bool sighting_is_shared_with(const struct kin *kin, const struct sighting *s, const struct sighting *other)
{
  bool related = is_inherited(kin, s, other) || sightings_same_object(kin, s, other);

  if (kin[s->process].boot != kin[other->process].boot)
    return false;
  if (other->tenure_ns > s->look_ns) /* seen behind the last look at s */
    return related && !is_exclusive(other) && is_held_at(s->look_ns, s->last_ns, other->tenure_ns);
  if (is_exclusive(s))
    return related && !is_exclusive(other) && other->look_ns > s->look_ns;
  return s->look_ns <= other->tenure_look_ns || (related && s->look_ns < other->tenure_last_ns);
}

bool sightings_differ(const struct kin *kin, const struct sighting *a, const struct sighting *b)
{
  const struct sighting *second = a->tenure_ns <= b->tenure_ns ? b : a;

  if (!sightings_overlap(kin, a, b))
    return false;
  if (frames_seen_together(a, b) || is_exclusive(second))
    return true;
  return kin[a->process].family != kin[b->process].family && !((a->state | b->state) & (VT_PG_FILE | VT_PG_KSM));
}

int share_rank(enum verdict kind)
{
  static const int ranks[VERDICT_COUNT] = {
      [VERDICT_SHARED_MEMORY] = 4, [VERDICT_SHARED_FILE] = 3, [VERDICT_SHARED_COW] = 2, [VERDICT_KSM] = 1};

  return ranks[kind];
}

bool share_is_better(const struct share *a, const struct share *b)
{
  if (!a->found || !b->found)
    return a->found;
  if (a->in_force != b->in_force)
    return a->in_force;
  if (a->in_force && share_rank(a->kind) != share_rank(b->kind))
    return share_rank(a->kind) > share_rank(b->kind);
  return a->until_ns > b->until_ns;
}
