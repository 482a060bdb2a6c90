/*
 * Reading a packed trace back, chunk by chunk while it is being written, and
 * comparing every event with the original.
 */
#ifndef VMTRACE_PACK_CHECK_H
#define VMTRACE_PACK_CHECK_H

#include <stdbool.h>

#include "reader/trace_file.h"

struct pack_check;

/*
 * trace is the original, path in messages, fd the packed file, of which every chunk is to be added
 * when it has been written: stream by stream, in their order.  threaded: a thread of its
 * own reads them, at the same time; else, or where there can be none, pack_check_add does.  NULL after one line on
 * stderr.
 */
struct pack_check *pack_check_new(int trace, const char *path, int fd, bool threaded);
void pack_check_add(struct pack_check *c, const struct chunk_place *place);

/* Waits for the rest and frees c.  Whether both hold the same: all streams, and of each every event. */
bool pack_check_finish(struct pack_check *c);

#endif
