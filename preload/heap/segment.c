/*
 * Segments and their page maps.  Which pages a request gets is decided by the
 * owner's earlier requests alone: lowest segment, lowest pages that fit.  Called by
 * slab.c, medium.c, retire.c, trim.c and region.c, all under the region's lock.
 */
#include "heap/segment.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#include "base/own.h"
#include "base/sys.h"
#include "heap/cache.h"
#include "heap/overflow.h"
#include "heap/page_bits.h"
#include "heap/retire.h"
#include "heap/space.h"

/*
 * An old segment with at most so many free pages has its holes given up:
 * nothing fitted them for long, and only a segment without holes can die when
 * other threads have freed the rest.
 */
#define CLOSE_PAGES 128

/* Free pages are given back to the kernel after this time, looked after every PURGE_TICKS pages freed. */
#define PURGE_AGE_NS UINT64_C(2000000000)
#define PURGE_TICKS 512
#define PURGE_SEGMENTS 8

/* Addresses tried in a row that are all taken: then there is no memory for this request.  The next one goes on behind
 * them. */
#define TAKEN_MAX 1024

static uint64_t coarse_now; /* atomic */

uint64_t segment_now(void)
{
  return __atomic_load_n(&coarse_now, __ATOMIC_RELAXED);
}

void segment_set_now(uint64_t now_ns)
{
  __atomic_store_n(&coarse_now, now_ns, __ATOMIC_RELAXED);
}

/* Leaf i of the tree is its entry segment_room + i; every inner entry is the larger of its two children. */
static void set_largest(struct arena *arena, struct segment *segment, unsigned largest)
{
  uint32_t i = arena->segment_room + segment->ordinal;

  segment->largest = (uint16_t)largest;
  arena->tree[i] = (uint16_t)largest;
  for (i /= 2; i; i /= 2) {
    uint16_t a = arena->tree[2 * i], b = arena->tree[2 * i + 1];
    uint16_t max = a > b ? a : b;

    if (arena->tree[i] == max)
      break;
    arena->tree[i] = max;
  }
}

void segment_hide(struct arena *arena, struct segment *segment)
{
  set_largest(arena, segment, 0);
}

static unsigned longest_stretch(const struct arena *arena)
{
  return arena->segment_room ? arena->tree[1] : 0;
}

/* The lowest segment with a free stretch of count pages; NULL: there is none. */
static struct segment *first_with(struct arena *arena, unsigned count)
{
  uint32_t i = 1;

  if (longest_stretch(arena) < count)
    return NULL;
  while (i < arena->segment_room)
    i = arena->tree[2 * i] >= count ? 2 * i : 2 * i + 1;
  return arena->segments[i - arena->segment_room];
}

/* Makes room for one more segment in the table and the tree. */
static bool table_grow(struct arena *arena)
{
  uint32_t room = arena->segment_room, wider = room ? 2 * room : 8;
  struct segment **segments;
  uint16_t *tree;

  if (arena->segment_count < room)
    return true;
  segments = own_alloc(wider * sizeof *segments);
  tree = own_alloc(2 * (size_t)wider * sizeof *tree);
  if (!segments || !tree) {
    own_free(segments, wider * sizeof *segments);
    own_free(tree, 2 * (size_t)wider * sizeof *tree);
    return false;
  }
  if (room) {
    memcpy(segments, arena->segments, room * sizeof *segments);
    memcpy(tree + wider, arena->tree + room, room * sizeof *tree);
    for (uint32_t i = wider - 1; i; i--)
      tree[i] = tree[2 * i] > tree[2 * i + 1] ? tree[2 * i] : tree[2 * i + 1];
  }
  own_free(arena->segments, room * sizeof *segments);
  own_free(arena->tree, 2 * (size_t)room * sizeof *tree);
  arena->segments = segments;
  arena->tree = tree;
  arena->segment_room = wider;
  return true;
}

