/*
 * Blocks for signal handlers that interrupted their thread in the middle of a
 * heap call: from a region of their own, by a lock-free bump, which starts over
 * when the last of them is freed.  Memory is not returned: it is as much as was in use at once.
 */
#include <errno.h>
#include <sys/mman.h>

#include "base/sys.h"
#include "heap/block.h"

#define UNIT 16u
#define MARK UINT64_C(0x6e65737465640000)

/* Stands right before a block. */
struct nested_head {
  uint64_t size; /* usable bytes */
  uint64_t mark; /* atomic: MARK ^ the block's address while it is live */
};

_Static_assert(sizeof(struct nested_head) == UNIT, "keeps blocks aligned");
_Static_assert(NESTED_SIZE / UNIT <= UINT32_MAX, "places fit their half of the word");

/* Low half: the next place in units from NESTED_START; high half: live blocks.  In one word, so that nobody takes a
 * place while another one starts over. */
static uint64_t nested_state; /* atomic */

static uint64_t next_of(uint64_t state)
{
  return NESTED_START + (state & UINT32_MAX) * UNIT;
}

static struct nested_head *head_of(uint64_t addr)
{
  return (struct nested_head *)addr - 1;
}

/* What the program took, from the first to the last of it; none: taken_end is 0. */
static uint64_t taken_start = UINT64_MAX, taken_end; /* atomic */

static bool is_taken(uint64_t addr, uint64_t end)
{
  return end > __atomic_load_n(&taken_start, __ATOMIC_RELAXED) &&
         addr - UNIT < __atomic_load_n(&taken_end, __ATOMIC_ACQUIRE);
}

bool nested_withdraw(uint64_t start, uint64_t end)
{
  uint64_t state = __atomic_load_n(&nested_state, __ATOMIC_ACQUIRE);

  if (end <= NESTED_START || start >= HIGH_END)
    return false;
  if (start < __atomic_load_n(&taken_start, __ATOMIC_RELAXED))
    __atomic_store_n(&taken_start, start, __ATOMIC_RELAXED);
  if (end > __atomic_load_n(&taken_end, __ATOMIC_RELAXED))
    __atomic_store_n(&taken_end, end, __ATOMIC_RELEASE);
  return state >> 32 && start < next_of(state);
}

/* Maps the segments that [start, end) lies in, unless somebody has. */
static bool map_segments(uint64_t start, uint64_t end)
{
  for (uint64_t at = start & ~(SEGMENT_SIZE - 1); at < end; at += SEGMENT_SIZE) {
    int error = sys_map_at(at, SEGMENT_SIZE, PROT_READ | PROT_WRITE);

    if (error && error != -EEXIST)
      return false;
  }
  return true;
}

/* One block less; after the last one everything starts over. */
static void drop(void)
{
  uint64_t state = __atomic_load_n(&nested_state, __ATOMIC_RELAXED), left;

  do {
    left = state - (UINT64_C(1) << 32);
    if (!(left >> 32))
      left = 0;
  } while (!__atomic_compare_exchange_n(&nested_state, &state, left, false, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED));
}

void *heap_nested_alloc(size_t align, size_t size)
{
  uint64_t state = __atomic_load_n(&nested_state, __ATOMIC_RELAXED), addr, end, taken;

  if (align < HEAP_MIN_ALIGN)
    align = HEAP_MIN_ALIGN;
  if (size >= NESTED_SIZE || align >= NESTED_SIZE)
    return NULL;
  size = (size + UNIT - 1) & ~(size_t)(UNIT - 1);
  if (!size)
    size = UNIT;
  do {
    addr = (next_of(state) + UNIT + align - 1) & ~(uint64_t)(align - 1);
    end = addr + size;
    if (unlikely(is_taken(addr, end))) {
      addr = (__atomic_load_n(&taken_end, __ATOMIC_RELAXED) + UNIT + align - 1) & ~(uint64_t)(align - 1);
      end = addr + size;
    }
    if (end > HIGH_END)
      return NULL;
    taken = ((state >> 32) + 1) << 32 | (end - NESTED_START) / UNIT;
  } while (!__atomic_compare_exchange_n(&nested_state, &state, taken, false, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED));
  if (!map_segments(addr - UNIT, end)) {
    drop();
    return NULL;
  }
  head_of(addr)->size = size;
  __atomic_store_n(&head_of(addr)->mark, MARK ^ addr, __ATOMIC_RELEASE);
  region_nondet(VT_NONDET_SIGNAL, addr);
  return (void *)addr;
}

size_t nested_usable(const void *p)
{
  uint64_t addr = (uintptr_t)p;

  if (addr < NESTED_START + UNIT || is_taken(addr, addr + UNIT) ||
      addr >= next_of(__atomic_load_n(&nested_state, __ATOMIC_ACQUIRE)) || addr & 15 ||
      __atomic_load_n(&head_of(addr)->mark, __ATOMIC_ACQUIRE) != (MARK ^ addr))
    return 0;
  return head_of(addr)->size;
}

enum heap_verdict nested_free(void *p)
{
  uint64_t addr = (uintptr_t)p, mark = MARK ^ addr;

  if (!__atomic_compare_exchange_n(&head_of(addr)->mark, &mark, 0, false, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED))
    return HEAP_DOUBLE;
  drop();
  return HEAP_OK;
}
