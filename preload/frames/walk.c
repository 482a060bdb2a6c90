/*
 * Compares the pages of the process with the kept picture, leaf by leaf, see
 * walk.h.  Reads through present.h and kpageflags only; must not touch the
 * memory that it looks at.  Called by sample.c.
 */
#include "frames/walk.h"

#include <string.h>

#include "base/sys.h"
#include "frames/sampler.h"

/* pagemap's bits (Documentation/admin-guide/mm/pagemap.rst). */
#define PM_EXCLUSIVE (UINT64_C(1) << 56)
#define PM_GUARD (UINT64_C(1) << 58) /* Linux 6.15: a guard page, shown as swapped */
#define PM_FILE (UINT64_C(1) << 61)
#define PM_SWAPPED (UINT64_C(1) << 62)
#define PM_PRESENT (UINT64_C(1) << 63)

/* kpageflags' bits. */
#define KPF_COMPOUND_TAIL 16
#define KPF_KSM 21
#define KPF_ZERO_PAGE 24

static uint64_t state_bits(unsigned state)
{
  return entry_make(state, 0);
}

/*
 * A zero page is nobody's exclusive page nor a file's: a page that was written between the scan and
 * the reading of its entry is told from it by that.  The huge one is a file's to pagemap.
 */
static bool is_zero(uint64_t raw, uint8_t categories)
{
  return categories & SCAN_ZERO && !(raw & PM_EXCLUSIVE) && (!(raw & PM_FILE) || categories & SCAN_HUGE);
}

/* What pagemap and the scan say about a page. */
static uint64_t entry_of(uint64_t raw, uint8_t categories, bool scanned)
{
  unsigned state = VT_PG_PRESENT;

  if (!(raw & PM_PRESENT))
    return (raw & PM_SWAPPED) && !(raw & PM_GUARD) ? state_bits(VT_PG_SWAPPED | (raw & PM_FILE ? VT_PG_FILE : 0)) : 0;
  if (raw & PM_EXCLUSIVE)
    state |= VT_PG_EXCLUSIVE;
  if (raw & PM_FILE)
    state |= VT_PG_FILE;
  if (scanned || (raw & (PM_EXCLUSIVE | PM_FILE)))
    state |= VT_PG_ZERO_KNOWN;
  if (is_zero(raw, categories))
    state |= VT_PG_ZERO;
  if (categories & SCAN_HUGE)
    state |= VT_PG_HUGE;
  return entry_make(state, raw & ENTRY_PFN_MASK);
}

/*
 * The scan says which pages are huge.  Without it: 512 frames in a row from a
 * multiple of 512 on, and the middle one is a tail, which it is in no smaller folio.
 */
static bool is_huge_leaf(const struct walk *walk)
{
  uint64_t first = entry_pfn(walk->raw[0]), flags = 0;

  if (!(walk->raw[0] & PM_PRESENT) || first % LEAF_PAGES)
    return false;
  for (unsigned i = 1; i < LEAF_PAGES; i++) {
    if (!(walk->raw[i] & PM_PRESENT) || entry_pfn(walk->raw[i]) != first + i)
      return false;
  }
  sys_pread(walk->present.files->kpageflags, &flags, sizeof flags, (off_t)((first + LEAF_PAGES / 2) * sizeof flags));
  return flags >> KPF_COMPOUND_TAIL & 1;
}

/* The zero page comes from here alone where kpageflags is readable: unlike the scan, it also knows the huge one. */
static uint64_t with_flags(uint64_t entry, uint64_t flags)
{
  entry = (entry | state_bits(VT_PG_ZERO_KNOWN)) & ~state_bits(VT_PG_ZERO);
  if (flags >> KPF_ZERO_PAGE & 1)
    entry |= state_bits(VT_PG_ZERO);
  if (flags >> KPF_KSM & 1)
    entry |= state_bits(VT_PG_KSM);
  return entry;
}

/* Only what is neither a file's nor exclusive can be the zero page, or shared by KSM; and what is huge and looks like a
 * file's, the huge zero page. */
static bool is_doubtful(uint64_t entry)
{
  unsigned state = entry_state(entry);

  return (state & (VT_PG_PRESENT | VT_PG_EXCLUSIVE)) == VT_PG_PRESENT && (!(state & VT_PG_FILE) || state & VT_PG_HUGE);
}

/* The kernel merges a page that several processes inherited without a change of its frame or its exclusive bit. */
static bool may_be_merged(const struct walk *walk, uint64_t entry, uint64_t kept)
{
  return walk->merging && is_doubtful(entry) && !(entry_state(kept) & VT_PG_KSM);
}

/* How many changed pages from this one on are doubtful too, with frames that follow each other or, as zero pages, are
 * the same. */
static unsigned doubtful_run(const struct walk *walk, unsigned from, unsigned changed, unsigned *step)
{
  uint64_t pfn = entry_pfn(walk->entry[walk->changed[from]]);
  unsigned n = 1;

  *step = from + 1 < changed && entry_pfn(walk->entry[walk->changed[from + 1]]) == pfn + 1;
  while (from + n < changed) {
    uint64_t entry = walk->entry[walk->changed[from + n]];

    if (!is_doubtful(entry) || entry_pfn(entry) != pfn + (uint64_t)n * *step)
      break;
    n++;
  }
  return n;
}

