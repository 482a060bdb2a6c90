/*
 * Mappings: parser of /proc/self/maps and differences between two readings,
 * see vmas.h.  Calls the sink's vma and vma_gone only.  Called by sample.c.
 */
#include "frames/vmas.h"

#include <string.h>

#include "base/own.h"
#include "base/sys.h"
#include "frames/page_entry.h"
#include "frames/proc_files.h"
#include "frames/sampler.h"

/* The smallest page that hugetlbfs has on any machine. */
#define HUGETLB_MIN (UINT64_C(64) << 10)

struct reading {
  struct vmas *vmas;
  int maps;
  const struct sampler_sink *sink;
  uint64_t old; /* first mapping of the kept list that was not compared yet */
  uint64_t end; /* of the latest mapping read */
  bool out_of_memory;
};

static const char *parse_hex(const char *p, uint64_t *value)
{
  *value = 0;
  for (;; p++) {
    unsigned digit;

    if (*p >= '0' && *p <= '9')
      digit = (unsigned)(*p - '0');
    else if (*p >= 'a' && *p <= 'f')
      digit = (unsigned)(*p - 'a') + 10;
    else
      return p;
    *value = *value << 4 | digit;
  }
}

static uint64_t hash_text(const char *p)
{
  uint64_t hash = UINT64_C(0xcbf29ce484222325); /* FNV-1a */

  while (*p)
    hash = (hash ^ (unsigned char)*p++) * UINT64_C(0x100000001b3);
  return hash;
}

bool vmas_parse_line(const char *p, struct vma *vma, const char **path)
{
  uint64_t major, minor;

  memset(vma, 0, sizeof *vma);
  p = parse_hex(p, &vma->start);
  if (*p++ != '-')
    return false;
  p = parse_hex(p, &vma->end);
  if (*p++ != ' ' || vma->end <= vma->start || strnlen(p, 5) < 5)
    return false;
  vma->flags = (p[0] == 'r' ? VT_VMA_R : 0) | (p[1] == 'w' ? VT_VMA_W : 0) | (p[2] == 'x' ? VT_VMA_X : 0) |
               (p[3] == 's' ? VT_VMA_SHARED : 0);
  p = parse_hex(p + 5, &vma->offset);
  if (*p++ != ' ')
    return false;
  p = parse_hex(p, &major);
  if (*p++ != ':')
    return false;
  p = parse_hex(p, &minor);
  if (*p++ != ' ')
    return false;
  for (; *p >= '0' && *p <= '9'; p++)
    vma->inode = vma->inode * 10 + (uint64_t)(*p - '0');
  while (*p == ' ')
    p++;
  vma->dev = (major & 0xfffff000) << 32 | (major & 0xfff) << 8 | (minor & 0xffffff00) << 12 | (minor & 0xff);
  vma->path_hash = hash_text(p);
  *path = p;
  return true;
}

static bool same(const struct vma *a, const struct vma *b)
{
  return a->start == b->start && a->end == b->end && (a->flags | VT_VMA_HUGETLB) == (b->flags | VT_VMA_HUGETLB) &&
         a->dev == b->dev && a->inode == b->inode && a->offset == b->offset && a->path_hash == b->path_hash;
}

static bool append(struct vma_list *list, const struct vma *vma)
{
  if (list->count == list->room) {
    uint64_t room = list->room ? list->room * 2 : 128;
    struct vma *bigger = own_map_alone(room * sizeof *bigger);

    if (!bigger)
      return false;
    if (list->count)
      memcpy(bigger, list->vma, list->count * sizeof *bigger);
    own_unmap(list->vma, list->room * sizeof *bigger);
    list->vma = bigger;
    list->room = room;
  }
  list->vma[list->count++] = *vma;
  return true;
}

/* maps does not say it but by the name of what belongs to no file. */
static bool is_hugetlb(int maps, const struct vma *vma, const char *path)
{
  if (!vma->inode || (vma->start | vma->end) % HUGETLB_MIN)
    return false;
  return strncmp(path, "/anon_hugepage", 14) == 0 || proc_page_size(maps, vma->start) > FRAME_SIZE;
}

/* The next mapping of this reading, in rising order.  One that is not there verbatim any more is reported gone before
 * anything that overlaps it is reported new, whatever the reader of the trace keys mappings by. */
