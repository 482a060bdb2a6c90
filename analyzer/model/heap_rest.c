/*
 * Names for the pages that no call stack answers for.  See heap_rest.h.
 * Called by model/heap_resident.c once per such page.
 */
#include "model/heap_rest.h"

#include <string.h>

#define LOW_HEAP_START UINT64_C(0x200000) /* the first segment of a pinned heap lies here, below its high region */
#define LOW_HEAP_END UINT64_C(0x400000)
#define LIBRARY_NAME "libvmtrace.so"

const char *heap_rest_key(enum heap_rest rest)
{
  static const char *const keys[REST_COUNT] = {
      [REST_HEAP] = "heap_slack_bytes",         [REST_METADATA] = "heap_metadata_bytes",
      [REST_TRACER] = "tracer_bytes",           [REST_FILES] = "files_bytes",
      [REST_STACKS] = "stacks_bytes",           [REST_KERNEL] = "kernel_bytes",
      [REST_UNEXPLAINED] = "unexplained_bytes",
  };

  return keys[rest];
}

struct heap_vmas heap_vmas_begin(const struct picture *p)
{
  return (struct heap_vmas){p, 0};
}

static const struct vma *vma_at(const struct picture *p, size_t i)
{
  return i < p->vmas.count ? picture_vma(p, &p->vmas.items[i]) : NULL;
}

/* The mapping right below number i, without a gap; NULL: none. */
static const struct vma *below(const struct picture *p, size_t i)
{
  if (!i || p->vmas.items[i - 1].start + p->vmas.items[i - 1].count != p->vmas.items[i].start)
    return NULL;
  return vma_at(p, i - 1);
}

static bool is_tracer(const char *path)
{
  const char *slash = strrchr(path, '/');

  return slash && !strncmp(slash + 1, LIBRARY_NAME, sizeof LIBRARY_NAME - 1);
}

/*
 * Memory without a name.  Behind a file's mapping it is the part of its data
 * that starts as zero; behind a page without permissions it is the stack of a thread,
 * whose guard that page is (glibc maps stacks without a call that could be seen).
 */
static enum heap_rest anonymous(const struct picture *p, size_t i, const struct vma *vma)
{
  const struct vma *before = below(p, i);

  if (before && before->path[0] == '/')
    return is_tracer(before->path) ? REST_TRACER : REST_FILES;
  if (before && !before->path[0] && !(before->flags & (VT_VMA_R | VT_VMA_W | VT_VMA_X)) && vma->flags & VT_VMA_W)
    return REST_STACKS;
  return REST_UNEXPLAINED;
}

static enum heap_rest by_mapping(const struct picture *p, size_t i)
{
  const struct vma *vma = vma_at(p, i);

  if (!vma)
    return REST_UNEXPLAINED;
  if (vma->path[0] == '/')
    return is_tracer(vma->path) ? REST_TRACER : REST_FILES;
  if (!strncmp(vma->path, "[stack", 6))
    return REST_STACKS;
  if (!strcmp(vma->path, "[heap]"))
    return REST_HEAP;
  if (!strncmp(vma->path, "[v", 2))
    return REST_KERNEL;
  return vma->path[0] ? REST_UNEXPLAINED : anonymous(p, i, vma);
}

static bool within(uint64_t addr, uint64_t start, uint64_t end)
{
  return addr >= start && addr < end;
}

enum heap_rest heap_rest_of(struct heap_vmas *v, uint64_t page)
{
  const struct picture *p = v->picture;
  uint64_t addr = page << p->page_shift;

  if (within(addr, p->own_start, p->own_end))
    return REST_TRACER;
  /* The tables of the heap lie between the tracer's memory and the heap. */
  if (p->heap_start && within(addr, p->own_end, p->heap_start))
    return REST_METADATA;
  while (v->at < p->vmas.count && p->vmas.items[v->at].start + p->vmas.items[v->at].count <= page)
    v->at++;
  if (v->at < p->vmas.count && p->vmas.items[v->at].start <= page) {
    enum heap_rest rest = by_mapping(p, v->at);

    if (rest != REST_UNEXPLAINED)
      return rest;
  }
  if (p->heap_start && (within(addr, p->heap_start, p->heap_end) || within(addr, LOW_HEAP_START, LOW_HEAP_END)))
    return REST_HEAP;
  return REST_UNEXPLAINED;
}