/* Looks up the doubtful ones of the changed pages in kpageflags. */
static void look_up(struct walk *walk, unsigned changed)
{
  for (unsigned i = 0; i < changed;) {
    uint64_t pfn = entry_pfn(walk->entry[walk->changed[i]]);
    unsigned n, step, words;

    if (!is_doubtful(walk->entry[walk->changed[i]])) {
      i++;
      continue;
    }
    n = doubtful_run(walk, i, changed, &step);
    words = (n - 1) * step + 1;
    memset(walk->flags, 0, words * sizeof *walk->flags);
    sys_pread(walk->present.files->kpageflags, walk->flags, words * sizeof *walk->flags, (off_t)(pfn * sizeof pfn));
    for (unsigned j = 0; j < n; j++) {
      uint64_t *entry = &walk->entry[walk->changed[i + j]];

      *entry = with_flags(*entry, walk->flags[j * step]);
    }
    i += n;
  }
}

/* Fills changed with the pages whose entry differs from the kept one. */
static unsigned compare(struct walk *walk, const uint64_t *kept)
{
  bool scanned = walk->present.files->flags & VT_SAMPLE_SCAN;
  unsigned changed = 0;

  if (!scanned && (walk->present.files->flags & VT_SAMPLE_FLAGS) && is_huge_leaf(walk))
    memset(walk->categories, SCAN_HUGE, sizeof walk->categories);
  for (unsigned i = 0; i < LEAF_PAGES; i++) {
    uint64_t entry = walk->raw[i] ? entry_of(walk->raw[i], walk->categories[i], scanned) : 0;
    uint64_t old = kept ? kept[i] : 0;

    walk->seen += entry != 0;
    if (((entry ^ old) & walk->compare) == 0 && !may_be_merged(walk, entry, old))
      continue;
    walk->entry[i] = entry;
    walk->changed[changed++] = (uint16_t)i;
  }
  return changed;
}

static bool is_empty(const uint64_t *kept)
{
  uint64_t any = 0;

  for (unsigned i = 0; i < LEAF_PAGES; i++)
    any |= kept[i];
  return !any;
}

static void take_leaf(struct walk *walk, uint64_t leaf)
{
  uint64_t *kept = picture_leaf(&walk->picture, leaf, false);
  unsigned changed, gone = 0;

  if (!present_read(&walk->present, leaf, walk->raw, walk->categories)) {
    walk->present.incomplete = true;
    return;
  }
  changed = compare(walk, kept);
  if (!changed)
    return;
  if (walk->present.files->flags & VT_SAMPLE_FLAGS)
    look_up(walk, changed);
  if (!kept)
    kept = picture_leaf(&walk->picture, leaf, true);
  if (!kept) {
    /* No memory to keep it in: saying nothing is better than saying it again at every sample. */
    walk->present.incomplete = true;
    return;
  }
  for (unsigned i = 0; i < changed; i++) {
    unsigned page = walk->changed[i];
    uint64_t entry = walk->entry[page];

    if (entry == kept[page])
      continue; /* looked up, and not merged */
    walk->changes++;
    gone += !entry;
    walk->picture.present += (entry != 0) - (uint64_t)(kept[page] != 0);
    kept[page] = entry;
    runs_add(&walk->runs, (leaf << LEAF_SHIFT) + page * FRAME_SIZE, entry);
  }
  if (gone && is_empty(kept))
    picture_drop(&walk->picture, leaf);
}

/*
 * What is compared.  Where kpageflags is read, zero page and KSM are looked
 * up only when something else about the page has changed: a page that is
 * merged or broken up changes its frame or its exclusive bit, but for what
 * may_be_merged tells of.
 */
static uint64_t compared_bits(unsigned flags)
{
  unsigned state = VT_PG_PRESENT | VT_PG_EXCLUSIVE | VT_PG_FILE | VT_PG_SWAPPED | VT_PG_HUGE;

  if (!(flags & VT_SAMPLE_FLAGS))
    state |= VT_PG_ZERO | VT_PG_ZERO_KNOWN | VT_PG_KSM;
  return entry_make(state, ENTRY_PFN_MASK);
}

uint64_t walk_pages(struct walk *walk, const struct sampler_sink *sink, uint64_t start, uint64_t end, walk_stop_fn stop,
                    void *arg)
{
  uint64_t at = start;

  walk->compare = compared_bits(walk->present.files->flags);
  runs_begin(&walk->runs, sink);
  present_begin(&walk->present, start, end);
  while (at < end && !stop(arg)) {
    uint64_t leaf = present_next(&walk->present);
    uint64_t kept = picture_next(&walk->picture, at >> LEAF_SHIFT);

    if (kept < leaf)
      leaf = kept;
    if (leaf >= (end + LEAF_SIZE - 1) >> LEAF_SHIFT) {
      at = end;
      break;
    }
    take_leaf(walk, leaf);
    at = (leaf + 1) << LEAF_SHIFT;
  }
  runs_flush(&walk->runs);
  return at < end ? at : end;
}