/* Gives up the holes of a segment that has been behind the newest for long. */
static void close_behind(struct arena *arena)
{
  struct segment *segment;
  unsigned holes;

  if (arena->segment_count <= SEGMENT_OLD)
    return;
  segment = arena->segments[arena->segment_count - 1 - SEGMENT_OLD];
  if (!segment || segment->closed || segment->free_pages > CLOSE_PAGES)
    return;
  segment_purge(arena, segment, UINT64_MAX);
  segment->closed = true;
  holes = segment->free_pages;
  segment->given_up = (uint16_t)holes;
  for (unsigned i = 0; i < SEGMENT_PAGES / 64; i++)
    segment->void_map[i] |= segment->free_map[i];
  memset(segment->free_map, 0, sizeof segment->free_map);
  segment->free_pages = 0;
  set_largest(arena, segment, 0);
  if (holes && retire_pages(segment, holes))
    segment_bury(arena, segment);
}

/* Memory and metadata for a segment at addr.  0 or -errno. */
static int back_segment(struct arena *arena, uint64_t addr, enum space_kind kind, bool *moved)
{
  bool resident, begins = !meta_state(addr);
  int error = meta_map_full(addr, &arena->spares, &resident);

  if (error)
    return error;
  if (begins)
    arena->meta_resident = resident;
  error = space_map(addr, SEGMENT_SIZE, kind, moved);
  if (!error && *moved && !arena->meta_resident) {
    space_populate((uintptr_t)meta_pair(addr), SEGMENT_SIZE >> 6);
    space_populate((uintptr_t)meta_run(addr), SEGMENT_PAGES * sizeof(struct run));
  }
  return error;
}

/* Puts memory and metadata behind addr and enters the segment.  0 or -errno. */
static int open_at(struct arena *arena, uint64_t addr)
{
  enum space_kind kind = segment_pages(arena);
  struct segment *segment;
  bool moved;
  int error = back_segment(arena, addr, kind, &moved);

  if (error)
    return error;
  segment = meta_segment(addr);
  segment->addr = addr;
  segment->region = arena->region;
  segment->moved = moved;
  segment->pages = (uint8_t)kind;
  if (addr >= arena->region->window_end && addr + SEGMENT_SIZE <= arena->region->own_end &&
      addr + SEGMENT_SIZE > arena->huge_end)
    arena->huge_end = addr + SEGMENT_SIZE;
  segment->closed = segment->withdrawn = segment->sealed = false;
  segment->given_up = 0;
  segment->ordinal = arena->segment_count++;
  segment->free_pages = SEGMENT_PAGES;
  segment->free_dirty = moved ? SEGMENT_PAGES : 0;
  segment->dead_pages = 0;
  segment->gone_bytes = segment->swept = segment->recycled = 0;
  segment->lost = segment->used = 0;
  segment->freed_ns = segment_now();
  memset(segment->free_map, 0xff, sizeof segment->free_map);
  memset(segment->dirty_map, moved ? 0xff : 0, sizeof segment->dirty_map);
  memset(segment->used_map, 0, sizeof segment->used_map);
  memset(segment->void_map, 0, sizeof segment->void_map);
  memset(segment->given_map, 0, sizeof segment->given_map);
  arena->free_dirty += segment->free_dirty;
  arena->segments[segment->ordinal] = segment;
  set_largest(arena, segment, SEGMENT_PAGES);
  __atomic_store_n(&segment->kind, SEGMENT_PAGED, __ATOMIC_RELEASE);
  return 0;
}

/* A new segment outside the window, where huge blocks lie. */
static int open_outside(struct arena *arena)
{
  for (unsigned taken = 0; taken < TAKEN_MAX;) {
    uint64_t addr = extent_fit(arena->free_ranges, SEGMENT_SIZE, SEGMENT_SIZE);
    int error;

    if (!addr) {
      uint64_t size, piece = region_extend(arena->region, GRAIN_SIZE, &size);

      if (!piece || !extent_add(&arena->free_ranges, piece, size, 0))
        return -ENOMEM;
      continue;
    }
    if (!extent_claim(&arena->free_ranges, addr, SEGMENT_SIZE))
      return -ENOMEM;
    cache_unmap(arena, addr, SEGMENT_SIZE);
    error = open_at(arena, addr);
    if (error == -EEXIST) {
      region_nondet(VT_NONDET_TAKEN, addr);
      taken++;
      continue;
    }
    if (error)
      extent_add(&arena->free_ranges, addr, SEGMENT_SIZE, 0);
    return error;
  }
  return -ENOMEM;
}

