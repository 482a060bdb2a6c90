/*
 * Groups the index of chunks by stream and reads each stream's first record,
 * which says whose it is.  Decodes nothing else.  Called by reader.c when a trace is opened.
 */
#include "reader/track.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "reader/complain.h"
#include "reader/stream.h"
#include "reader/xalloc.h"

#define LINEAGE_MAX 4096 /* characters; a longer chain of creations is named by its stream */

/* The first record, which must be VT_R_THREAD; what cannot be read leaves the track adopted. */
static void track_read(struct track *track, struct stream_shared *shared)
{
  struct stream stream;
  enum stream_step step = STREAM_END;

  if (stream_init(&stream, shared, track->first, track->count)) {
    track->start_ns = stream.clock;
    do
      step = stream_step(&stream);
    while (step == STREAM_CLOCK || (step == STREAM_EVENT && stream.event.type == VT_R_LOSS));
  }
  if (step == STREAM_EVENT && stream.event.type == VT_R_THREAD) {
    track->parent = (uint32_t)stream.event.field[0];
    track->ordinal = (uint32_t)stream.event.field[1];
    track->role = (uint32_t)stream.event.field[3];
  }
  stream_release(&stream);
}

static size_t count_streams(const struct trace_file *file)
{
  size_t n = 0;

  for (size_t i = 0; i < file->chunk_count; i++)
    n += i == 0 || file->chunks[i].thread != file->chunks[i - 1].thread;
  return n;
}

static int thread_compare(const void *key, const void *element)
{
  uint32_t thread = *(const uint32_t *)key;
  const struct track *t = element;

  return (thread > t->thread) - (thread < t->thread);
}

struct track *tracks_find(const struct tracks *tracks, uint32_t thread)
{
  if (thread < tracks->count && tracks->all[thread].thread == thread)
    return &tracks->all[thread];
  return bsearch(&thread, tracks->all, tracks->count, sizeof *tracks->all, thread_compare);
}

/*
 * "0" for the first thread, its creator's and the ordinal for what was
 * created, "sampler", and "?N" for all that is not known.
 */
static char *lineage_make(const struct tracks *tracks, const struct track *t, bool *have_first)
{
  const struct track *parent = NULL;

  if (t->role == VT_ROLE_SAMPLER)
    return xstrdup("sampler");
  if (t->role == VT_ROLE_PROGRAM && t->parent == VT_NO_THREAD && !*have_first) {
    *have_first = true;
    return xstrdup("0");
  }
  /* A creator is numbered before what it creates: anything else is damage, and could be a circle. */
  if (t->role == VT_ROLE_PROGRAM && t->parent < t->thread)
    parent = tracks_find(tracks, t->parent);
  if (parent && strlen(parent->lineage) <= LINEAGE_MAX)
    return xasprintf("%s.%u", parent->lineage, t->ordinal);
  return xasprintf("?%u", t->thread);
}

/* In the order of numbers, so that the creator's is there when it is needed. */
static void make_lineages(struct tracks *tracks)
{
  bool have_first = false;

  for (struct track *t = tracks->all; t < tracks->all + tracks->count; t++)
    t->lineage = lineage_make(tracks, t, &have_first);
}

void tracks_release(struct tracks *tracks)
{
  for (size_t i = 0; i < tracks->count; i++)
    free(tracks->all[i].lineage);
  free(tracks->all);
  *tracks = (struct tracks){0};
}

void tracks_build(struct tracks *tracks, const struct trace_file *file)
{
  struct stream_shared shared = {.file = file, .window_max = 512, .window_max_packed = 512};
  struct track *t = NULL;

  *tracks = (struct tracks){.all = xcalloc(count_streams(file) + 1, sizeof *tracks->all)};
  for (size_t i = 0; i < file->chunk_count; i++) {
    if (!t || t->thread != file->chunks[i].thread) {
      t = &tracks->all[tracks->count++];
      *t = (struct track){
          .thread = file->chunks[i].thread, .parent = VT_NO_THREAD, .role = VT_ROLE_ADOPTED, .first = &file->chunks[i]};
    }
    t->count++;
  }
  for (t = tracks->all; t < tracks->all + tracks->count; t++) {
    track_read(t, &shared);
    tracks->programs += t->role != VT_ROLE_SAMPLER;
  }
  stream_shared_release(&shared);
  make_lineages(tracks);
}
