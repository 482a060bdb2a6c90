/*
 * The rules by which a page gets its verdict.  Called by model/page_set.c for
 * every run of pages and by model/elsewhere.c for frames at two addresses.
 */
#include "model/verdict.h"

#include <stdlib.h>
#include <string.h>

const char *verdict_name(enum verdict verdict)
{
  static const char *const names[VERDICT_COUNT] = {
      [VERDICT_PRIVATE] = "private",
      [VERDICT_EXCLUSIVE] = "exclusive",
      [VERDICT_SHARED_COW] = "shared-cow",
      [VERDICT_SHARED_MEMORY] = "shared-memory",
      [VERDICT_SHARED_FILE] = "shared-file",
      [VERDICT_KSM] = "ksm",
      [VERDICT_ZERO] = "zero",
      [VERDICT_SWAPPED] = "swapped",
      [VERDICT_UNKNOWN] = "unknown",
  };

  return names[verdict];
}

const char *evidence_name(enum evidence evidence)
{
  static const char *const names[EVIDENCE_COUNT] = {"none", "frames", "exclusive-bit", "page-flags"};

  return names[evidence];
}

/* A sighting holds in [first_ns, its end). */
static uint64_t hold_end(const struct sighting *s)
{
  return s->until_ns > s->first_ns ? s->until_ns : s->first_ns + 1;
}

/*
 * How long a sighting may stand for sharing.  A page that was mapped exactly
 * once when it was looked at was shared in between at most (a child that came
 * and went), so it counts from its first to its last look and not a moment longer:
 * after that the frame may have become another process's.
 */
static uint64_t share_end(const struct sighting *s)
{
  uint64_t end = hold_end(s);

  return s->state & VT_PG_EXCLUSIVE && s->last_ns + 1 < end ? s->last_ns + 1 : end;
}

static uint64_t later(uint64_t a, uint64_t b)
{
  return a > b ? a : b;
}

static uint64_t earlier(uint64_t a, uint64_t b)
{
  return a < b ? a : b;
}

bool sightings_overlap(const struct kin *kin, const struct sighting *a, const struct sighting *b)
{
  return kin[a->process].boot == kin[b->process].boot &&
         later(a->first_ns, b->first_ns) < earlier(hold_end(a), hold_end(b));
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

struct share sightings_share(const struct kin *kin, const struct sighting *a, const struct sighting *b)
{
  struct share share = {.from_ns = later(a->first_ns, b->first_ns), .until_ns = earlier(share_end(a), share_end(b))};

  share.found = kin[a->process].boot == kin[b->process].boot && share.from_ns < share.until_ns &&
                !(a->state & b->state & VT_PG_EXCLUSIVE);
  share.in_force = a->standing && b->standing;
  share.kind = kind_of_share(kin, a, b);
  return share;
}

static int rank_of_share(enum verdict kind)
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
  if (a->in_force && rank_of_share(a->kind) != rank_of_share(b->kind))
    return rank_of_share(a->kind) > rank_of_share(b->kind);
  return a->until_ns > b->until_ns;
}

/* Of the sightings so far, the one that lasts longest, and the longest of those with another key. */
struct lasting {
  const struct sighting *best, *second;
  uint64_t best_key, second_key;
  uint64_t best_end, second_end;
};

static void lasting_add(struct lasting *l, const struct sighting *s, uint64_t end, uint64_t key)
{
  if (!l->best || end > l->best_end) {
    if (l->best && l->best_key != key) {
      l->second = l->best;
      l->second_key = l->best_key;
      l->second_end = l->best_end;
    }
    l->best = s;
    l->best_key = key;
    l->best_end = end;
  } else if (key != l->best_key && (!l->second || end > l->second_end)) {
    l->second = s;
    l->second_key = key;
    l->second_end = end;
  }
}

/* The longest-lasting one with a key other than this. */
static const struct sighting *lasting_other(const struct lasting *l, uint64_t key)
{
  return l->best && l->best_key == key ? l->second : l->best;
}

/* Both kinds of answer about the frames at this address: what is in force, and what was before. */
struct shares {
  struct share present, past;
};

static void shares_add(struct shares *shares, const struct share *share)
{
  struct share *kept = share->in_force ? &shares->present : &shares->past;

  if (share_is_better(share, kept))
    *kept = *share;
}

