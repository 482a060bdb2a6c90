/*
 * The loader's list as it shows it to debuggers (r_debug, <link.h>).  See loader_list.h.  Called by module_list.c.
 */
#include "entry/loader_list.h"

#include <link.h>
#include <stddef.h>

#include "base/peek.h"

#define MODULES_MOST 65536 /* a list that somebody changes meanwhile may go round in circles */
#define PAGE UINT64_C(4096)

extern struct r_debug _r_debug __attribute__((weak));

/* Another thread may be giving an entry back. */
static bool is_readable(const struct link_map *map, uint64_t *page)
{
  uint64_t first = (uintptr_t)map & ~(PAGE - 1), last = ((uintptr_t)(map + 1) - 1) & ~(PAGE - 1);

  if (first == *page && last == *page)
    return true;
  if (!peek_readable((const void *)first) || !peek_readable((const void *)last))
    return false;
  *page = last;
  return true;
}

static uint64_t mix(uint64_t hash, uint64_t value)
{
  hash = (hash ^ value) * UINT64_C(0xff51afd7ed558ccd);
  return hash ^ hash >> 32;
}

static bool is_at_rest(void)
{
  return __atomic_load_n((const int *)&_r_debug.r_state, __ATOMIC_ACQUIRE) == RT_CONSISTENT;
}

uint64_t loader_list_print(void)
{
  uint64_t print = 1, page = 0;
  const struct link_map *map;

  if (!&_r_debug || !_r_debug.r_map || !is_at_rest())
    return 0;
  map = __atomic_load_n(&_r_debug.r_map, __ATOMIC_ACQUIRE);
  for (unsigned i = 0; map; i++, map = __atomic_load_n(&map->l_next, __ATOMIC_ACQUIRE)) {
    if (i == MODULES_MOST || !is_readable(map, &page))
      return 0;
    print = mix(mix(mix(print, (uintptr_t)map), map->l_addr), (uintptr_t)map->l_ld);
  }
  return is_at_rest() ? print | 1 : 0;
}
