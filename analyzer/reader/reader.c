/*
 * The reader as its callers see it: a file, its streams, and their merge.
 * Contains no decoding of its own; called by query/session/ and cmd/.
 */
#include "reader/reader.h"

#include <stdlib.h>
#include <string.h>

#include "reader/merge.h"
#include "reader/xalloc.h"

/* Enough for the disk, and small enough for the second-level cache. */
#define WINDOW_MAX 65536u

/* With more streams than MANY_STREAMS windows are smaller, and packed chunks are not kept unpacked as a whole. */
#define MANY_STREAMS 64
#define WINDOW_MANY 16384u

struct reader {
  struct merge merge; /* first: what reader_next touches */
  struct trace_file file;
  struct stream_list streams;
  struct stream_shared shared;
  bool (*wanted)(const struct stream_info *);
  uint64_t bytes; /* of all chunks that are read */
};

static bool any_stream(const struct stream_info *info)
{
  (void)info;
  return true;
}

static bool sampler_stream(const struct stream_info *info)
{
  return info->role == VT_ROLE_SAMPLER;
}

/* The merge of what is to be read. */
static void begin(struct reader *r)
{
  merge_init(&r->merge, &r->shared, &r->streams, r->wanted);
  r->bytes = 0;
  for (size_t i = 0; i < r->streams.count; i++) {
    for (size_t k = 0; r->wanted(&r->streams.all[i]) && k < r->streams.all[i].count; k++)
      r->bytes += r->streams.all[i].first[k].size;
  }
}

struct reader *reader_open(const char *path, unsigned flags)
{
  struct reader *r = xcalloc(1, sizeof *r);

  r->file.fd = -1;
  r->wanted = flags & READER_SAMPLES ? sampler_stream : any_stream;
  if (trace_file_open(&r->file, path) < 0) {
    reader_close(r);
    return NULL;
  }
  stream_list_build(&r->streams, &r->file);
  r->shared = (struct stream_shared){
      .file = &r->file,
      .damage = &r->file.damage,
      .window_max = r->streams.count > MANY_STREAMS ? WINDOW_MANY : WINDOW_MAX,
      .window_max_packed = r->streams.count > MANY_STREAMS ? WINDOW_MAX : VT_CHUNK_MAX,
  };
  begin(r);
  return r;
}

void reader_samples_alone(struct reader *r)
{
  r->wanted = sampler_stream;
  merge_release(&r->merge);
  begin(r);
}

/* Leaves of a stream's chunks those that may hold something from these times: a chunk ends when the next one begins. */
static void stream_limit(struct stream_info *info, uint64_t from_ns, uint64_t to_ns)
{
  while (info->count > 1 && info->first[1].start_ns < from_ns) {
    info->first++;
    info->count--;
  }
  while (info->count && info->first[info->count - 1].start_ns > to_ns)
    info->count--;
  info->start_ns = info->first->start_ns;
}

void reader_limit(struct reader *r, uint64_t from_ns, uint64_t to_ns)
{
  for (size_t i = 0; i < r->streams.count; i++)
    stream_limit(&r->streams.all[i], from_ns, to_ns);
  merge_release(&r->merge);
  begin(r);
}

void reader_close(struct reader *r)
{
  if (!r)
    return;
  merge_release(&r->merge);
  stream_list_release(&r->streams);
  stream_shared_release(&r->shared);
  trace_file_close(&r->file);
  free(r);
}

const char *reader_path(const struct reader *r)
{
  return r->file.path;
}

uint64_t reader_size(const struct reader *r)
{
  return r->file.size;
}

const struct vt_file_header *reader_header(const struct reader *r)
{
  return &r->file.header;
}

uint64_t reader_last_ns(const struct reader *r)
{
  const struct vt_file_header *h = &r->file.header;
  uint64_t last_ns = h->last_ns;

  if (h->end_ns)
    return h->end_ns;
  for (size_t i = 0; i < r->file.chunk_count; i++)
    last_ns = r->file.chunks[i].start_ns > last_ns ? r->file.chunks[i].start_ns : last_ns;
  return last_ns;
}

const struct reader_damage *reader_damage(const struct reader *r)
{
  return &r->file.damage;
}

const struct event *reader_next(struct reader *r)
{
  return merge_next(&r->merge);
}

double reader_progress(const struct reader *r)
{
  return r->bytes ? (double)r->shared.done / (double)r->bytes : 1;
}

const char *reader_lineage(const struct reader *r, uint32_t thread)
{
  const struct stream_info *info = stream_list_find(&r->streams, thread);

  return info ? info->lineage : "?";
}

bool reader_has_lineage(const struct reader *r, const char *lineage)
{
  for (size_t i = 0; i < r->streams.count; i++) {
    if (!strcmp(r->streams.all[i].lineage, lineage))
      return true;
  }
  return false;
}

unsigned reader_threads(const struct reader *r)
{
  return (unsigned)r->streams.programs;
}