static int open_next(struct arena *arena)
{
  struct heap *heap = &arena->fast;

  for (unsigned taken = 0; arena->next_segment < arena->region->window_end && taken < TAKEN_MAX; taken++) {
    uint64_t addr = arena->next_segment;
    int error = open_at(arena, addr);

    if (error && error != -EEXIST)
      return error;
    arena->next_segment = addr + SEGMENT_SIZE;
    if (!error) {
      heap->span = arena->next_segment - heap->base;
      return 0;
    }
    /* Its metadata is mapped, so that the window stays whole across it. */
    if (meta_map(addr, META_FULL))
      return -ENOMEM;
    region_nondet(VT_NONDET_TAKEN, addr);
  }
  return open_outside(arena);
}

/* The first thread's first segment is the low one, unless the executable sits there. */
static int open_low(struct arena *arena)
{
  int error = open_at(arena, LOW_START);

  if (!error)
    arena->fast.low_span = SEGMENT_SIZE;
  else if (error != -ENOMEM)
    region_nondet(VT_NONDET_LOW, LOW_START);
  return error;
}

static bool segment_open(struct arena *arena)
{
  bool low = arena->region->first && !arena->segment_count && arena->next_segment == arena->region->start;
  int error;

  if (!table_grow(arena))
    return false;
  error = low ? open_low(arena) : -EEXIST;
  if (error && error != -ENOMEM)
    error = open_next(arena);
  if (error == -ENOMEM && !low && cache_reclaim(arena))
    error = open_next(arena);
  if (error)
    return false;
  close_behind(arena);
  segment_leave_behind(arena);
  return true;
}

/* Takes pages out of the free map into a run. */
static struct run *occupy(struct arena *arena, struct segment *segment, unsigned first, unsigned count, bool *clean)
{
  struct run *run = meta_run(segment->addr + first * HEAP_PAGE);
  unsigned dirty = pages_count(segment->dirty_map, first, count);

  pages_clear(segment->free_map, first, count);
  pages_set(segment->dirty_map, first, count);
  pages_set(segment->used_map, first, count);
  segment->free_pages = (uint16_t)(segment->free_pages - count);
  segment->free_dirty = (uint16_t)(segment->free_dirty - dirty);
  arena->free_dirty -= dirty;
  arena->used_pages += count;
  set_largest(arena, segment, pages_longest(segment->free_map));
  for (unsigned i = 0; i < count; i++)
    run[i].head = (uint16_t)first;
  run->next = run->prev = NULL;
  run->gone = 0;
  run->free = 0;
  run->last = (uint8_t)(count - 1);
  run->populated = dirty ? (uint8_t)(count > UINT8_MAX ? UINT8_MAX : count) : 0;
  *clean = !dirty;
  return run;
}

struct run *segment_take(struct arena *arena, unsigned want, unsigned least, unsigned align, bool *clean)
{
  /* A stretch of that length holds an aligned run wherever it begins. */
  unsigned stretch = want + align - 1;
  struct segment *segment = first_with(arena, stretch);

  if (!segment && least < want && longest_stretch(arena) >= least) {
    want = longest_stretch(arena);
    segment = first_with(arena, want);
  }
  if (!segment) {
    if (!segment_open(arena))
      return NULL;
    segment = first_with(arena, stretch);
  }
  return occupy(arena, segment, pages_find(segment->free_map, want, align), want, clean);
}

bool segment_extend(struct arena *arena, struct run *run, unsigned more, bool *clean)
{
  struct segment *segment = run_segment(run);
  unsigned first = run->head, count = run->last + 1u, end = first + count;
  struct run saved = *run;

  if (end + more > SEGMENT_PAGES || count + more > UINT8_MAX + 1u ||
      pages_next_clear(segment->free_map, end) < end + more || pages_next_set(segment->free_map, end) != end)
    return false;
  occupy(arena, segment, end, more, clean);
  for (unsigned i = 0; i < more; i++)
    run[count + i].head = (uint16_t)first;
  saved.last = (uint8_t)(count + more - 1);
  *run = saved;
  return true;
}

