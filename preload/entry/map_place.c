/*
 * Placing the program's mappings.  See map_place.h; knows nothing of records.
 */
#include "entry/map_place.h"

#include <errno.h>
#include <sys/mman.h>

#include "base/layout.h"
#include "base/log.h"
#include "base/sys.h"
#include "entry/process.h"
#include "entry/program_call.h"
#include "heap/heap.h"

#ifndef MAP_FIXED_NOREPLACE
#define MAP_FIXED_NOREPLACE 0x100000 /* Linux 4.17 */
#endif
#ifndef MAP_SHARED_VALIDATE
#define MAP_SHARED_VALIDATE 3
#endif
#ifndef MAP_32BIT
#define MAP_32BIT 0 /* x86 alone has it */
#endif
#define HUGE_SHIFT 26 /* MAP_HUGE_SHIFT */
#define HUGE_MASK 0x3f

#define HUGE_PAGE (UINT64_C(2) << 20)
#define ADDRESS(p) ((uint64_t)(uintptr_t)(p))

/* Addresses of the plan tried in a row that are all taken. */
#define TAKEN_MAX 64

/* What MAP_GROWSDOWN may grow into, the kernel's guard gap (1 MiB) included. */
#define GROW_ROOM (UINT64_C(16) << 20)

/* The kernel raises lower hints to vm.mmap_min_addr, which is below. */
#define LOWEST_HINT (UINT64_C(1) << 20)
#define USER_END (UINT64_C(1) << 47)

bool place_may_pin(const struct hook *h)
{
  return h->state == HOOK_READY && process_mode() == PROCESS_PIN;
}

void place_note_kernel(const struct hook *h, uint64_t p)
{
  if (process_mode() == PROCESS_PIN && h->state != HOOK_INTERNAL)
    process_note_nondet(h->state == HOOK_NESTED ? VT_NONDET_SIGNAL : VT_NONDET_PLACED, p);
}

/* Bytes of the pages that the mapping is made of. */
static uint64_t page_size_of(int flags)
{
  unsigned shift = (unsigned)flags >> HUGE_SHIFT & HUGE_MASK;

  if (!(flags & MAP_HUGETLB))
    return PLACE_PAGE;
  return shift ? UINT64_C(1) << shift : HUGE_PAGE;
}

static uint64_t reserve(const struct hook *h, uint64_t size, uint64_t align)
{
  if (!size || size > ADDRESS(PTRDIFF_MAX))
    return 0;
  if (align < HUGE_PAGE && size >= HUGE_PAGE)
    align = HUGE_PAGE;
  return heap_range_reserve(h->thread->heap, place_pages(size), align);
}

uint64_t place_reserve(const struct hook *h, uint64_t size)
{
  return reserve(h, size, PLACE_PAGE);
}

/* Maps at addr, never over something else: -EEXIST. */
static void *map_at(uint64_t addr, size_t size, int prot, int flags, int fd, off_t offset)
{
  uint64_t bytes = place_pages(size);
  void *p;

  /* With that type the kernel takes no flag that it did not know in 4.15: the place is claimed first. */
  if ((flags & MAP_TYPE) == MAP_SHARED_VALIDATE) {
    int error = sys_map_at(addr, bytes, PROT_NONE);

    if (error)
      return (void *)(intptr_t)error;
    p = sys_mmap((void *)addr, size, prot, flags | MAP_FIXED, fd, offset);
    if (sys_failed(p))
      sys_munmap((void *)addr, bytes);
    return p;
  }
  p = sys_mmap((void *)addr, size, prot, flags | MAP_FIXED_NOREPLACE, fd, offset);
  if (sys_failed(p) || ADDRESS(p) == addr)
    return p;
  /* Before 4.17 the address was only a hint. */
  sys_munmap(p, size);
  return (void *)-EEXIST;
}

/* Something that the plan does not know of lies at an address of it. */
static void note_taken(const struct hook *h, uint64_t addr, uint64_t size)
{
  heap_range_failed(h->thread->heap, addr, size);
  process_note_nondet(VT_NONDET_TAKEN, addr);
}

