/*
 * C++'s operator new and delete: their names, their entries, which are
 * assembler for each architecture (hook_new_<architecture>.c), and where these lead.
 *
 * An entry jumps through operator_target, arguments and return address
 * unchanged, so that call stacks and exceptions pass as if it were not there. Where it
 * leads is decided by the first one that the program uses:
 *
 *  - to the next definition, where that calls malloc (libstdc++'s, or a
 *    program's own): the hook of malloc sees it;
 *  - to seen_*, where the next definition is an allocator's own, which bypasses malloc (jemalloc, mimalloc, tcmalloc),
 *    and that allocator is observed (VMTRACE_HEAP=next): calls it, and records the block;
 *  - to own_*, which takes the block from the pinned heap: where the next definition is an allocator's own, or where
 *    there is none, because C++ comes with a library that is loaded later and that this one cannot see.
 */
#ifndef VMTRACE_HOOK_NEW_H
#define VMTRACE_HOOK_NEW_H

#include <stdbool.h>
#include <stddef.h>

/* X(index, symbol, parameters, arguments, alignment, whether it throws); parameter size, tag is std::nothrow. */
#define OPERATORS_NEW(X)                                                                                               \
  X(0, _Znwm, (size_t size), (size), 0, true)                                                                          \
  X(1, _Znam, (size_t size), (size), 0, true)                                                                          \
  X(2, _ZnwmRKSt9nothrow_t, (size_t size, const void *tag), (size, tag), 0, false)                                     \
  X(3, _ZnamRKSt9nothrow_t, (size_t size, const void *tag), (size, tag), 0, false)                                     \
  X(4, _ZnwmSt11align_val_t, (size_t size, size_t align), (size, align), align, true)                                  \
  X(5, _ZnamSt11align_val_t, (size_t size, size_t align), (size, align), align, true)                                  \
  X(6, _ZnwmSt11align_val_tRKSt9nothrow_t, (size_t size, size_t align, const void *tag), (size, align, tag), align,    \
    false)                                                                                                             \
  X(7, _ZnamSt11align_val_tRKSt9nothrow_t, (size_t size, size_t align, const void *tag), (size, align, tag), align,    \
    false)

/* X(index, symbol, parameters, arguments); parameter p. */
#define OPERATORS_DELETE(X)                                                                                            \
  X(8, _ZdlPv, (void *p), (p))                                                                                         \
  X(9, _ZdaPv, (void *p), (p))                                                                                         \
  X(10, _ZdlPvm, (void *p, size_t a), (p, a))                                                                          \
  X(11, _ZdaPvm, (void *p, size_t a), (p, a))                                                                          \
  X(12, _ZdlPvRKSt9nothrow_t, (void *p, const void *a), (p, a))                                                        \
  X(13, _ZdaPvRKSt9nothrow_t, (void *p, const void *a), (p, a))                                                        \
  X(14, _ZdlPvSt11align_val_t, (void *p, size_t a), (p, a))                                                            \
  X(15, _ZdaPvSt11align_val_t, (void *p, size_t a), (p, a))                                                            \
  X(16, _ZdlPvmSt11align_val_t, (void *p, size_t a, size_t b), (p, a, b))                                              \
  X(17, _ZdaPvmSt11align_val_t, (void *p, size_t a, size_t b), (p, a, b))                                              \
  X(18, _ZdlPvSt11align_val_tRKSt9nothrow_t, (void *p, size_t a, const void *b), (p, a, b))                            \
  X(19, _ZdaPvSt11align_val_tRKSt9nothrow_t, (void *p, size_t a, const void *b), (p, a, b))

#define OPERATOR_COUNT 20

typedef void (*operator_fn)(void);
extern operator_fn operator_target[OPERATOR_COUNT] __attribute__((visibility("hidden")));

/* Decides where the entries lead. */
void operators_find(void) __attribute__((visibility("hidden")));

/* hook_new_<architecture>.c: calls operators_find, then jumps where the entry leads, so that the first operator, too,
 * is reached as if nothing stood before it. */
#define OPERATOR_FIRST(index, symbol, ...) void first##symbol(void) __attribute__((visibility("hidden")));
OPERATORS_NEW(OPERATOR_FIRST)
OPERATORS_DELETE(OPERATOR_FIRST)

#endif
