/*
 * Packing one trace: what `vmtrace pack` and `vmtrace run` do with files.
 */
#ifndef VMTRACE_PACK_TRACE_H
#define VMTRACE_PACK_TRACE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>

#define PACK_LEVEL 6 /* zstd's: above it, packing takes much longer for a few percent */
#define PACK_LEVEL_MAX 19

struct pack_wish {
  const char *output; /* a new file, the trace stays; NULL: the packed trace takes the trace's place */
  int level;
  const struct stat *only; /* the file that it must still be (device and inode), else nothing is done; NULL: any */
  bool quietly;            /* no word when there is nothing to be done: packed already, still being written */
};

struct pack_outcome {
  bool packed;
  uint64_t before, after; /* bytes */
};

/*
 * Packs the trace at path.  It is replaced or left alone, in one step: only
 * after the packed one is complete, on the disk, and has been read back and found to hold the same.
 * The name is looked up once, and a file that somebody exchanges for it meanwhile is neither read nor replaced.  Of
 * another user's files only root packs any; they stay that user's.
 * EXIT_FINE, also when there was nothing to be done, or EXIT_UNREADABLE after one line on stderr.
 */
int pack_trace(const char *path, const struct pack_wish *wish, struct pack_outcome *outcome);

#endif