/* A mapping at an address of the thread's region; an error when that does not work. */
static void *map_pinned(const struct hook *h, size_t size, int prot, int flags, int fd, off_t offset)
{
  uint64_t unit = page_size_of(flags), room = flags & MAP_GROWSDOWN ? GROW_ROOM : 0;

  if (size > ADDRESS(PTRDIFF_MAX))
    return (void *)-ENOMEM;
  for (int taken = 0; taken < TAKEN_MAX; taken++) {
    uint64_t bytes = ((size + unit - 1) & ~(unit - 1)) + room;
    uint64_t addr = size ? reserve(h, bytes, unit) : 0;
    void *p;

    if (!addr)
      return (void *)-ENOMEM;
    p = map_at(addr + room, size, prot, flags, fd, offset);
    if (!sys_failed(p))
      return p;
    if (sys_errno(p) != EEXIST) {
      heap_range_release(h->thread->heap, addr, bytes);
      return p;
    }
    note_taken(h, addr, bytes);
  }
  return (void *)-ENOMEM;
}

/* The same within the range that MAP_32BIT asks for. */
static void *map_low(const struct hook *h, size_t size, int prot, int flags, int fd, off_t offset)
{
  uint64_t unit = page_size_of(flags), bytes = size < LOWMAP_END ? (size + unit - 1) & ~(unit - 1) : 0;

  for (int taken = 0; taken < TAKEN_MAX && bytes; taken++) {
    uint64_t addr = heap_low_reserve(h->thread->heap, bytes, unit);
    void *p;

    if (!addr)
      break;
    p = map_at(addr, size, prot, flags & ~MAP_32BIT, fd, offset);
    if (!sys_failed(p))
      return p;
    if (sys_errno(p) != EEXIST) {
      heap_range_release(h->thread->heap, addr, bytes);
      return p;
    }
    note_taken(h, addr, bytes);
  }
  return (void *)-ENOMEM;
}

/* Claims [addr, addr + size) for a mapping that is to be moved there. */
static uint64_t claim(const struct hook *h, uint64_t size, uint64_t align)
{
  for (int taken = 0; taken < TAKEN_MAX; taken++) {
    uint64_t addr = reserve(h, size, align);
    int error;

    if (!addr)
      return 0;
    error = sys_map_at(addr, size, PROT_NONE);
    if (!error)
      return addr;
    if (error != -EEXIST) {
      heap_range_release(h->thread->heap, addr, size);
      return 0;
    }
    note_taken(h, addr, size);
  }
  return 0;
}

static void *move_to_claim(const struct hook *h, void *old, size_t old_size, size_t size, int flags, uint64_t align)
{
  uint64_t bytes = place_pages(size), addr = claim(h, bytes, align);
  void *p;

  if (!addr)
    return (void *)-ENOMEM;
  p = sys_mremap(old, old_size, size, flags | MREMAP_MAYMOVE | MREMAP_FIXED, (void *)addr);
  if (sys_failed(p)) {
    sys_munmap((void *)addr, bytes);
    heap_range_release(h->thread->heap, addr, bytes);
  }
  return p;
}

/*
 * The program named an address and got it.  By the plan if it goes on behind a mapping of the plan's; elsewhere in the
 * plan, or where the kernel places things at random, the next run may have something else there, or the program has
 * drawn the address by lot.
 */
static void note_hint(const struct hook *h, uint64_t addr, uint64_t size)
{
  bool ours = heap_range_claim(h->thread->heap, addr, size);

  if (!ours && addr >= HIGH_START)
    process_note_nondet(VT_NONDET_HINT, addr);
}

/* Where it was drawn from the kernel's own range, whether it can be had differs from run to run. */
static void note_refused(uint64_t hint)
{
  if (hint >= HIGH_START)
    process_note_nondet(VT_NONDET_HINT, hint);
}

/* A hint is taken if the kernel takes it; if not, the mapping that it placed elsewhere moves to a place of the plan. */
static void *map_hint(const struct hook *h, void *addr, size_t size, int prot, int flags, int fd, off_t offset)
{
  uint64_t unit = page_size_of(flags), want = ADDRESS(addr) & ~(PLACE_PAGE - 1);
  void *p = program_mmap(addr, size, prot, flags, fd, offset), *moved;

  if (sys_failed(p))
    return p;
  if (ADDRESS(p) - want < unit || ADDRESS(p) <= LOWEST_HINT) {
    note_hint(h, ADDRESS(p), place_pages(size));
    return p;
  }
  note_refused(want);
  if (flags & MAP_32BIT) {
    moved = map_low(h, size, prot, flags, fd, offset);
    if (!sys_failed(moved))
      sys_munmap(p, (size + unit - 1) & ~(unit - 1));
  } else {
    moved = move_to_claim(h, p, size, size, 0, unit);
  }
  if (!sys_failed(moved))
    return moved;
  place_note_kernel(h, ADDRESS(p));
  return p;
}

