/*
 * Turns the changes of one page into its history: who stood there from when
 * until when, and in which mapping.  Called by query/verdict/page_set.c and
 * query/verdict/elsewhere.c for every segment of a sweep, so it must not allocate.
 */
#include <string.h>

#include "reader/xalloc.h"
#include "track/pages/process_picture.h"
#include "vmtrace/format.h"

const struct vma *picture_vma(const struct picture *p, const struct range *range)
{
  return range->value < p->vma_count ? &p->vma[range->value] : NULL;
}

/*
 * The mapping of a page that was seen first in sample from.  Mappings are read
 * before or after the pages of the same sample, and less often: when nothing
 * is known so early, the first mapping that is known later.
 */
static const struct vma *mapping_at(const struct picture *p, const struct range *const *vmas, size_t count,
                                    uint32_t from, uint32_t to)
{
  const struct range *found = NULL;
  size_t i;

  for (i = 0; i < count; i++) {
    if (vmas[i]->value == PICTURE_NO_VMA && vmas[i]->sample > from)
      break;
    if (vmas[i]->sample >= to && found)
      break;
    found = vmas[i];
  }
  xalloc_work_count(i);
  return found ? picture_vma(p, found) : NULL;
}

/* How far the state that was found in sample from is known to have held, when sample to found another. */
static uint64_t last_seen(const struct picture *p, uint32_t from, uint32_t to)
{
  uint32_t whole = to > from ? p->samples[to - 1].whole : from;

  return p->samples[whole > from ? whole : from].begin_ns;
}

/* That the sampler learned more about a page is no change of the page. */
static bool same_state(uint32_t a, uint32_t b)
{
  return (a | VT_PG_ZERO_KNOWN) == (b | VT_PG_ZERO_KNOWN);
}

static bool same_tenure(const struct sighting *s, const struct sighting *next)
{
  return s->pfn && s->pfn == next->pfn && s->until_ns == next->first_ns;
}

/* That a neighbour came or went changes bit 56, but not what stands at the address; that the kernel merged it, does. */
static bool same_kind(const struct sighting *s, const struct sighting *next)
{
  return !((s->state ^ next->state) & (VT_PG_FILE | VT_PG_ZERO | VT_PG_KSM));
}

static void find_tenures(struct sighting *sightings, size_t n)
{
  for (size_t i = 0; i < n; i++) {
    struct sighting *s = &sightings[i];

    s->tenure_ns = i && same_tenure(s - 1, s) ? s[-1].tenure_ns : s->first_ns;
  }
  for (size_t i = n; i-- > 0;) {
    struct sighting *s = &sightings[i];
    bool goes_on = i + 1 < n && same_tenure(s, s + 1);

    s->tenure_look_ns = goes_on ? s[1].tenure_look_ns : s->look_ns;
    s->tenure_last_ns = goes_on ? s[1].tenure_last_ns : s->last_ns;
    s->standing = i + 1 == n || (goes_on && s[1].standing && same_kind(s, s + 1));
  }
}

uint32_t picture_state(const struct vma *vma, uint32_t state)
{
  const uint32_t zero = VT_PG_ZERO | VT_PG_ZERO_KNOWN;

  if (!(state & VT_PG_PRESENT) || !(state & VT_PG_FILE) || !vma || vma->flags & VT_VMA_SHARED || vma->inode)
    return state;
  if (!vma->path[0] || !strncmp(vma->path, "[heap]", 6) || !strncmp(vma->path, "[anon:", 6) ||
      !strncmp(vma->path, "[stack", 6))
    return (state | zero) & ~VT_PG_FILE;
  return state;
}

/* A sighting of r's pages that begins with the sample of r. */
static struct sighting sighting_begin(const struct picture *p, uint32_t process, uint64_t page, const struct range *r,
                                      const struct vma *vma)
{
  struct sighting s = {.process = process, .page = page, .vma = vma, .first_ns = p->samples[r->sample].begin_ns};

  s.state = picture_state(vma, PICTURE_STATE(r->value));
  s.pfn = PICTURE_PFN(r->value) && s.state & VT_PG_PRESENT ? PICTURE_PFN(r->value) + (page - r->start) : 0;
  if (vma)
    s.offset = vma->offset + ((page - vma->start) << p->page_shift);
  return s;
}

size_t picture_history(const struct picture *p, uint32_t process, uint64_t page, const struct range *const *pages,
                       size_t page_count, const struct range *const *vmas, size_t vma_count, struct sighting *out)
{
  size_t n = 0;
  bool open = false; /* the latest sighting still holds */

  xalloc_work_count(8 * page_count);
  for (size_t i = 0; i < page_count; i++) {
    const struct range *r = pages[i];
    bool last = i + 1 == page_count;
    uint32_t next = last ? (uint32_t)p->sample_count : pages[i + 1]->sample;
    struct sighting s;

    if (next == r->sample && !last)
      continue; /* found twice in one sample: the later record holds */
    if (!PICTURE_STATE(r->value)) {
      open = false;
      continue;
    }
    s = sighting_begin(p, process, page, r, mapping_at(p, vmas, vma_count, r->sample, next));
    if (!open || !same_state(out[n - 1].state, s.state) || out[n - 1].pfn != s.pfn)
      out[n++] = s;
    open = true;
    out[n - 1].state |= s.state & VT_PG_ZERO_KNOWN;
    out[n - 1].look_ns = last_seen(p, r->sample, next);
    out[n - 1].last_ns = last ? p->seen_ns : out[n - 1].look_ns;
    out[n - 1].until_ns = last ? p->seen_ns : p->samples[next].begin_ns;
  }
  find_tenures(out, n);
  if (n) {
    out[n - 1].current = true;
    out[n - 1].given_up = !open;
  }
  return n;
}
