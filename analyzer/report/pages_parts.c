/*
 * Small questions about a run of pages that several parts of the page report
 * ask.  Called by report/pages_*.c.
 */
#include "report/pages_parts.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "vmtrace/format.h"

/* Where the first segment of the pinned heap ends: the address plan's 0x400000. */
#define LOW_HEAP_START UINT64_C(0x200000)
#define LOW_HEAP_END UINT64_C(0x400000)

void pages_tally_add(struct pages_tally *tally, const struct page_run *run)
{
  tally->verdicts[run->claim.verdict] += run->count;
  tally->total += run->count;
}

const struct sighting *pages_current(const struct page_run *run, uint32_t process)
{
  for (size_t i = 0; i < run->sighting_count; i++) {
    if (run->sightings[i].process == process && run->sightings[i].current)
      return &run->sightings[i];
  }
  return NULL;
}

/* The mapping of the first process that knows one. */
static const struct vma *mapping_of(const struct page_run *run)
{
  for (size_t i = 0; i < run->sighting_count; i++) {
    if (run->sightings[i].current && run->sightings[i].vma)
      return run->sightings[i].vma;
  }
  return NULL;
}

bool pages_is_heap(const struct page_set *set, const struct page_run *run)
{
  const struct picture *p = set->pictures[run->sightings[0].process];
  const struct vma *vma = mapping_of(run);
  uint64_t addr = run->page << set->page_shift;

  if (vma && *vma->path)
    return !strcmp(vma->path, "[heap]");
  if (vma && vma->flags & VT_VMA_SHARED)
    return false;
  return p->heap_end &&
         ((addr >= p->heap_start && addr < p->heap_end) || (addr >= LOW_HEAP_START && addr < LOW_HEAP_END));
}

const char *pages_label(const struct page_set *set, const struct page_run *run)
{
  const struct picture *p = set->pictures[run->sightings[0].process];
  const struct vma *vma = mapping_of(run);
  uint64_t addr = run->page << set->page_shift;
  const char *slash;

  if (addr >= p->own_start && addr < p->own_end)
    return "vmtrace";
  if (pages_is_heap(set, run))
    return "heap";
  if (!vma)
    return "";
  if (!strcmp(vma->path, "[stack]"))
    return "stack";
  if (!strncmp(vma->path, "[vdso]", 6))
    return "kernel (vdso)";
  if (!strncmp(vma->path, "[vvar", 5) || !strncmp(vma->path, "[vsyscall", 9))
    return "kernel (clock)";
  if (!strncmp(vma->path, "/dev/zero", 9) && vma->flags & VT_VMA_SHARED)
    return "shared memory";
  if (!strncmp(vma->path, "/SYSV", 5))
    return "System V shared memory";
  if (!strncmp(vma->path, "/anon_hugepage", 14))
    return "huge pages";
  if (!*vma->path)
    return vma->flags & VT_VMA_SHARED ? "shared memory" : "anonymous";
  slash = strrchr(vma->path, '/');
  return slash && slash[1] ? slash + 1 : vma->path;
}