static void take(struct reading *r, struct vma *vma, const char *path)
{
  struct vma_list *kept = &r->vmas->now;
  bool known = false;

  for (; r->old < kept->count && kept->vma[r->old].start < vma->end; r->old++) {
    const struct vma *old = &kept->vma[r->old];

    if (same(old, vma)) {
      vma->passes = old->passes + (old->passes < UINT32_MAX);
      vma->flags = old->flags;
      known = true;
    } else {
      r->sink->vma_gone(old->start, old->end - old->start);
    }
  }
  if (!known && is_hugetlb(r->maps, vma, path))
    vma->flags |= VT_VMA_HUGETLB;
  if (!append(&r->vmas->next, vma)) {
    r->out_of_memory = true;
    return;
  }
  if (!known) {
    r->sink->vma(&(struct sampler_vma){
        .start = vma->start,
        .size = vma->end - vma->start,
        .flags = vma->flags,
        .dev = vma->dev,
        .inode = vma->inode,
        .offset = vma->offset,
        .path = path,
    });
  }
}

/* What lies outside of the tracer's own range: up to two pieces, since the kernel joins neighbouring mappings. */
static void clip(struct reading *r, const struct vma *vma, const char *path)
{
  uint64_t skip_start = r->vmas->skip_start, skip_end = r->vmas->skip_end;
  struct vma below = *vma, above = *vma;

  if (below.end > skip_start)
    below.end = skip_start;
  if (above.start < skip_end) {
    above.offset += vma->inode ? skip_end - above.start : 0;
    above.start = skip_end;
  }
  if (skip_start >= skip_end || vma->end <= skip_start || vma->start >= skip_end) {
    below = *vma;
    above.start = above.end;
  }
  if (below.start < below.end)
    take(r, &below, path);
  if (above.start < above.end)
    take(r, &above, path);
}

/* Mappings come in rising order, but two reads of a changing list may overlap: what was passed is not taken again. */
static void line(struct reading *r, const char *text)
{
  const char *path;
  struct vma vma;

  if (!vmas_parse_line(text, &vma, &path) || vma.start < r->end || vma.end > SPACE_END + FRAME_SIZE)
    return;
  r->end = vma.end;
  clip(r, &vma, path);
}

/* Takes the complete lines of the first n bytes; returns how many bytes are left over (moved to the front). */
static uint64_t lines(struct reading *r, uint64_t n)
{
  char *start = r->vmas->text, *end = start + n, *newline;

  while (start < end && (newline = memchr(start, '\n', (size_t)(end - start)))) {
    *newline = '\0';
    line(r, start);
    start = newline + 1;
  }
  memmove(r->vmas->text, start, (size_t)(end - start));
  return (uint64_t)(end - start);
}

bool vmas_read(struct vmas *vmas, int maps, const struct sampler_sink *sink)
{
  struct reading r = {.vmas = vmas, .maps = maps, .sink = sink};
  struct vma_list old = vmas->now;
  uint64_t left = 0;
  off_t offset = 0;

  vmas->next.count = 0;
  for (;;) {
    ssize_t n = sys_pread(maps, vmas->text + left, VMAS_TEXT - left, offset);

    if (n < 0 && offset == 0)
      return false;
    if (n <= 0)
      break;
    offset += n;
    left = lines(&r, left + (uint64_t)n);
    if (left == VMAS_TEXT)
      left = 0;
  }
  /* No mapping at all is no state that a running process can be in: the memory map was not to be had. */
  if (vmas->next.count == 0)
    return false;
  if (!r.out_of_memory) {
    for (; r.old < old.count; r.old++)
      sink->vma_gone(old.vma[r.old].start, old.vma[r.old].end - old.vma[r.old].start);
  }
  vmas->now = vmas->next;
  vmas->next = old;
  return true;
}

uint64_t vmas_find(const struct vmas *vmas, uint64_t addr)
{
  uint64_t low = 0, high = vmas->now.count;

  while (low < high) {
    uint64_t middle = (low + high) / 2;

    if (vmas->now.vma[middle].end > addr)
      high = middle;
    else
      low = middle + 1;
  }
  return low;
}
