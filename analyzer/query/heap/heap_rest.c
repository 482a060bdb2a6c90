/*
 * Names for the pages that no call stack answers for.  See heap_rest.h.
 * Called by query/heap/heap_resident.c once per such page.
 */
#include "query/heap/heap_rest.h"

#include <string.h>

#define LOW_HEAP_START UINT64_C(0x200000) /* the first segment of a pinned heap lies here, below its high region */
#define LOW_HEAP_END UINT64_C(0x400000)
#define LIBRARY_NAME "libvmtrace.so"

const char *heap_rest_key(enum heap_rest rest)
{
  static const char *const keys[REST_COUNT] = {
      [REST_HEAP] = "heap_slack_bytes",
      [REST_METADATA] = "heap_metadata_bytes",
      [REST_TRACER] = "tracer_bytes",
      [REST_FILES] = "files_bytes",
      [REST_DATA] = "data_bytes",
      [REST_INHERITED] = "inherited_bytes",
      [REST_STACKS] = "stacks_bytes",
      [REST_KERNEL] = "kernel_bytes",
      [REST_UNEXPLAINED] = "unexplained_bytes",
  };

  return keys[rest];
}

struct heap_vmas heap_vmas_begin(const struct picture *p, bool is_orphan)
{
  return (struct heap_vmas){p, 0, is_orphan};
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

static bool is_anonymous(const struct vma *vma)
{
  return !vma->path[0] || !strncmp(vma->path, "[anon:", 6);
}

/* The file whose data that starts as zero the anonymous mapping number i is: it lies right behind the file's own, in
 * one piece or in several of different permissions.  NULL: none. */
static const struct vma *file_before(const struct picture *p, size_t i)
{
  const struct vma *before = below(p, i);

  while (before && is_anonymous(before) && before->flags & (VT_VMA_R | VT_VMA_W | VT_VMA_X))
    before = below(p, --i);
  return before && before->path[0] == '/' && !(before->flags & VT_VMA_SHARED) ? before : NULL;
}

/*
 * Memory without a name.  Behind a file's mapping it is the part of its data
 * that starts as zero; behind a page without permissions it is the stack of a thread,
 * whose guard that page is (glibc maps stacks without a call that could be seen).
 */
static enum heap_rest anonymous(const struct picture *p, size_t i, const struct vma *vma)
{
  const struct vma *before = below(p, i), *file = file_before(p, i);

  if (file)
    return is_tracer(file->path) ? REST_TRACER : REST_DATA;
  if (before && is_anonymous(before) && !(before->flags & (VT_VMA_R | VT_VMA_W | VT_VMA_X)) && vma->flags & VT_VMA_W)
    return REST_STACKS;
  return REST_UNEXPLAINED;
}

static enum heap_rest by_mapping(const struct picture *p, size_t i, uint32_t state)
{
  const struct vma *vma = vma_at(p, i);

  if (!vma)
    return REST_UNEXPLAINED;
  if (vma->path[0] == '/' && is_tracer(vma->path))
    return REST_TRACER;
  if (vma->path[0] == '/')
    return state & VT_PG_FILE || vma->flags & VT_VMA_SHARED ? REST_FILES : REST_DATA;
  if (!strncmp(vma->path, "[stack", 6))
    return REST_STACKS;
  if (!strcmp(vma->path, "[heap]"))
    return REST_HEAP;
  if (!strncmp(vma->path, "[v", 2))
    return REST_KERNEL;
  return is_anonymous(vma) ? anonymous(p, i, vma) : REST_UNEXPLAINED;
}

static bool within(uint64_t addr, uint64_t start, uint64_t end)
{
  return addr >= start && addr < end;
}

static enum heap_rest rest_of(struct heap_vmas *v, uint64_t page, uint32_t state)
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
    enum heap_rest rest = by_mapping(p, v->at, state);

    if (rest != REST_UNEXPLAINED)
      return rest;
  }
  if (p->heap_start && (within(addr, p->heap_start, p->heap_end) || within(addr, LOW_HEAP_START, LOW_HEAP_END)))
    return REST_HEAP;
  return REST_UNEXPLAINED;
}

/* Memory that is shared under no name that a program could have opened. */
static bool is_shared_memory(const struct vma *vma)
{
  return vma && vma->flags & VT_VMA_SHARED && (!vma->path[0] || !strncmp(vma->path, "/dev/zero", 9));
}

enum heap_rest heap_rest_of(struct heap_vmas *v, uint64_t page, uint32_t state)
{
  enum heap_rest rest = rest_of(v, page, state);

  if (v->is_orphan && (rest == REST_HEAP || rest == REST_UNEXPLAINED || is_shared_memory(vma_at(v->picture, v->at))))
    return REST_INHERITED;
  return rest;
}
