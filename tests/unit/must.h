/*
 * A check for inner loops.
 */
#ifndef TESTS_MUST_H
#define TESTS_MUST_H

#include <check.h>

/* As ck_assert_msg, but without its bookkeeping of every success in a file: these are checked millions of times. */
#define must(condition, ...)                                                                                           \
  do {                                                                                                                 \
    if (!(condition))                                                                                                  \
      ck_abort_msg(__VA_ARGS__);                                                                                       \
  } while (0)

/* The same, saying the condition itself. */
#define need(condition) must(condition, "%s", #condition)

#endif
