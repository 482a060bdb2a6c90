/*
 * The rules that give a page its verdict, see verdict.h.  Called by
 * query/verdict/page_set.c for every run of pages, so that processes are compared with
 * those that last longest and not each with each.
 */
#include "query/verdict/verdict.h"

#include <stdlib.h>
#include <string.h>

#include "reader/xalloc.h"

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

static bool is_kept_by_other(const struct kin *kin, const struct sighting *sightings, size_t count,
                             const struct sighting *s)
{
  for (size_t i = 0; i < count; i++) {
    const struct sighting *other = &sightings[i];

    if (other->current && !other->given_up && other->process != s->process &&
        kin[other->process].boot == kin[s->process].boot && other->last_ns >= s->until_ns)
      return true;
  }
  return false;
}

void verdict_drop_given_up(const struct kin *kin, struct sighting *sightings, size_t count)
{
  for (size_t i = 0; i < count; i++) {
    struct sighting *s = &sightings[i];

    if (!s->current || !s->given_up || !is_kept_by_other(kin, sightings, count, s))
      continue;
    s->current = false;
    for (struct sighting *past = s;; past--) {
      past->standing = false;
      if (past == sightings || past[-1].process != s->process)
        break;
    }
  }
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

/* What the frames at this address say: what is in force, what was before, and how many frames stand. */
struct shares {
  struct share present, past;
  size_t chains; /* groups of processes that have one frame, each at the time of the next */
  size_t frames; /* that stand and are shared */
};

static void shares_add(struct shares *shares, const struct share *share)
{
  struct share *kept = share->in_force ? &shares->present : &shares->past;

  if (share_is_better(share, kept))
    *kept = *share;
}

/* Sightings are counted apart by standing, by exclusiveness and by their end when the longest-lasting are looked for.
 */
enum { LASTING_STANDING = 1, LASTING_EXCLUSIVE = 2, LASTING_LOOK = 4, LASTING_WAYS = 8 };

static uint32_t chain_of(uint32_t *chain, uint32_t process)
{
  while (chain[process] != process) {
    chain[process] = chain[chain[process]];
    process = chain[process];
  }
  return process;
}

/* Adds what s has in common with the longest-lasting before it, and joins the chains of those that share now; whether
 * there are any. */
static bool share_with_earlier(const struct kin *kin, const struct lasting *held, const struct sighting *s,
                               struct shares *shares, uint32_t *chain)
{
  bool any = false;

  for (unsigned way = 0; way < LASTING_WAYS; way++) {
    const struct sighting *other = lasting_other(&held[way], s->process);
    struct share share;

    if (!other)
      continue;
    share = sightings_share(kin, other, s);
    shares_add(shares, &share);
    if (!share.found || !share.in_force)
      continue;
    chain[chain_of(chain, s->process)] = chain_of(chain, other->process);
    any = true;
  }
  return any;
}

/* Looks for processes that held the frame of this group (sorted by time) at one time. */
static void share_in_group(const struct kin *kin, const struct sighting *const *group, size_t count,
                           struct shares *shares, uint32_t *chain)
{
  struct lasting held[LASTING_WAYS] = {0};
  bool shared = false;

  for (size_t i = 0; i < count; i++)
    chain[group[i]->process] = group[i]->process;
  for (size_t i = 0; i < count; i++) {
    const struct sighting *s = group[i];
    unsigned way = (s->standing ? LASTING_STANDING : 0) | (s->state & VT_PG_EXCLUSIVE ? LASTING_EXCLUSIVE : 0);

    shared |= share_with_earlier(kin, held, s, shares, chain);
    lasting_add(&held[way], s, s->last_ns, s->process);
    lasting_add(&held[way | LASTING_LOOK], s, s->look_ns, s->process);
  }
  shares->frames += shared;
  for (size_t i = 0; i < count; i++)
    shares->chains += group[i]->current && chain_of(chain, group[i]->process) == group[i]->process;
}

static int compare(uint64_t a, uint64_t b)
{
  return (a > b) - (a < b);
}

static int compare_by_time(const void *a, const void *b, void *kin_arg)
{
  const struct sighting *x = *(const struct sighting *const *)a, *y = *(const struct sighting *const *)b;
  const struct kin *kin = kin_arg;
  int order = compare(kin[x->process].boot, kin[y->process].boot);

  return order ? order : compare(x->first_ns, y->first_ns);
}

static int compare_by_frame(const void *a, const void *b, void *kin_arg)
{
  const struct sighting *x = *(const struct sighting *const *)a, *y = *(const struct sighting *const *)b;
  const struct kin *kin = kin_arg;
  int order = compare(kin[x->process].boot, kin[y->process].boot);

  if (!order)
    order = compare(x->pfn, y->pfn);
  return order ? order : compare_by_time(a, b, kin_arg);
}

static void find_shares(const struct kin *kin, const struct sighting *sightings, size_t count, struct shares *shares,
                        const struct verdict_room *room)
{
  const struct sighting **order = room->order;
  size_t n = 0;

  for (size_t i = 0; i < count; i++) {
    if (sighting_has_frame(&sightings[i]))
      order[n++] = &sightings[i];
  }
  qsort_r(order, n, sizeof *order, compare_by_frame, (void *)kin);
  for (size_t start = 0, end; start < n; start = end) {
    for (end = start + 1; end < n && order[end]->pfn == order[start]->pfn &&
                          kin[order[end]->process].boot == kin[order[start]->process].boot;)
      end++;
    share_in_group(kin, order + start, end - start, shares, room->chain);
  }
}

/* What the standing sightings of all processes say together. */
struct present {
  bool overlap;   /* two of them at the same time */
  bool different; /* two at the same time have frames that are known to differ */
  bool vague;     /* one that overlaps others may be the same frame as theirs */
};

/* The longest-lasting of one boot so far: of all, of those with visible frames (by end and by look), of vague ones. */
struct standing {
  struct lasting all, known, seen, vague;
};

static bool overlaps(const struct kin *kin, const struct lasting *l, const struct sighting *s)
{
  const struct sighting *other = lasting_other(l, s->process);

  return other && sightings_overlap(kin, other, s);
}

static bool differs(const struct kin *kin, const struct lasting *l, const struct sighting *s)
{
  const struct sighting *other = lasting_other(l, s->pfn);

  return other && sightings_differ(kin, other, s);
}

static void compare_standing(const struct kin *kin, const struct sighting *s, struct standing *before,
                             struct present *present)
{
  bool vague = sighting_is_vague(s), known = sighting_has_frame(s);

  present->overlap |= overlaps(kin, &before->all, s);
  present->vague |= overlaps(kin, &before->vague, s) || (vague && overlaps(kin, &before->all, s));
  present->different |= known && (differs(kin, &before->known, s) || differs(kin, &before->seen, s));
  lasting_add(&before->all, s, s->tenure_last_ns, s->process);
  if (known) {
    lasting_add(&before->known, s, s->tenure_last_ns, s->pfn);
    lasting_add(&before->seen, s, s->tenure_look_ns, s->pfn);
  }
  if (vague)
    lasting_add(&before->vague, s, s->tenure_last_ns, s->process);
}

static struct present compare_present(const struct kin *kin, const struct sighting *sightings, size_t count,
                                      const struct sighting **order)
{
  struct present present = {0};
  struct standing before = {0};
  size_t n = 0;

  for (size_t i = 0; i < count; i++) {
    if (sightings[i].standing)
      order[n++] = &sightings[i];
  }
  qsort_r(order, n, sizeof *order, compare_by_time, (void *)kin);
  for (size_t i = 0; i < n; i++) {
    if (i && kin[order[i - 1]->process].boot != kin[order[i]->process].boot)
      before = (struct standing){0};
    compare_standing(kin, order[i], &before, &present);
  }
  return present;
}

/* Who has the page now. */
struct holders {
  size_t frames; /* with a frame, seen or hidden */
  size_t hidden; /* of them, with a hidden number */
  size_t zero;   /* the zero page */
  size_t all;
};

static struct holders count_holders(const struct sighting *sightings, size_t count)
{
  struct holders h = {0};

  for (size_t i = 0; i < count; i++) {
    const struct sighting *s = &sightings[i];

    if (!s->current)
      continue;
    h.all++;
    h.zero += s->state & VT_PG_PRESENT && s->state & VT_PG_ZERO;
    h.frames += s->state & VT_PG_PRESENT && !(s->state & VT_PG_ZERO);
    h.hidden += s->state & VT_PG_PRESENT && !(s->state & VT_PG_ZERO) && !s->pfn;
  }
  return h;
}

/* Joins what is said of one address in two processes that cannot be compared. */
static enum verdict join(enum verdict a, enum verdict b)
{
  if (a == b)
    return a;
  if (a == VERDICT_KSM || b == VERDICT_KSM)
    return VERDICT_KSM;
  if (a == VERDICT_UNKNOWN || b == VERDICT_UNKNOWN || share_rank(a) || share_rank(b))
    return VERDICT_UNKNOWN;
  return a == VERDICT_EXCLUSIVE || b == VERDICT_EXCLUSIVE ? VERDICT_EXCLUSIVE : VERDICT_UNKNOWN;
}

/* When the first of those who have the page ended: what the others saw later, they saw without it. */
static uint64_t first_end(const struct sighting *sightings, size_t count)
{
  uint64_t end = UINT64_MAX;

  for (size_t i = 0; i < count; i++) {
    if (sightings[i].current && sightings[i].last_ns < end)
      end = sightings[i].last_ns;
  }
  return end;
}

/* What of the process of sightings[0] counts: the latest by then, else what it has now.  NULL: it has the page no more.
 * *next is where the next process begins. */
static const struct sighting *latest_by(const struct sighting *sightings, size_t count, uint64_t time_ns, size_t *next)
{
  const struct sighting *latest = NULL, *current = NULL;
  size_t i = 0;

  for (; i < count && sightings[i].process == sightings[0].process; i++) {
    if (sightings[i].first_ns <= time_ns)
      latest = &sightings[i];
    if (sightings[i].current)
      current = &sightings[i];
  }
  *next += i;
  return current && latest ? latest : current;
}

/* What each says alone, where all say the same; sharing, where it is the same page of one object. */
static struct claim claim_alone(const struct kin *kin, const struct sighting *sightings, size_t count)
{
  struct claim claim = {.verdict = VERDICT_UNKNOWN};
  const struct sighting *first = NULL;
  uint64_t end_ns = first_end(sightings, count);

  for (size_t i = 0; i < count;) {
    const struct sighting *s = latest_by(sightings + i, count - i, end_ns, &i);
    enum verdict alone = s ? sighting_alone(s) : VERDICT_UNKNOWN;

    if (!s)
      continue;
    if (first && share_rank(alone) > share_rank(VERDICT_KSM) && !sightings_same_object(kin, first, s))
      alone = VERDICT_UNKNOWN;
    claim.verdict = first ? join(claim.verdict, alone) : alone;
    first = first ? first : s;
  }
  if (claim.verdict == VERDICT_EXCLUSIVE)
    claim.evidence = EVIDENCE_EXCLUSIVE;
  else if (claim.verdict != VERDICT_UNKNOWN)
    claim.evidence = EVIDENCE_FLAGS;
  return claim;
}

struct claim verdict_page(const struct kin *kin, const struct sighting *sightings, size_t count,
                          const struct elsewhere *elsewhere, size_t elsewhere_count, const struct verdict_room *room)
{
  struct holders holders = count_holders(sightings, count);
  struct shares shares = {0};
  struct present present;
  struct claim claim;

  xalloc_work_count(16 * count);
  find_shares(kin, sightings, count, &shares, room);
  present = compare_present(kin, sightings, count, room->order);
  for (size_t i = 0; holders.all == 1 && i < elsewhere_count; i++) /* of one process's page alone */
    shares_add(&shares, &elsewhere[i].share);

  if (shares.present.found && shares.frames <= 1 && (present.different || (shares.chains == 1 && !holders.hidden)))
    claim = (struct claim){.verdict = shares.present.kind, .evidence = EVIDENCE_FRAMES, .some = present.different};
  else if (present.different && !present.vague)
    claim = (struct claim){.verdict = VERDICT_PRIVATE, .evidence = EVIDENCE_FRAMES};
  else if (shares.past.found && !present.overlap && holders.all == 2 && holders.frames == 2)
    claim = (struct claim){.verdict = shares.past.kind, .evidence = EVIDENCE_FRAMES};
  else
    claim = claim_alone(kin, sightings, count);
  claim.beside_zero = holders.zero && holders.frames;
  claim.apart = holders.all > 1 && !present.overlap;
  if (shares.past.found && shares.past.kind != claim.verdict) {
    claim.changed = true;
    claim.before = shares.past.kind;
    claim.before_ns = shares.past.until_ns;
  }
  return claim;
}
