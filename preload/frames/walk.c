/*
 * Compares the pages of the process with the kept picture, leaf by leaf, see
 * walk.h.  Reads through present.h and kpageflags only; must not touch the
 * memory that it looks at.  Called by sample.c.
 */
#include "frames/walk.h"

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
#define KPF_HUGE 17
#define KPF_KSM 21
#define KPF_THP 22
#define KPF_ZERO_PAGE 24

#define HUGE_PAGES 512u /* frames of a huge page (2 MiB) */

static uint64_t state_bits(unsigned state)
{
  return entry_make(state, 0);
}

/*
 * What pagemap and the scan say about a page.  A zero page is nobody's
 * exclusive page nor a file's: a page that was written between the scan and
 * the reading of its entry is told from it by that.
 */
static uint64_t entry_of(uint64_t raw, uint8_t categories, bool scanned)
{
  unsigned state = VT_PG_PRESENT;

  if (!(raw & PM_PRESENT))
    return (raw & PM_SWAPPED) && !(raw & PM_GUARD) ? state_bits(VT_PG_SWAPPED | (raw & PM_FILE ? VT_PG_FILE : 0)) : 0;
  if (raw & PM_EXCLUSIVE)
    state |= VT_PG_EXCLUSIVE;
  if (raw & PM_FILE)
    state |= VT_PG_FILE;
  if (scanned)
    state |= VT_PG_ZERO_KNOWN;
  if ((categories & SCAN_ZERO) && !(raw & (PM_EXCLUSIVE | PM_FILE)))
    state |= VT_PG_ZERO;
  if (categories & SCAN_HUGE)
    state |= VT_PG_HUGE;
  return entry_make(state, raw & ENTRY_PFN_MASK);
}

/* Whether the frame belongs to a folio of 2 MiB or more: such are aligned, so the frame in the middle of this one's 512
 * is a tail exactly then. */
static bool is_huge(const struct walk *walk, uint64_t pfn)
{
  uint64_t middle = (pfn & ~(uint64_t)(HUGE_PAGES - 1)) + HUGE_PAGES / 2;
  uint64_t flags = 0;

  sys_pread(walk->present.files->kpageflags, &flags, sizeof flags, (off_t)(middle * sizeof flags));
  return flags >> KPF_COMPOUND_TAIL & 1;
}

/* The zero page comes from here alone where kpageflags is readable: unlike the scan, it also knows the huge one. */
static uint64_t with_flags(const struct walk *walk, uint64_t entry, uint64_t flags)
{
  bool scanned = walk->present.files->flags & VT_SAMPLE_SCAN;

  entry = (entry | state_bits(VT_PG_ZERO_KNOWN)) & ~state_bits(VT_PG_ZERO);
  if (flags >> KPF_ZERO_PAGE & 1)
    entry |= state_bits(VT_PG_ZERO);
  if (flags >> KPF_KSM & 1)
    entry |= state_bits(VT_PG_KSM);
  if (!scanned && ((flags >> KPF_HUGE & 1) || ((flags >> KPF_THP & 1) && is_huge(walk, entry_pfn(entry)))))
    entry |= state_bits(VT_PG_HUGE);
  return entry;
}

/* Looks up the changed pages in kpageflags, consecutive frames in one call. */
static void look_up(struct walk *walk, unsigned changed)
{
  for (unsigned i = 0; i < changed;) {
    uint64_t pfn = entry_pfn(walk->entry[walk->changed[i]]);
    unsigned n = 1;

    if (!(entry_state(walk->entry[walk->changed[i]]) & VT_PG_PRESENT)) {
      i++;
      continue;
    }
    while (i + n < changed && entry_pfn(walk->entry[walk->changed[i + n]]) == pfn + n)
      n++;
    for (unsigned j = 0; j < n; j++)
      walk->flags[j] = 0;
    sys_pread(walk->present.files->kpageflags, walk->flags, n * sizeof *walk->flags, (off_t)(pfn * sizeof pfn));
    for (unsigned j = 0; j < n; j++) {
      uint64_t *entry = &walk->entry[walk->changed[i + j]];

      *entry = with_flags(walk, *entry, walk->flags[j]);
    }
    i += n;
  }
}

/* Fills changed with the pages whose entry differs from the kept one. */
static unsigned compare(struct walk *walk, const uint64_t *kept)
{
  bool scanned = walk->present.files->flags & VT_SAMPLE_SCAN;
  unsigned changed = 0;

  for (unsigned i = 0; i < LEAF_PAGES; i++) {
    uint64_t entry = walk->raw[i] ? entry_of(walk->raw[i], walk->categories[i], scanned) : 0;
    uint64_t old = kept ? kept[i] : 0;

    walk->seen += entry != 0;
    if (((entry ^ old) & walk->compare) == 0)
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
  walk->changes += changed;
  for (unsigned i = 0; i < changed; i++) {
    unsigned page = walk->changed[i];
    uint64_t entry = walk->entry[page];

    gone += !entry;
    walk->picture.present += (entry != 0) - (uint64_t)(kept[page] != 0);
    kept[page] = entry;
    runs_add(&walk->runs, (leaf << LEAF_SHIFT) + page * FRAME_SIZE, entry);
  }
  if (gone && is_empty(kept))
    picture_drop(&walk->picture, leaf);
}

/*
 * What is compared.  Where kpageflags is read, zero page and KSM (and, without
 * the scan, huge pages) are looked up only when something else about the page
 * has changed: a page that is merged or broken up changes its frame or its exclusive bit.
 */
static uint64_t compared_bits(unsigned flags)
{
  unsigned state = VT_PG_PRESENT | VT_PG_EXCLUSIVE | VT_PG_FILE | VT_PG_SWAPPED;

  if (flags & VT_SAMPLE_SCAN)
    state |= VT_PG_HUGE;
  if (!(flags & VT_SAMPLE_FLAGS))
    state |= VT_PG_ZERO | VT_PG_ZERO_KNOWN | VT_PG_KSM | VT_PG_HUGE;
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