static bool has_frame(const struct sighting *s)
{
  return s->pfn && s->state & VT_PG_PRESENT && !(s->state & VT_PG_ZERO);
}

/*
 * Looks for two processes that held the frame of this group (sorted by time) at
 * the same time.  It is enough to compare each with those before it that last
 * longest, of pages mapped once and of others, since the two are held to
 * different ends; and, for what is in force, among those that stand.
 */
static void share_in_group(const struct kin *kin, const struct sighting *const *group, size_t count,
                           struct shares *shares)
{
  struct lasting held[2][2] = {0}; /* by standing, by exclusive */

  for (size_t i = 0; i < count; i++) {
    const struct sighting *s = group[i];

    for (unsigned which = 0; which < 4; which++) {
      const struct sighting *other = lasting_other(&held[which >> 1][which & 1], s->process);
      struct share share;

      if (!other)
        continue;
      share = sightings_share(kin, other, s);
      shares_add(shares, &share);
    }
    lasting_add(&held[s->standing][!!(s->state & VT_PG_EXCLUSIVE)], s, share_end(s), s->process);
  }
}

static int compare(uint64_t a, uint64_t b)
{
  return (a > b) - (a < b);
}

static int compare_by_frame(const void *a, const void *b, void *kin_arg)
{
  const struct sighting *x = *(const struct sighting *const *)a, *y = *(const struct sighting *const *)b;
  const struct kin *kin = kin_arg;
  int order = compare(kin[x->process].boot, kin[y->process].boot);

  if (!order)
    order = compare(x->pfn, y->pfn);
  return order ? order : compare(x->first_ns, y->first_ns);
}

static int compare_by_time(const void *a, const void *b, void *kin_arg)
{
  const struct sighting *x = *(const struct sighting *const *)a, *y = *(const struct sighting *const *)b;
  const struct kin *kin = kin_arg;
  int order = compare(kin[x->process].boot, kin[y->process].boot);

  return order ? order : compare(x->first_ns, y->first_ns);
}

static void find_shares(const struct kin *kin, const struct sighting *sightings, size_t count, struct shares *shares,
                        const struct sighting **order)
{
  size_t n = 0;

  for (size_t i = 0; i < count; i++) {
    if (has_frame(&sightings[i]))
      order[n++] = &sightings[i];
  }
  qsort_r(order, n, sizeof *order, compare_by_frame, (void *)kin);
  for (size_t start = 0, end; start < n; start = end) {
    for (end = start + 1; end < n && order[end]->pfn == order[start]->pfn &&
                          kin[order[end]->process].boot == kin[order[start]->process].boot;)
      end++;
    if (end - start > 1)
      share_in_group(kin, order + start, end - start, shares);
  }
}

/* What the standing sightings of all processes say together. */
struct present {
  bool overlap;   /* two of them at the same time */
  bool different; /* two at the same time have frames that are known to differ */
  bool vague;     /* one that overlaps others may be the same frame as theirs */
};

/* Hidden, and bit 56 does not tell it from the others either.  A page merged by KSM is nobody's own. */
static bool is_vague(const struct sighting *s)
{
  if (!(s->state & VT_PG_PRESENT))
    return false; /* no frame at all */
  if (s->state & VT_PG_KSM)
    return true;
  return !s->pfn && !(s->state & (VT_PG_EXCLUSIVE | VT_PG_ZERO));
}

/* Whether s meets the longest-lasting one of another process. */
static bool overlaps(const struct kin *kin, const struct lasting *l, const struct sighting *s)
{
  const struct sighting *other = lasting_other(l, s->process);

  return other && sightings_overlap(kin, other, s);
}

