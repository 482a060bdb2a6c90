/*
 * The table of the program's own allocator.  See next.h.
 */
#include "heap/next.h"

#include <dlfcn.h>
#include <locale.h>
#include <stdint.h>

#include "base/dl_error.h"

static struct heap_next table;
static bool found;
static unsigned long foreign_count;

static void *find(const char *name)
{
  return dlsym(RTLD_NEXT, name);
}

#define FIND(name) table.name = (__typeof__(table.name))(uintptr_t)find(#name)

bool heap_next_find(void)
{
  FIND(malloc);
  FIND(free);
  FIND(calloc);
  FIND(realloc);
  FIND(memalign);
  FIND(aligned_alloc);
  FIND(posix_memalign);
  FIND(valloc);
  FIND(pvalloc);
  FIND(malloc_usable_size);
  FIND(malloc_trim);
  FIND(mallopt);
  FIND(mallinfo);
  FIND(mallinfo2);
  FIND(malloc_stats);
  FIND(malloc_info);
  dl_error_clear(); /* a function that is missing is no error of the program's */
  found = true;
  return table.malloc && table.free && table.calloc && table.realloc;
}

const struct heap_next *heap_next(void)
{
  return &table;
}

bool heap_next_is_libc(void)
{
  Dl_info allocator, libc;

  /* uselocale: no allocator has a function of that name. */
  return table.malloc && dladdr((void *)(uintptr_t)table.malloc, &allocator) &&
         dladdr((void *)(uintptr_t)uselocale, &libc) && allocator.dli_fbase == libc.dli_fbase;
}

/* Whether that allocator has ever taken memory from the kernel; its own word, under its own locks. */
static bool in_use(void)
{
  if (table.mallinfo2) {
    struct heap_next_info info = table.mallinfo2();

    return info.arena || info.hblks;
  }
  if (table.mallinfo) {
    struct mallinfo info = table.mallinfo();

    return info.arena || info.hblks;
  }
  return false;
}

bool heap_next_may_own(void)
{
  if (!found)
    heap_next_find();
  return table.free && table.realloc && in_use();
}

/* Counts a foreign block, and tells whether the next allocator may be asked about it. */
static bool may_be_next(void)
{
  __atomic_fetch_add(&foreign_count, 1, __ATOMIC_RELAXED);
  return heap_next_may_own();
}

void heap_next_free_foreign(void *p)
{
  if (may_be_next())
    table.free(p);
}

void *heap_next_resize_foreign(void *p, size_t size)
{
  return may_be_next() ? table.realloc(p, size) : NULL;
}

unsigned long heap_next_foreign_count(void)
{
  return __atomic_load_n(&foreign_count, __ATOMIC_RELAXED);
}
