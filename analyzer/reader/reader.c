/*
 * The reader as its callers see it: a file, its tracks, and their merge.
 * Contains no decoding of its own; called by model/ and cmd/.
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
  struct tracks tracks;
  struct stream_shared shared;
  bool (*wanted)(const struct track *);
  uint64_t bytes; /* of all chunks that are read */
};

static bool any_track(const struct track *track)
{
  (void)track;
  return true;
}

static bool sampler_track(const struct track *track)
{
  return track->role == VT_ROLE_SAMPLER;
}

/* The merge of what is to be read. */
static void begin(struct reader *r)
{
  merge_init(&r->merge, &r->shared, &r->tracks, r->wanted);
  r->bytes = 0;
  for (size_t i = 0; i < r->tracks.count; i++) {
    for (size_t k = 0; r->wanted(&r->tracks.all[i]) && k < r->tracks.all[i].count; k++)
      r->bytes += r->tracks.all[i].first[k].size;
  }
}

struct reader *reader_open(const char *path, unsigned flags)
{
  struct reader *r = xcalloc(1, sizeof *r);

  r->file.fd = -1;
  r->wanted = flags & READER_SAMPLES ? sampler_track : any_track;
  if (trace_file_open(&r->file, path) < 0) {
    reader_close(r);
    return NULL;
  }
  tracks_build(&r->tracks, &r->file);
  r->shared = (struct stream_shared){
      .file = &r->file,
      .damage = &r->file.damage,
      .window_max = r->tracks.count > MANY_STREAMS ? WINDOW_MANY : WINDOW_MAX,
      .window_max_packed = r->tracks.count > MANY_STREAMS ? WINDOW_MAX : VT_CHUNK_MAX,
  };
  begin(r);
  return r;
}

/* Leaves of a stream's chunks those that may hold something from these times: a chunk ends when the next one begins. */
static void track_limit(struct track *track, uint64_t from_ns, uint64_t to_ns)
{
  while (track->count > 1 && track->first[1].start_ns < from_ns) {
    track->first++;
    track->count--;
  }
  while (track->count && track->first[track->count - 1].start_ns > to_ns)
    track->count--;
  track->start_ns = track->first->start_ns;
}

void reader_limit(struct reader *r, uint64_t from_ns, uint64_t to_ns)
{
  for (size_t i = 0; i < r->tracks.count; i++)
    track_limit(&r->tracks.all[i], from_ns, to_ns);
  merge_release(&r->merge);
  begin(r);
}

void reader_close(struct reader *r)
{
  if (!r)
    return;
  merge_release(&r->merge);
  tracks_release(&r->tracks);
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
  const struct track *track = tracks_find(&r->tracks, thread);

  return track ? track->lineage : "?";
}

bool reader_has_lineage(const struct reader *r, const char *lineage)
{
  for (size_t i = 0; i < r->tracks.count; i++) {
    if (!strcmp(r->tracks.all[i].lineage, lineage))
      return true;
  }
  return false;
}

unsigned reader_threads(const struct reader *r)
{
  return (unsigned)r->tracks.programs;
}