static struct present compare_present(const struct kin *kin, const struct sighting *sightings, size_t count,
                                      const struct sighting **order)
{
  struct lasting all = {0}, known = {0}, vague = {0};
  struct present present = {0};
  size_t n = 0;

  for (size_t i = 0; i < count; i++) {
    if (sightings[i].standing)
      order[n++] = &sightings[i];
  }
  qsort_r(order, n, sizeof *order, compare_by_time, (void *)kin);
  for (size_t i = 0; i < n; i++) {
    const struct sighting *s = order[i];
    uint64_t frame = s->state & VT_PG_ZERO ? 0 : s->pfn; /* all zero pages are alike, seen or hidden */
    bool is_known = s->pfn || s->state & VT_PG_ZERO;
    const struct sighting *other = lasting_other(&known, frame);

    if (i && kin[order[i - 1]->process].boot != kin[s->process].boot) {
      all = known = vague = (struct lasting){0};
      other = NULL;
    }
    present.overlap |= overlaps(kin, &all, s);
    present.vague |= overlaps(kin, &vague, s) || (is_vague(s) && overlaps(kin, &all, s));
    present.different |= is_known && other && sightings_overlap(kin, other, s);
    lasting_add(&all, s, hold_end(s), s->process);
    if (is_known)
      lasting_add(&known, s, hold_end(s), frame);
    if (is_vague(s))
      lasting_add(&vague, s, hold_end(s), s->process);
  }
  return present;
}

/* What one sighting says without any other. */
static enum verdict verdict_alone(const struct sighting *s)
{
  if (!(s->state & VT_PG_PRESENT))
    return s->state & VT_PG_SWAPPED ? VERDICT_SWAPPED : VERDICT_UNKNOWN;
  if (s->state & VT_PG_ZERO)
    return VERDICT_ZERO;
  if (s->state & VT_PG_KSM)
    return VERDICT_KSM;
  if (s->state & VT_PG_EXCLUSIVE)
    return VERDICT_EXCLUSIVE;
  /* Mapped more than once, by whomever: for a page of a file that is the whole story. */
  if (is_memory(s->vma))
    return VERDICT_SHARED_MEMORY;
  return s->state & VT_PG_FILE && is_file(s->vma) ? VERDICT_SHARED_FILE : VERDICT_UNKNOWN;
}

/* Joins what is said of one address in two processes that cannot be compared. */
static enum verdict join(enum verdict a, enum verdict b)
{
  if (rank_of_share(a) || rank_of_share(b))
    return rank_of_share(a) >= rank_of_share(b) ? a : b;
  if (a == b)
    return a;
  if (a == VERDICT_UNKNOWN || b == VERDICT_UNKNOWN)
    return VERDICT_UNKNOWN;
  return a == VERDICT_EXCLUSIVE || b == VERDICT_EXCLUSIVE ? VERDICT_EXCLUSIVE : VERDICT_UNKNOWN;
}

static struct claim claim_alone(const struct sighting *sightings, size_t count)
{
  struct claim claim = {.verdict = VERDICT_COUNT};

  for (size_t i = 0; i < count; i++) {
    if (sightings[i].current) {
      enum verdict alone = verdict_alone(&sightings[i]);

      claim.verdict = claim.verdict == VERDICT_COUNT ? alone : join(claim.verdict, alone);
    }
  }
  if (claim.verdict == VERDICT_COUNT)
    claim.verdict = VERDICT_UNKNOWN;
  if (claim.verdict == VERDICT_EXCLUSIVE)
    claim.evidence = EVIDENCE_EXCLUSIVE;
  else if (claim.verdict != VERDICT_UNKNOWN)
    claim.evidence = EVIDENCE_FLAGS;
  return claim;
}

struct claim verdict_page(const struct kin *kin, const struct sighting *sightings, size_t count,
                          const struct elsewhere *elsewhere, size_t elsewhere_count, const struct sighting **order)
{
  struct shares shares = {0};
  struct present present;
  struct claim claim;

  find_shares(kin, sightings, count, &shares, order);
  for (size_t i = 0; i < elsewhere_count; i++)
    shares_add(&shares, &elsewhere[i].share);
  present = compare_present(kin, sightings, count, order);

  if (shares.present.found)
    claim = (struct claim){.verdict = shares.present.kind, .evidence = EVIDENCE_FRAMES};
  else if (present.different && !present.vague)
    claim = (struct claim){.verdict = VERDICT_PRIVATE, .evidence = EVIDENCE_FRAMES};
  else if (shares.past.found && !present.overlap)
    claim = (struct claim){.verdict = shares.past.kind, .evidence = EVIDENCE_FRAMES};
  else
    claim = claim_alone(sightings, count);
  if (shares.past.found && shares.past.kind != claim.verdict) {
    claim.changed = true;
    claim.before = shares.past.kind;
    claim.before_ns = shares.past.until_ns;
  }
  return claim;
}
