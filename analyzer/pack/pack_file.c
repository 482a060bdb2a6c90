/*
 * Packs a trace into a new file, which pack_check.c reads back at the same
 * time.  Decides about no file names and removes nothing: that is cmd/pack_trace.c's, who calls this.
 */
#include "pack/pack_file.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "pack/chunk_join.h"
#include "pack/columns.h"
#include "pack/pack_check.h"
#include "reader/complain.h"
#include "reader/xalloc.h"

/* Large chunks compress better, but each stream that is read holds one unpacked: with many streams they are small. */
#define CHUNK_RAW (VT_CHUNK_MAX - 32768u)
#define CHUNK_RAW_MANY 65536u
#define MANY_STREAMS 64

/* What cannot be compressed is longer than its records by zstd's frame, and must still fit into a chunk. */
_Static_assert(CHUNK_RAW + CHUNK_RAW / 128 + VT_CHUNK_ALIGN < VT_CHUNK_MAX, "what cannot be packed fits into a chunk");

struct pack_file {
  const struct trace_file *file;
  int fd;
  const char *name; /* of the new file */
  int level;
  uint64_t offset; /* of the next chunk in the new file */
  struct columns *columns;
  struct chunk_join join;
  struct pack_check *check;
  uint8_t *packed; /* room for a packed chunk, its header included */
  uint8_t *data;   /* room for a chunk as it is in the trace */
};

static int write_at(const struct pack_file *r, const void *bytes, size_t n, uint64_t offset)
{
  for (size_t done = 0; done < n;) {
    ssize_t wrote = pwrite(r->fd, (const char *)bytes + done, n - done, (off_t)(offset + done));

    if (wrote < 0 && errno == EINTR)
      continue;
    if (wrote <= 0) {
      complain("%s: cannot be written: %s", r->name, strerror(wrote < 0 ? errno : EIO));
      return -1;
    }
    done += (size_t)wrote;
  }
  return 0;
}

/* A large chunk is complete: the sink of chunk_join. */
static int write_chunk(void *arg, const struct vt_chunk_header *header, const uint8_t *raw, size_t raw_size)
{
  struct pack_file *r = arg;
  struct vt_chunk_header h = *header;
  struct chunk_place place = {.offset = r->offset, .thread = h.thread, .number = h.number, .start_ns = h.start_ns};
  size_t n = sizeof h;

  h.magic = VT_CHUNK_MAGIC;
  if (raw_size) {
    size_t packed = columns_pack(r->columns, raw, raw_size, r->level, r->packed + sizeof h, &h.form);

    h.raw_size = (uint32_t)raw_size;
    h.packed = (uint32_t)packed;
    n += packed;
  }
  h.size = (uint32_t)((n + VT_CHUNK_ALIGN - 1) & ~(size_t)(VT_CHUNK_ALIGN - 1));
  h.check = vt_chunk_check(&h);
  memcpy(r->packed, &h, sizeof h);
  memset(r->packed + n, 0, h.size - n);
  if (write_at(r, r->packed, h.size, r->offset) < 0)
    return -1;
  r->offset += h.size;
  place.size = h.size;
  pack_check_add(r->check, &place);
  return 0;
}

static int damaged(const struct pack_file *r, uint64_t offset)
{
  complain("%s: damaged at offset %llu: it is left as it is, because what cannot be read would be lost by packing",
           r->file->path, (unsigned long long)offset);
  return -1;
}

static int pack_place(struct pack_file *r, const struct chunk_place *place)
{
  struct vt_chunk_header h;
  size_t n = place->size - sizeof h;

  if (place->size <= sizeof h || !trace_file_chunk(r->file, place->offset, &h) || h.packed ||
      trace_file_read(r->file, r->data, n, place->offset + sizeof h) != n)
    return damaged(r, place->offset);
  switch (chunk_join_add(&r->join, &h, r->data, n)) {
  case CHUNK_JOINED:
    return 0;
  case CHUNK_DAMAGED:
    return damaged(r, place->offset);
  default:
    return -1;
  }
}

