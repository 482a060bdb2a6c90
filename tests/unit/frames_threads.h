/*
 * What tests of the sampler's helper ask /proc about the threads of their own
 * process.  All functions end the test with a message when something cannot be done.
 */
#ifndef TESTS_FRAMES_THREADS_H
#define TESTS_FRAMES_THREADS_H

#include <stddef.h>

/* Descriptors of a thread as one string, "0 1 2 7 "; the one that lists them left out. */
void list_descriptors(int tid, char *text, size_t size);
/* The threads of the process besides the calling one; *other is one of them. */
int other_threads(int *other);
/* The value of a key in /proc/self/task/TID/status; empty when it is not there. */
void read_status(int tid, const char *key, char *value, size_t size);

#endif