int make_way(const struct hook *h, uint64_t addr, uint64_t size, struct make_way *way)
{
  static bool told;

  *way = (struct make_way){addr, false};
  if (!size || !place_may_pin(h))
    return 0;
  if (!heap_has_tables(addr, place_pages(size))) {
    way->used = heap_withdraw(h->thread->heap, addr, size);
    return 0;
  }
  if (!__atomic_exchange_n(&told, true, __ATOMIC_RELAXED))
    log_warn("the program asked for address 0x%lx, where this library has its own memory: refused",
             (unsigned long)addr);
  return -ENOMEM;
}

void make_way_done(const struct make_way *way)
{
  static bool told;

  if (!way->used)
    return;
  if (!__atomic_exchange_n(&told, true, __ATOMIC_RELAXED))
    log_warn("the program took memory of the heap at 0x%lx: blocks there are lost, and no more are allocated there",
             (unsigned long)way->addr);
  process_note_nondet(VT_NONDET_OVER, way->addr);
}

/* The program says where: it is obeyed. */
static void *map_fixed(const struct hook *h, void *addr, size_t size, int prot, int flags, int fd, off_t offset)
{
  struct make_way way = {0};
  void *p;

  if (!(flags & MAP_FIXED_NOREPLACE) && ADDRESS(addr) % PLACE_PAGE == 0 && make_way(h, ADDRESS(addr), size, &way))
    return (void *)-ENOMEM;
  p = program_mmap(addr, size, prot, flags, fd, offset);
  if (!sys_failed(p))
    make_way_done(&way);
  if (!sys_failed(p))
    heap_range_claim(h->thread->heap, ADDRESS(p), place_pages(size));
  else if (!(flags & MAP_FIXED) && sys_errno(p) == EEXIST && ADDRESS(addr) >= HIGH_END)
    process_note_nondet(VT_NONDET_HINT, ADDRESS(addr));
  return p;
}

void *place_map(const struct hook *h, void *addr, size_t size, int prot, int flags, int fd, off_t offset)
{
  bool hint = ADDRESS(addr) >= PLACE_PAGE && ADDRESS(addr) < USER_END;
  void *p;

  if (!place_may_pin(h)) {
    p = program_mmap(addr, size, prot, flags, fd, offset);
    if (!sys_failed(p) && !(flags & (MAP_FIXED | MAP_FIXED_NOREPLACE)))
      place_note_kernel(h, ADDRESS(p));
    return p;
  }
  if (flags & (MAP_FIXED | MAP_FIXED_NOREPLACE))
    return map_fixed(h, addr, size, prot, flags, fd, offset);
  if (hint)
    return map_hint(h, addr, size, prot, flags, fd, offset);
  p = flags & MAP_32BIT ? map_low(h, size, prot, flags, fd, offset) : map_pinned(h, size, prot, flags, fd, offset);
  if (!sys_failed(p))
    return p;
  p = program_mmap(addr, size, prot, flags, fd, offset);
  if (!sys_failed(p))
    place_note_kernel(h, ADDRESS(p));
  return p;
}

void *place_remap(const struct hook *h, void *old, size_t old_size, size_t size, int flags)
{
  void *p = move_to_claim(h, old, old_size, size, flags, PLACE_PAGE);

  if (!sys_failed(p))
    return p;
  p = program_mremap(old, old_size, size, flags, NULL);
  if (!sys_failed(p) && p != old)
    place_note_kernel(h, ADDRESS(p));
  return p;
}

/* The kernel is only asked whether the arguments are right but for the size. */
static void *refuse_growth(void *old, size_t old_size, int flags)
{
  void *p = sys_mremap(old, old_size, old_size, flags, NULL);

  return sys_failed(p) ? p : (void *)-ENOMEM;
}

void *place_grow(const struct hook *h, void *old, size_t old_size, size_t size, int flags)
{
  uint64_t end = ADDRESS(old) + place_pages(old_size), more = place_pages(size) - place_pages(old_size);
  void *p;

  if (!old_size || size > ADDRESS(PTRDIFF_MAX) || ADDRESS(old) % PLACE_PAGE ||
      !heap_range_grow(h->thread->heap, end, more))
    return refuse_growth(old, old_size, flags);
  p = sys_mremap(old, old_size, size, flags, NULL);
  if (sys_failed(p))
    heap_range_release(h->thread->heap, end, more);
  return p;
}
