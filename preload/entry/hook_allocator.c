/*
 * The second names of the malloc family: libc's __libc_*, and what jemalloc, tcmalloc and mimalloc call their
 * functions.  A program mixes them with malloc and free.  A block goes to the heap that has it.
 *
 * libc's second names are served and recorded like the first ones.  An allocator's own functions serve their own blocks
 * and leave no record; only a block of the pinned heap is kept from them.  That allocator may be a private one of a
 * plug-in: the function is then the one that the caller would have got.
 */
#include <dlfcn.h>
#include <errno.h>
#include <stdint.h>
#include <string.h>

#include "base/dl_error.h"
#include "entry/allocation.h"
#include "entry/allocator_names.h"
#include "entry/hook.h"
#include "entry/libc_names.h"
#include "entry/next_libc.h"
#include "entry/process.h"
#include "heap/heap.h"

#define PAGE ((size_t)4096)

static size_t counted(size_t count, size_t size)
{
  size_t bytes;

  return __builtin_mul_overflow(count, size, &bytes) ? SIZE_MAX : bytes;
}
#define COUNTED(count, size) counted(count, size)

/* ---- the functions behind ---- */

enum allocator_function {
#define X(symbol, ...) FUNCTION_##symbol,
  ALLOCATOR_FREES(X) ALLOCATOR_RESIZES(X) ALLOCATOR_SIZES(X)
#undef X
      FUNCTIONS
};

typedef void (*allocator_fn)(void);
static allocator_fn function_behind[FUNCTIONS]; /* atomic; by RTLD_NEXT, and so the same for all callers */

/* In the object that calls and in what that depends on: a plug-in may bring the allocator along. */
static allocator_fn find_beside(const char *symbol, const void *caller)
{
  allocator_fn found = NULL;
  Dl_info info;
  void *object;

  if (!dladdr(caller, &info) || !info.dli_fname)
    return NULL;
  object = next_libc.dlopen(info.dli_fname, RTLD_LAZY | RTLD_NOLOAD);
  if (!object)
    return NULL;
  found = (allocator_fn)(uintptr_t)dlsym(object, symbol);
  next_libc.dlclose(object);
  return found;
}

/* NULL: the program got hold of a name that nobody but this library has. */
static allocator_fn find_behind(enum allocator_function index, const char *symbol, const void *caller)
{
  allocator_fn found = __atomic_load_n(&function_behind[index], __ATOMIC_RELAXED);
  struct thread *t;

  if (likely(found != NULL))
    return found;
  t = hook_thread();
  internal_begin(t);
  found = (allocator_fn)(uintptr_t)dlsym(RTLD_NEXT, symbol);
  __atomic_store_n(&function_behind[index], found, __ATOMIC_RELAXED);
  if (!found)
    found = find_beside(symbol, caller);
  dl_error_clear();
  internal_end(t);
  return found;
}

#define BEHIND(symbol) find_behind(FUNCTION_##symbol, #symbol, __builtin_return_address(0))

/* ---- blocks of the pinned heap ---- */

static bool is_pinned(const void *p)
{
  return p && (heap_internal_owns(p) || (process_mode() == PROCESS_PIN && heap_uses(p)));
}

static void pinned_free(void *p, const char *call, uintptr_t frame)
{
  struct hook h;

  if (!p)
    return;
  h = hook_begin(frame);
  block_free(&h, p, call);
  hook_end(&h);
}

static size_t pinned_size(const void *p, uintptr_t frame)
{
  struct hook h = hook_begin(frame);
  size_t size = p ? block_usable(&h, p) : 0;

  hook_end(&h);
  return size;
}

/* A block with that alignment in place of p, which goes; NULL: out of memory, and p stays. */
static void *pinned_move(const struct hook *h, void *p, size_t old, size_t size, size_t align)
{
  void *q = block_alloc(h, align, size, false);

  if (q) {
    memcpy(q, p, old < size ? old : size);
    block_free(h, p, "realloc");
  }
  return q;
}

static void *pinned_resize(void *p, size_t size, size_t align, bool zeroed, uintptr_t frame)
{
  struct hook h = hook_begin(frame);
  size_t old = p ? block_usable(&h, p) : 0;
  void *q = NULL;

  if (size > BLOCK_MAX || align & (align - 1))
    errno = ENOMEM;
  else if (!p)
    q = block_alloc(&h, align > HEAP_MIN_ALIGN ? align : HEAP_MIN_ALIGN, size, zeroed);
  else if (align > HEAP_MIN_ALIGN)
    q = pinned_move(&h, p, old, size, align);
  else
    q = block_resize(&h, p, size ? size : 1);
  hook_end(&h);
  if (p && q && zeroed && size > old)
    memset((char *)q + old, 0, size - old);
  return q;
}

/* ---- the allocators' names ---- */

