/*
 * A trace as a file: the checked header and the index of its chunks.
 */
#ifndef VMTRACE_TRACE_FILE_H
#define VMTRACE_TRACE_FILE_H

#include "reader/reader.h"

/* Where a chunk is.  The rest of its header is read again when its turn comes. */
struct chunk_place {
  uint64_t offset;
  uint32_t thread, number;
  uint32_t size;     /* bytes of it that are in the file */
  uint64_t start_ns; /* when it begins, and what is before it in its stream ends */
};

struct trace_file {
  int fd;
  char *path;
  uint64_t size;
  struct vt_file_header header; /* strings are NUL-terminated, cmdline_len is within cmdline */
  struct reader_damage damage;
  struct chunk_place *chunks; /* by thread, then number; each number once */
  size_t chunk_count;
  uint64_t short_chunk; /* offset of the chunk that the file ends in; 0: in none */
};

/* Opens, checks the header and indexes the chunks by one pass over their headers.  -1 after one line on stderr. */
int trace_file_open(struct trace_file *file, const char *path);
/* The same for a file that is open: a descriptor of its own is made.  path is for messages. */
int trace_file_use(struct trace_file *file, const char *path, int fd);
void trace_file_close(struct trace_file *file);

/* Reads up to size bytes at offset; how many there were (0 at the end of the file and on errors). */
size_t trace_file_read(const struct trace_file *file, void *buf, size_t size, uint64_t offset);

/* Reads and checks the header of a chunk; false when it is none. */
bool trace_file_chunk(const struct trace_file *file, uint64_t offset, struct vt_chunk_header *header);

/* Notes where the first damage is. */
void damage_at(struct reader_damage *damage, uint64_t offset);

#endif
