/*
 * Turns the changes of one page into its history: who stood there from when
 * until when, and in which mapping.  Called by model/page_set.c and
 * model/elsewhere.c for every segment of a sweep, so it must not allocate.
 */
#include "model/process_picture.h"

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

  for (size_t i = 0; i < count; i++) {
    if (vmas[i]->value == PICTURE_NO_VMA && vmas[i]->sample > from)
      break;
    if (vmas[i]->sample >= to && found)
      break;
    found = vmas[i];
  }
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

/* That a neighbour came or went changes bit 56, but not what stands at the address. */
static void mark_last(struct sighting *sightings, size_t n)
{
  if (!n)
    return;
  sightings[n - 1].current = sightings[n - 1].standing = true;
  for (size_t i = n - 1; i-- > 0;) {
    if (!sightings[i].pfn || sightings[i].pfn != sightings[i + 1].pfn ||
        sightings[i].until_ns != sightings[i + 1].first_ns)
      break;
    sightings[i].standing = true;
  }
}

size_t picture_history(const struct picture *p, uint32_t process, uint64_t page, const struct range *const *pages,
                       size_t page_count, const struct range *const *vmas, size_t vma_count, struct sighting *out)
{
  size_t n = 0;
  bool open = false; /* the latest sighting still holds */

  for (size_t i = 0; i < page_count; i++) {
    const struct range *r = pages[i];
    uint32_t state = PICTURE_STATE(r->value);
    uint64_t pfn = PICTURE_PFN(r->value) ? PICTURE_PFN(r->value) + (page - r->start) : 0;
    uint32_t next = i + 1 < page_count ? pages[i + 1]->sample : (uint32_t)p->sample_count;

    if (!(state & VT_PG_PRESENT))
      pfn = 0;
    if (next == r->sample && i + 1 < page_count)
      continue; /* found twice in one sample: the later record holds */
    if (!state) {
      open = false;
      continue;
    }
    if (!open || !same_state(out[n - 1].state, state) || out[n - 1].pfn != pfn) {
      out[n++] =
          (struct sighting){.process = process, .state = state, .pfn = pfn, .first_ns = p->samples[r->sample].begin_ns};
      out[n - 1].vma = mapping_at(p, vmas, vma_count, r->sample, next);
      open = true;
    }
    out[n - 1].state |= state & VT_PG_ZERO_KNOWN;
    if (i + 1 < page_count) {
      out[n - 1].last_ns = last_seen(p, r->sample, next);
      out[n - 1].until_ns = p->samples[next].begin_ns;
    } else {
      out[n - 1].last_ns = out[n - 1].until_ns = p->seen_ns;
    }
  }
  mark_last(out, n);
  return n;
}
