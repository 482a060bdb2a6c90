/*
 * Builds the picture of a process from its sampler's events.  Trusts nothing
 * in them: what cannot be true is counted and left out.  Called by
 * query/verdict/page_set.c; the unit tests feed it events by hand.
 */
#include "track/pages/process_picture.h"

#include <search.h>
#include <stdlib.h>
#include <string.h>

#include "reader/complain.h"
#include "reader/plain_text.h"
#include "reader/xalloc.h"
#include "vmtrace/codec.h"

/* Beyond any user address of any Linux port. */
#define ADDR_LIMIT (UINT64_C(1) << 57)
/* No mapping is longer: all of a process's addresses, unless it asks for those above explicitly. */
#define MAPPING_LIMIT (UINT64_C(1) << 47)
/* One record never covers more pages than this (1 TiB of 4 KiB pages): a larger number is damage. */
#define RUN_LIMIT (UINT64_C(1) << 28)
#define RANGE_MAX UINT32_MAX
/* A run of more pages than this is believed only if the process had that many, by the sample's own count. */
#define RUN_UNCHECKED (UINT64_C(1) << 16)
/* More values than anybody looks at, in 320 MiB. */
#define VALUES_MOST (UINT32_C(1) << 23)
/* 146 years since the machine started: later times are damage. */
#define TIME_LIMIT (UINT64_C(1) << 62)

static int compare_names(const void *a, const void *b)
{
  return strcmp(a, b);
}

/* The one copy of a path that this picture keeps. */
static const char *keep_name(struct picture *p, const void *text, size_t size)
{
  char *copy = plain_dup(text, size);
  char *const *kept;

  kept = tsearch(copy, &p->names, compare_names);
  if (!kept)
    xalloc_failed();
  if (*kept != copy)
    free(copy);
  return *kept;
}

static uint64_t plausible_time(uint64_t time_ns)
{
  return time_ns < TIME_LIMIT ? time_ns : TIME_LIMIT;
}

struct picture *picture_new(const struct vt_file_header *h)
{
  struct picture *p = xcalloc(1, sizeof *p);
  size_t len = h->cmdline_len < sizeof h->cmdline ? h->cmdline_len : sizeof h->cmdline;

  if (!p) {
    complain("out of memory");
    return NULL;
  }
  p->pid = h->pid;
  p->ppid = h->ppid;
  p->origin = h->origin;
  memcpy(p->trace_id, h->trace_id, sizeof p->trace_id);
  memcpy(p->parent_id, h->parent_id, sizeof p->parent_id);
  /* On a clock of its own it can be compared with no other, as if it came from another boot. */
  if (h->clock_offset != VT_CLOCK_UNKNOWN)
    memcpy(p->boot_id, h->boot_id, sizeof p->boot_id);
  p->start_ns = plausible_time(h->start_ns);
  p->end_ns = plausible_time(h->end_ns ? h->end_ns : h->last_ns);
  if (p->end_ns < p->start_ns)
    p->end_ns = p->start_ns;
  p->seen_ns = h->stop_reason && h->stop_ns < p->end_ns ? h->stop_ns : p->end_ns;
  p->page_shift = h->page_size ? (uint32_t)__builtin_ctz(h->page_size) : 12;
  p->pfn_visible = h->flags & VT_F_PFN_VISIBLE;
  p->own_start = h->own_start;
  p->own_end = h->own_end;
  p->heap_start = h->heap_start;
  p->heap_end = h->heap_end;
  p->exe = plain_dup(h->exe, sizeof h->exe);
  p->host = plain_dup(h->host, sizeof h->host);
  p->name = plain_dup(len && h->cmdline[0] ? h->cmdline : h->exe, len && h->cmdline[0] ? len : sizeof h->exe);
  return p;
}

void picture_free(struct picture *p)
{
  if (!p)
    return;
  tdestroy(p->names, free);
  range_list_free(&p->pages);
  range_list_free(&p->vmas);
  free(p->vma);
  free(p->samples);
  free(p->values);
  marks_release(&p->marks);
  free(p->name);
  free(p->exe);
  free(p->host);
  free(p);
}

