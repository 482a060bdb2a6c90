/*
 * What tests expect of the reader, whatever the trace.  Each ends the test
 * when it does not hold.
 */
#ifndef TESTS_READER_ASSERT_H
#define TESTS_READER_ASSERT_H

#include "reader/reader.h"

/* The trace opens, for all its events; the caller closes it. */
struct reader *reader_opened(const char *path);

/* It does not: there is one line on stderr, which names the path and contains words. */
void reader_assert_refused(const char *path, const char *words);

/* Nothing was found damaged so far. */
void reader_assert_undamaged(const struct reader *r);

#endif
