/*
 * A sampler in the test's own thread, and what its picture is compared with.
 * set_up and tear_down are the fixture of the test cases.
 */
#ifndef TESTS_FRAMES_SAMPLING_H
#define TESTS_FRAMES_SAMPLING_H

#include <stddef.h>

#include "frames/sample.h"

#define PAGES 64
#define PAGE_AT(base, i) ((base) + (size_t)(i)*FRAME_SIZE)
#define LIVE (VT_PG_PRESENT | VT_PG_EXCLUSIVE | VT_PG_FILE | VT_PG_SWAPPED)

extern struct sampling *sampling;
extern struct proc_files files;
extern int pagemap; /* this process's, as the kernel has it */

void set_up(void);
/* A sampler that has not seen anything yet. */
void sampling_renew(void);
void tear_down(void);

/* One sample, in as many slices as it takes (a sanitizer's shadow makes for a large process). */
void sample_by(const struct proc_files *by);
void sample(void);

/* New private or shared memory; ends the test when there is none. */
char *map(size_t pages, int prot, int flags);
/* The picture agrees with the kernel about n pages. */
void assert_agrees(const char *base, size_t n);

#endif