/* Room for one more element of an array. */
static int make_room(void **items, size_t count, size_t *room, size_t size)
{
  size_t more = *room ? *room * 2 : 16;
  void *grown;

  if (count < *room)
    return 0;
  grown = xreallocarray(*items, more, size);
  if (!grown)
    return -1;
  *items = grown;
  *room = more;
  return 0;
}

/* Takes out long runs of the sample at hand that hold more pages than the process had. */
static void check_sample(struct picture *p, uint64_t present)
{
  size_t kept = p->sample_pages;

  for (size_t i = p->sample_pages; i < p->pages.count; i++) {
    const struct range *r = &p->pages.items[i];

    if (PICTURE_STATE(r->value) && r->count > RUN_UNCHECKED && r->count > present)
      p->refused++;
    else
      p->pages.items[kept++] = *r;
  }
  p->pages.count = p->sample_pages = kept;
}

static int add_sample(struct picture *p, uint64_t time_ns, uint32_t flags)
{
  struct sample *s;

  check_sample(p, 0); /* the one before, if it has no end */
  time_ns = plausible_time(time_ns);
  if (p->sample_count && time_ns < p->samples[p->sample_count - 1].begin_ns)
    time_ns = p->samples[p->sample_count - 1].begin_ns;
  if (p->sample_count == UINT32_MAX || make_room((void **)&p->samples, p->sample_count, &p->sample_room, sizeof *s) < 0)
    return -1;
  s = &p->samples[p->sample_count];
  s->begin_ns = time_ns;
  s->flags = flags;
  s->whole = (uint32_t)p->sample_count;
  if (flags & VT_SAMPLE_PARTIAL && p->sample_count)
    s->whole = s[-1].whole;
  p->pfn_visible |= !!(flags & VT_SAMPLE_PFN);
  p->sample_count++;
  return 0;
}

/* The number of the sample that a record belongs to; a record before the first sample makes one. */
static int present_sample(struct picture *p, const struct event *e, uint32_t *number)
{
  if (!p->sample_count && add_sample(p, e->time_ns, 0) < 0)
    return -1;
  *number = (uint32_t)p->sample_count - 1;
  return 0;
}

static bool plausible(const struct picture *p, uint64_t addr, uint64_t count)
{
  return count && count <= RUN_LIMIT && addr < ADDR_LIMIT && !(addr & ((UINT64_C(1) << p->page_shift) - 1));
}

static int add_pages(struct picture *p, const struct event *e)
{
  uint64_t addr = e->field[0], count = e->field[1], state = e->field[2], pfn = e->field[3];
  struct range range = {.start = addr >> p->page_shift, .count = (uint32_t)count};

  if (!plausible(p, addr, count) || state > UINT8_MAX || pfn > PICTURE_PFN_MAX - count) {
    p->refused++;
    return 0;
  }
  range.value = PICTURE_VALUE(state, pfn);
  if (present_sample(p, e, &range.sample) < 0)
    return -1;
  return range_list_add(&p->pages, range);
}

/* The tail: one frame number per page, each a zigzag LEB128 difference to the one before (FORMAT.md). */
static int add_pfns(struct picture *p, const struct event *e)
{
  uint64_t addr = e->field[0], count = e->field[1], state = e->field[2], pfn = 0;
  const uint8_t *at = e->tail, *end = e->tail + e->tail_len;
  struct range range = {.start = addr >> p->page_shift};

  if (!plausible(p, addr, count) || state > UINT8_MAX || count > e->tail_len) {
    p->refused++;
    return 0;
  }
  if (present_sample(p, e, &range.sample) < 0)
    return -1;
  for (uint64_t i = 0; i < count; i++) {
    uint64_t delta;

    at = vt_get_leb(at, end, &delta);
    pfn += at ? (uint64_t)vt_unzigzag(delta) : 0;
    if (!at || pfn >= PICTURE_PFN_MAX) {
      p->refused++;
      break;
    }
    if (range.count && PICTURE_PFN(range.value) + range.count == pfn) {
      range.count++;
      continue;
    }
    if (range.count && range_list_add(&p->pages, range) < 0)
      return -1;
    range.start += range.count;
    range.count = 1;
    range.value = PICTURE_VALUE(state, pfn);
  }
  return range.count ? range_list_add(&p->pages, range) : 0;
}