#define FREE_HOOK(symbol, parameters, arguments)                                                                       \
  EXPORT void symbol parameters;                                                                                       \
  EXPORT void symbol parameters                                                                                        \
  {                                                                                                                    \
    allocator_fn behind = is_pinned(p) ? NULL : BEHIND(symbol);                                                        \
                                                                                                                       \
    if (behind)                                                                                                        \
      ((void(*) parameters)behind) arguments;                                                                          \
    else                                                                                                               \
      pinned_free(p, #symbol, HOOK_FRAME);                                                                             \
  }
ALLOCATOR_FREES(FREE_HOOK)

#define RESIZE_HOOK(symbol, parameters, arguments, new_size, align, zeroed, frees)                                     \
  EXPORT void *symbol parameters;                                                                                      \
  EXPORT void *symbol parameters                                                                                       \
  {                                                                                                                    \
    allocator_fn behind = is_pinned(p) ? NULL : BEHIND(symbol);                                                        \
    void *q;                                                                                                           \
                                                                                                                       \
    if (behind)                                                                                                        \
      return ((void *(*)parameters)behind)arguments;                                                                   \
    q = pinned_resize(p, new_size, align, zeroed, HOOK_FRAME);                                                         \
    if (!q && (frees))                                                                                                 \
      pinned_free(p, #symbol, HOOK_FRAME);                                                                             \
    return q;                                                                                                          \
  }
ALLOCATOR_RESIZES(RESIZE_HOOK)

#define SIZE_HOOK(symbol, parameters, arguments)                                                                       \
  EXPORT size_t symbol parameters;                                                                                     \
  EXPORT size_t symbol parameters                                                                                      \
  {                                                                                                                    \
    allocator_fn behind = is_pinned(p) ? NULL : BEHIND(symbol);                                                        \
                                                                                                                       \
    return behind ? ((size_t(*) parameters)behind)arguments : pinned_size(p, HOOK_FRAME);                              \
  }
ALLOCATOR_SIZES(SIZE_HOOK)

/* ---- libc's second names ---- */

/* Only what the program itself calls: another interposer's malloc, whose hook is running, may rest on these names. */
static bool is_observed(const struct hook *h)
{
  return h->state == HOOK_READY && process_mode() == PROCESS_NEXT;
}

static void observe_free(const struct hook *h, const void *p)
{
  if (!p || !is_observed(h))
    return;
  HOOK_RECORD(h, FREE, (uint64_t)(uintptr_t)p);
  h->thread->freeing = p;
}

static void observe_alloc(const struct hook *h, const void *p, size_t size, size_t align)
{
  if (is_observed(h))
    block_record(h, p, align, size);
}

static void observe_resize(const struct hook *h, const void *p, const void *q, size_t size)
{
  if (!q || !is_observed(h))
    return;
  if (p)
    HOOK_RECORD(h, REALLOC, (uint64_t)(uintptr_t)p, (uint64_t)(uintptr_t)q, size);
  else
    block_record(h, q, HEAP_MIN_ALIGN, size);
}

static void *libc_alloc(size_t align, size_t size, bool zeroed, uintptr_t frame)
{
  struct hook h = hook_begin(frame);
  void *p;

  if (!block_is_next(&h)) {
    p = block_alloc(&h, align, size, zeroed);
  } else {
    if (align > HEAP_MIN_ALIGN)
      p = next_libc.__libc_memalign(align, size);
    else
      p = zeroed ? next_libc.__libc_calloc(1, size) : next_libc.__libc_malloc(size);
    observe_alloc(&h, p, size, align);
  }
  hook_end(&h);
  return p;
}

EXPORT void *__libc_malloc(size_t size)
{
  return libc_alloc(HEAP_MIN_ALIGN, size, false, HOOK_FRAME);
}

EXPORT void *__libc_calloc(size_t count, size_t size)
{
  return libc_alloc(HEAP_MIN_ALIGN, counted(count, size), true, HOOK_FRAME);
}

EXPORT void *__libc_memalign(size_t align, size_t size)
{
  size_t power = HEAP_MIN_ALIGN;

  if (align > SIZE_MAX / 2 + 1) {
    errno = EINVAL;
    return NULL;
  }
  while (power < align)
    power <<= 1;
  return libc_alloc(power, size, false, HOOK_FRAME);
}

EXPORT void *__libc_valloc(size_t size)
{
  return libc_alloc(PAGE, size, false, HOOK_FRAME);
}

EXPORT void *__libc_pvalloc(size_t size)
{
  size_t rounded = size > SIZE_MAX - PAGE ? SIZE_MAX : (size + PAGE - 1) & ~(PAGE - 1);

  return libc_alloc(PAGE, rounded, false, HOOK_FRAME);
}

EXPORT void __libc_free(void *p)
{
  struct hook h;

  if (!p)
    return;
  h = hook_begin(HOOK_FRAME);
  if (!block_is_next(&h) || heap_internal_owns(p)) {
    block_free(&h, p, "__libc_free");
  } else {
    observe_free(&h, p);
    next_libc.__libc_free(p);
    if (is_observed(&h))
      h.thread->freeing = NULL;
  }
  hook_end(&h);
}

EXPORT void __libc_cfree(void *p)
{
  __libc_free(p);
}

EXPORT void *__libc_realloc(void *p, size_t size)
{
  struct hook h = hook_begin(HOOK_FRAME);
  void *q = NULL;

  if (!block_is_next(&h) || heap_internal_owns(p)) {
    if (!p)
      q = block_alloc(&h, HEAP_MIN_ALIGN, size, false);
    else if (size == 0)
      block_free(&h, p, "__libc_realloc");
    else
      q = block_resize(&h, p, size);
  } else {
    q = next_libc.__libc_realloc(p, size);
    observe_resize(&h, p, q, size);
    if (p && size == 0 && !q && is_observed(&h))
      HOOK_RECORD(&h, FREE, (uint64_t)(uintptr_t)p);
  }
  hook_end(&h);
  return q;
}
