/*
 * What a test's own process uses, as the kernel has it.  Ends the test when
 * that cannot be read.
 */
#ifndef TESTS_MEMORY_USE_H
#define TESTS_MEMORY_USE_H

#include <stddef.h>

/* Resident bytes. */
size_t resident(void);
unsigned mappings(void);

#endif