/* A mapping, or the end of one.  The range may be longer than a struct range holds. */
static int add_mapping(struct picture *p, const struct event *e, uint64_t value)
{
  uint64_t pages = e->field[1] >> p->page_shift;
  struct range range = {.start = e->field[0] >> p->page_shift, .value = value};

  if (present_sample(p, e, &range.sample) < 0)
    return -1;
  while (pages) {
    range.count = (uint32_t)(pages < RANGE_MAX ? pages : RANGE_MAX);
    if (range_list_add(&p->vmas, range) < 0)
      return -1;
    range.start += range.count;
    pages -= range.count;
  }
  return 0;
}

static int add_vma(struct picture *p, const struct event *e)
{
  struct vma *vma;

  if (e->field[0] >= ADDR_LIMIT || e->field[1] > MAPPING_LIMIT) {
    p->refused++;
    return 0;
  }
  if (e->type == VT_R_VMA_GONE)
    return add_mapping(p, e, PICTURE_NO_VMA);
  if (make_room((void **)&p->vma, p->vma_count, &p->vma_room, sizeof *vma) < 0)
    return -1;
  vma = &p->vma[p->vma_count];
  vma->start = e->field[0] >> p->page_shift;
  vma->flags = (uint32_t)e->field[2];
  vma->dev = e->field[3];
  vma->inode = e->field[4];
  vma->offset = e->field[5];
  vma->path = keep_name(p, e->tail ? (const char *)e->tail : "", e->tail_len);
  if (!vma->path)
    return -1;
  return add_mapping(p, e, p->vma_count++);
}

static int add_value(struct picture *p, const struct event *e)
{
  if (e->field[1] >= VT_VALUE_TYPES || p->value_count == VALUES_MOST) {
    p->refused++;
    return 0;
  }
  if (make_room((void **)&p->values, p->value_count, &p->value_room, sizeof *p->values) < 0)
    return -1;
  p->values[p->value_count++] = (struct value_seen){.addr = e->field[0],
                                                    .type = (uint32_t)e->field[1],
                                                    .bits = e->field[2],
                                                    .time_ns = plausible_time(e->time_ns),
                                                    .number = (uint32_t)p->value_count - 1};
  return 0;
}

int picture_event(struct picture *p, const struct event *e)
{
  switch (e->type) {
  case VT_R_SAMPLE:
    return add_sample(p, e->time_ns, (uint32_t)e->field[1]);
  case VT_R_SAMPLE_END:
    check_sample(p, e->field[1]);
    return 0;
  case VT_R_PAGES:
    return add_pages(p, e);
  case VT_R_PFNS:
    return add_pfns(p, e);
  case VT_R_VMA:
  case VT_R_VMA_GONE:
    return add_vma(p, e);
  case VT_R_VALUE:
    return add_value(p, e);
  default:
    return 0;
  }
}

static int compare_values(const void *a, const void *b)
{
  const struct value_seen *x = a, *y = b;

  if (x->addr != y->addr)
    return x->addr < y->addr ? -1 : 1;
  if (x->time_ns != y->time_ns)
    return x->time_ns < y->time_ns ? -1 : 1;
  return (x->number > y->number) - (x->number < y->number);
}

size_t picture_values(const struct picture *p, uint64_t addr, uint64_t from_ns)
{
  size_t low = 0, high = p->value_count;

  while (low < high) {
    size_t middle = (low + high) / 2;
    const struct value_seen *v = &p->values[middle];

    if (v->addr < addr || (v->addr == addr && v->time_ns < from_ns))
      low = middle + 1;
    else
      high = middle;
  }
  return low;
}

/* Without a word about the end, the process lived at least as long as it was sampled. */
void picture_finish(struct picture *p)
{
  uint64_t last = p->sample_count ? p->samples[p->sample_count - 1].begin_ns : 0;

  check_sample(p, 0);
  if (p->end_ns < last)
    p->end_ns = last;
  if (p->seen_ns < last)
    p->seen_ns = last;
  range_list_sort(&p->pages);
  range_list_sort(&p->vmas);
  if (p->value_count)
    qsort(p->values, p->value_count, sizeof *p->values, compare_values);
}