/* Looks at a few segments in turn and purges those that have been left alone. */
static void purge_some(struct arena *arena)
{
  uint64_t now = sys_now();

  arena->purge_ticks = 0;
  segment_set_now(now);
  for (unsigned i = 0; i < PURGE_SEGMENTS && arena->segment_count; i++) {
    struct segment *segment = arena->segments[arena->purge_ordinal++ % arena->segment_count];

    if (segment && now > PURGE_AGE_NS)
      segment_purge(arena, segment, now - PURGE_AGE_NS);
  }
}

void segment_give(struct arena *arena, struct segment *segment, unsigned first, unsigned count)
{
  pages_set(segment->free_map, first, count);
  segment->free_pages = (uint16_t)(segment->free_pages + count);
  segment->free_dirty = (uint16_t)(segment->free_dirty + count);
  arena->free_dirty += count;
  arena->used_pages -= count;
  segment->freed_ns = segment_now();
  set_largest(arena, segment, pages_longest(segment->free_map));
  arena->purge_ticks += count;
  if (arena->purge_ticks >= PURGE_TICKS)
    purge_some(arena);
}

size_t segment_purge(struct arena *arena, struct segment *segment, uint64_t before_ns)
{
  uint64_t idle[SEGMENT_PAGES / 64];
  size_t bytes = 0;

  if (!segment->free_dirty || segment->freed_ns > before_ns)
    return 0;
  for (unsigned i = 0; i < SEGMENT_PAGES / 64; i++)
    idle[i] = segment->free_map[i] & segment->dirty_map[i];
  for (unsigned page = pages_next_set(idle, 0); page < SEGMENT_PAGES;) {
    unsigned end = pages_next_clear(idle, page);

    sys_madvise((void *)(segment->addr + page * HEAP_PAGE), (end - page) * HEAP_PAGE, MADV_DONTNEED);
    pages_clear(segment->dirty_map, page, end - page);
    bytes += (end - page) * HEAP_PAGE;
    page = pages_next_set(idle, end);
  }
  arena->free_dirty -= segment->free_dirty;
  segment->free_dirty = 0;
  return bytes;
}

size_t segment_purge_all(struct arena *arena, uint64_t before_ns)
{
  size_t bytes = 0;

  for (uint32_t i = 0; i < arena->segment_count && arena->free_dirty; i++) {
    if (arena->segments[i])
      bytes += segment_purge(arena, arena->segments[i], before_ns);
  }
  return bytes;
}

void segment_withdraw(struct arena *arena, struct segment *segment)
{
  segment_purge(arena, segment, UINT64_MAX);
  for (unsigned i = 0; i < SEGMENT_PAGES / 64; i++)
    segment->void_map[i] |= segment->free_map[i];
  memset(segment->free_map, 0, sizeof segment->free_map);
  segment->free_pages = 0;
  segment_hide(arena, segment);
}

bool segment_all_free(const struct arena *arena)
{
  for (uint32_t i = 0; i < arena->segment_count; i++) {
    if (!arena->segments[i] || arena->segments[i]->free_pages != SEGMENT_PAGES)
      return false;
  }
  return true;
}

struct run *segment_next_run(const struct segment *segment, const struct run *run)
{
  unsigned page = run ? run->head + run->last + 1u : 0;

  while (page < SEGMENT_PAGES && (pages_count(segment->free_map, page, 1) || pages_count(segment->void_map, page, 1)))
    page++;
  return page < SEGMENT_PAGES ? meta_run(segment->addr + page * HEAP_PAGE) : NULL;
}

void segment_reset(struct arena *arena)
{
  for (uint32_t i = 0; i < arena->segment_count; i++) {
    struct segment *segment = arena->segments[i];

    __atomic_store_n(&segment->kind, SEGMENT_NONE, __ATOMIC_RELEASE);
    space_unmap(segment->addr, SEGMENT_SIZE, segment->moved);
  }
}
