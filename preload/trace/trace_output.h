/*
 * The file behind the trace: its name, its descriptor and its space.  Knows
 * nothing of what is in it, but that space is given out in whole blocks.
 * Called by this room only, in slow halves.  Results are 0 or more, or -errno;
 * nothing here logs, stops the trace or takes a lock.
 */
#ifndef VMTRACE_TRACE_OUTPUT_H
#define VMTRACE_TRACE_OUTPUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TRACE_PATH_MAX 4200 /* OPTION_PATH_MAX and a numbered ending */

/* A descriptor for one transfer, from output_begin to output_end. */
struct output_use {
  int fd;
  bool transient; /* opened for this transfer: in a descriptor table that is not the program's */
};

/* Creates a file that was not there, by the template's name, in the directory that it names, or with a number before
 * .vmt (at its end, if it ends otherwise); its descriptor is high and close-on-exec.  Called while the process has one
 * thread. */
int output_create(const char *path_template, int pid);
/* The next output_forget and output_create are in the child of a clone that no hook saw, which may share its parent's
 * descriptor table (CLONE_FILES).  If it does, the parent's descriptor stays, and none of the child's does: each
 * transfer opens the file anew. */
void output_distrust(void);
/* Closes the descriptor, if it is still the file's; then there is no output. */
void output_forget(void);
/* Takes back what output_create did. */
void output_discard(void);
const char *output_path(void); /* "": none */

/*
 * The descriptor, checked to be the trace's own: the program may have closed
 * it, and may have opened something else there.  If it is lost the file is opened again by
 * path; -EBADF: that failed.  foreign: the caller's descriptor table may not be the program's (the sampler's, a vfork
 * child's), so that a new descriptor is for this transfer alone.
 */
int output_begin(struct output_use *use, bool foreign);
void output_end(const struct output_use *use);

/* Gives out size bytes; their offset, or -EFBIG when the file may not grow that long. */
int64_t output_claim(uint32_t size);
/* Sets aside the file's blocks from start to end, zeroed, so that stores to a mapping cannot fail for want of them. */
int output_reserve(const struct output_use *use, uint64_t start, uint64_t end);
/* head and body, one after the other, at offset. */
int output_write(const struct output_use *use, const void *head, size_t head_size, const void *body, size_t body_size,
                 uint64_t offset);

/* Whether fd is this very file; the number that it has in the program's table. */
bool output_is(int fd);
int output_number(void);
/* Gives the file another descriptor number, waits until nobody uses the old one, and closes that. */
void output_move(void);

#endif
