/*
 * Where C++'s operator new and delete lead.  See hook_new.h.
 *
 * An operator new may call the program's new-handler and may throw: the guard
 * is never held across one.  What bad_alloc is, only the C++ library knows: where this file
 * has no memory it hands the call on to that, which tries, and fails, by its own rules.
 */
#include "entry/hook_new.h"

#include <dlfcn.h>
#include <errno.h>
#include <stdint.h>

#include "base/dl_error.h"
#include "base/log.h"
#include "entry/allocation.h"
#include "entry/hook.h"
#include "entry/next_libc.h"
#include "entry/process.h"
#include "heap/heap.h"
#include "heap/next.h"

static operator_fn next_operator[OPERATOR_COUNT];

/* ---- the next allocator's own: seen_* ---- */

/* Some of them go through the hooks after all (jemalloc's aligned ones through aligned_alloc): not recorded twice. */
static void expect_new(void)
{
  hook_thread()->given = NULL;
}

static void note_new(const void *p, size_t align, size_t size, uintptr_t frame)
{
  struct hook h = hook_begin(frame);

  if (h.thread->given != p)
    block_record(&h, p, align, size);
  hook_end(&h);
}

#define SEEN_NEW(index, symbol, parameters, arguments, alignment, throws)                                              \
  static void *seen##symbol parameters                                                                                 \
  {                                                                                                                    \
    void *p;                                                                                                           \
                                                                                                                       \
    expect_new();                                                                                                      \
    p = ((void *(*)parameters)next_operator[index])arguments;                                                          \
    note_new(p, alignment, size, HOOK_FRAME);                                                                          \
    return p;                                                                                                          \
  }
OPERATORS_NEW(SEEN_NEW)

/* That allocator may give the address out at once: the record comes before the free, under one guard. */
static void note_delete(const struct hook *h, const void *p)
{
  HOOK_RECORD(h, FREE, (uint64_t)(uintptr_t)p);
  h->thread->freeing = p;
}

#define SEEN_DELETE(index, symbol, parameters, arguments)                                                              \
  static void seen##symbol parameters                                                                                  \
  {                                                                                                                    \
    struct hook h = hook_begin(HOOK_FRAME);                                                                            \
                                                                                                                       \
    if (p && heap_internal_owns(p)) {                                                                                  \
      block_free(&h, p, "operator delete");                                                                            \
    } else {                                                                                                           \
      if (p)                                                                                                           \
        note_delete(&h, p);                                                                                            \
      ((void(*) parameters)next_operator[index]) arguments;                                                            \
      h.thread->freeing = NULL;                                                                                        \
    }                                                                                                                  \
    hook_end(&h);                                                                                                      \
  }
OPERATORS_DELETE(SEEN_DELETE)

/* ---- nobody's: own_* ---- */

static void *own_new(size_t align, size_t size, uintptr_t frame)
{
  struct hook h = hook_begin(frame);
  int error = errno;
  void *p = NULL;

  if (align & (align - 1)) {
    p = NULL;
  } else if (align > HEAP_MIN_ALIGN && block_is_next(&h)) {
    p = heap_next()->memalign ? heap_next()->memalign(align, size) : NULL;
    block_record(&h, p, align, size);
  } else {
    p = block_alloc(&h, align > HEAP_MIN_ALIGN ? align : HEAP_MIN_ALIGN, size, false);
  }
  hook_end(&h);
  errno = error;
  return p;
}

/* The C++ library's function of that name, wherever it was loaded; NULL: there is none that is known by name. */
static operator_fn find_loaded(const char *symbol)
{
  static const char *const libraries[] = {"libstdc++.so.6", "libc++abi.so.1", "libc++.so.1"};
  struct thread *t = hook_thread();
  operator_fn found = NULL;

  internal_begin(t);
  for (size_t i = 0; i < sizeof libraries / sizeof *libraries && !found; i++) {
    void *library = next_libc.dlopen(libraries[i], RTLD_LAZY | RTLD_NOLOAD);

    if (!library)
      continue;
    found = (operator_fn)(uintptr_t)dlsym(library, symbol);
    next_libc.dlclose(library);
  }
  dl_error_clear(); /* what is missing is no error of the program's */
  internal_end(t);
  return found;
}

static operator_fn find_to_fail(const char *symbol, bool throws)
{
  operator_fn found = find_loaded(symbol);

  if (!found && throws) {
    log_error("operator new has no memory, and no C++ library that could say so is known");
    next_libc.abort();
  }
  return found;
}

#define OWN_NEW(index, symbol, parameters, arguments, alignment, throws)                                               \
  static void *own##symbol parameters                                                                                  \
  {                                                                                                                    \
    void *p = own_new(alignment, size, HOOK_FRAME);                                                                    \
    operator_fn last;                                                                                                  \
                                                                                                                       \
    if (likely(p))                                                                                                     \
      return p;                                                                                                        \
    last = find_to_fail(#symbol, throws);                                                                              \
    return last ? ((void *(*)parameters)last)arguments : NULL;                                                         \
  }
OPERATORS_NEW(OWN_NEW)

/* Of all kinds: sizes and alignments that come behind p are not looked at. */
static void own_delete(void *p)
{
  struct hook h;

  if (!p)
    return;
  h = hook_begin(HOOK_FRAME);
  block_free(&h, p, "operator delete");
  hook_end(&h);
}

/* ---- the choice ---- */

/* Whether the function lies in the object that the next malloc is in: then it takes a way of its own to the same heap.
 * Its malloc may be another's, though: jemalloc's aligned operators call what the program calls. */
static bool is_the_allocators(operator_fn fn, const void *next_malloc)
{
  Dl_info there, here;

  return next_malloc && dladdr((void *)(uintptr_t)fn, &there) && dladdr(next_malloc, &here) &&
         there.dli_fbase == here.dli_fbase;
}

static operator_fn choose(operator_fn next, operator_fn seen, operator_fn own, const void *next_malloc)
{
  if (!next)
    return own;
  if (process_mode() == PROCESS_PASS || !is_the_allocators(next, next_malloc))
    return next;
  return process_mode() == PROCESS_NEXT ? seen : own;
}

/*
 * Called by the first operator that the program uses, not at start: a dlsym that
 * fails allocates its message, and the first hook may be in the middle of the program's own malloc.  Two
 * threads at once find the same.
 */
void operators_find(void)
{
  struct thread *t = hook_thread();
  void *next_malloc;

  internal_begin(t);
  next_malloc = dlsym(RTLD_NEXT, "malloc");
#define FIND(index, symbol, own)                                                                                       \
  next_operator[index] = (operator_fn)(uintptr_t)dlsym(RTLD_NEXT, #symbol);                                            \
  __atomic_store_n(                                                                                                    \
      &operator_target[index],                                                                                         \
      choose(next_operator[index], (operator_fn)(uintptr_t)seen##symbol, (operator_fn)(uintptr_t)own, next_malloc),    \
      __ATOMIC_RELEASE);
#define FIND_NEW(index, symbol, ...) FIND(index, symbol, own##symbol)
#define FIND_DELETE(index, symbol, ...) FIND(index, symbol, own_delete)
  OPERATORS_NEW(FIND_NEW)
  OPERATORS_DELETE(FIND_DELETE)
#undef FIND
  dl_error_clear(); /* an operator that is missing is no error of the program's */
  internal_end(t);
}

/* Before the choice each entry leads to the one that makes it. */
#define FIRST(index, symbol, ...) [index] = first##symbol,
operator_fn operator_target[OPERATOR_COUNT] = {OPERATORS_NEW(FIRST) OPERATORS_DELETE(FIRST)};
