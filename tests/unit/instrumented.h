/*
 * Whether the tests run under ThreadSanitizer or AddressSanitizer.  Such code
 * is an order of magnitude slower, its shadow memory is never given back, and the sanitizers' runtimes need address
 * space of their own: sizes say nothing there.
 */
#ifndef TESTS_INSTRUMENTED_H
#define TESTS_INSTRUMENTED_H

#include <stdbool.h>

/* ROUNDS_SHARE: of their long loops, tests do one so-many-th.  A constant, for the size of an array. */
#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
#define INSTRUMENTED true
#define ROUNDS_SHARE 20
#else
#define INSTRUMENTED false
#define ROUNDS_SHARE 1
#endif

/* ThreadSanitizer alone. */
#if defined(__SANITIZE_THREAD__)
#define THREADS_INSTRUMENTED true
#else
#define THREADS_INSTRUMENTED false
#endif

#endif