static int pack_chunks(struct pack_file *r, pack_file_step *step, void *arg)
{
  const struct chunk_place *chunks = r->file->chunks;

  for (size_t i = 0; i < r->file->chunk_count; i++) {
    if (i == 0 || chunks[i].thread != chunks[i - 1].thread) {
      if (chunk_join_finish(&r->join) < 0)
        return -1;
      chunk_join_start(&r->join, chunks[i].thread);
    }
    if (pack_place(r, &chunks[i]) < 0)
      return -1;
    if (i % 16 == 0)
      step(arg, (double)i / (double)r->file->chunk_count);
  }
  return chunk_join_finish(&r->join);
}

/* The header last, and its magic number at the very end: a file that is not complete is no trace. */
static int write_header(struct pack_file *r)
{
  struct vt_file_header *h = (void *)r->data;
  uint32_t size = r->file->header.header_size;

  if (trace_file_read(r->file, r->data, size, 0) != size)
    return damaged(r, 0);
  h->flags |= VT_F_PACKED;
  h->claimed = r->offset;
  memset(h->magic, 0, sizeof h->magic);
  if (write_at(r, r->data, size, 0) < 0)
    return -1;
  if (fsync(r->fd) < 0 || write_at(r, VT_MAGIC, sizeof h->magic, 0) < 0 || fsync(r->fd) < 0) {
    complain("%s: cannot be written: %s", r->name, strerror(errno));
    return -1;
  }
  return 0;
}

static size_t count_streams(const struct trace_file *file)
{
  size_t n = 0;

  for (size_t i = 0; i < file->chunk_count; i++)
    n += i == 0 || file->chunks[i].thread != file->chunks[i - 1].thread;
  return n;
}

static void pack_file_init(struct pack_file *r)
{
  size_t most = count_streams(r->file) > MANY_STREAMS ? CHUNK_RAW_MANY : CHUNK_RAW;

  r->columns = columns_new(r->file->header.addr_shift);
  r->packed = xmalloc(sizeof(struct vt_chunk_header) + columns_bound(most) + VT_CHUNK_ALIGN);
  r->data = xmalloc(VT_CHUNK_MAX);
  chunk_join_init(&r->join, most, write_chunk, r);
}

static void pack_file_release(struct pack_file *r)
{
  chunk_join_release(&r->join);
  columns_free(r->columns);
  free(r->packed);
  free(r->data);
}

/* The chunks of the new file, read back. */
static int pack_checked(struct pack_file *r, const char *path, pack_file_step *step, void *arg)
{
  int result;

  r->check = pack_check_new(r->file->fd, path, r->fd, true);
  if (!r->check)
    return -1;
  result = pack_chunks(r, step, arg);
  if (pack_check_finish(r->check) || result < 0)
    return result;
  complain("%s: packed, it does not give back what was in it; it is left as it is", path);
  return -1;
}

static bool is_damaged(const struct trace_file *file)
{
  return file->damage.cut || file->damage.bad_chunks || file->damage.bad_records;
}

static enum pack_file_result pack_file_whole(struct pack_file *r, const char *path, pack_file_step *step, void *arg)
{
  enum pack_file_result result = PACK_FILE_FAILED;

  pack_file_init(r);
  if (pack_checked(r, path, step, arg) == 0 && write_header(r) == 0)
    result = PACK_FILE_DONE;
  pack_file_release(r);
  return result;
}

enum pack_file_result pack_file(int trace, const char *path, int fd, const char *name, int level, pack_file_step *step,
                                void *arg)
{
  struct trace_file file;
  struct pack_file r = {.file = &file, .fd = fd, .name = name, .level = level};
  enum pack_file_result result = PACK_FILE_FAILED;

  if (trace_file_use(&file, path, trace) < 0)
    return PACK_FILE_FAILED;
  r.offset = file.header.header_size;
  if (file.header.flags & VT_F_PACKED)
    result = PACK_FILE_ALREADY;
  else if (is_damaged(&file))
    damaged(&r, file.damage.first_offset ? file.damage.first_offset : file.size);
  else
    result = pack_file_whole(&r, path, step, arg);
  trace_file_close(&file);
  return result;
}
