/*
 * The file behind the trace: its name, its descriptor and its space.  Knows
 * nothing of what is in it, but that space is given out in whole blocks.
 * Called by this room only, in slow halves.  Results are 0 or more, or -errno;
 * nothing here logs, stops the trace or takes a lock.
 */
#ifndef VMTRACE_TRACE_FILE_H
#define VMTRACE_TRACE_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TRACE_PATH_MAX 4200 /* OPTION_PATH_MAX and a numbered ending */

/* A descriptor for one transfer, from file_begin to file_end. */
struct file_use {
  int fd;
  bool transient; /* opened for this transfer: in a descriptor table that is not the program's */
};

/* Creates a file that was not there, by the template's name or with .1, .2 ... added; its descriptor is high and
 * close-on-exec.  Called while the process has one thread. */
int file_create(const char *path_template, int pid);
/* Closes the descriptor, if it is still the file's; then there is no file. */
void file_forget(void);
/* Takes back what file_create did. */
void file_discard(void);
const char *file_path(void); /* "": none */

/*
 * The descriptor, checked to be the trace's own: the program may have closed
 * it, and may have opened something else there.  If it is lost the file is opened again by
 * path; -EBADF: that failed.  foreign: the caller's descriptor table may not be the program's (the sampler's, a vfork
 * child's), so that a new descriptor is for this transfer alone.
 */
int file_begin(struct file_use *use, bool foreign);
void file_end(const struct file_use *use);

/* Gives out size bytes; their offset, or -EFBIG when the file may not grow that long. */
int64_t file_claim(uint32_t size);
/* Sets aside the file's blocks from start to end, zeroed, so that stores to a mapping cannot fail for want of them. */
int file_reserve(const struct file_use *use, uint64_t start, uint64_t end);
/* head and body, one after the other, at offset. */
int file_write(const struct file_use *use, const void *head, size_t head_size, const void *body, size_t body_size,
               uint64_t offset);

/* Whether fd is this very file; the number that it has in the program's table. */
bool file_is(int fd);
int file_number(void);
/* Gives the file another descriptor number, waits until nobody uses the old one, and closes that. */
void file_move(void);

#endif
