/*
 * Groups the index of chunks by stream and reads each stream's first record,
 * which says whose it is.  Decodes nothing else.  Called by reader.c when a trace is opened.
 */
#include "reader/stream_list.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "reader/complain.h"
#include "reader/stream.h"
#include "reader/xalloc.h"

#define LINEAGE_MAX 4096 /* characters; a longer chain of creations is named by its stream */

/* The first record, which must be VT_R_THREAD; what cannot be read leaves the stream adopted. */
static void stream_info_read(struct stream_info *info, struct stream_shared *shared)
{
  struct stream stream;
  enum stream_step step = STREAM_END;

  if (stream_init(&stream, shared, info->first, info->count)) {
    info->start_ns = stream.clock;
    do
      step = stream_step(&stream);
    while (step == STREAM_CLOCK || (step == STREAM_EVENT && stream.event.type == VT_R_LOSS));
  }
  if (step == STREAM_EVENT && stream.event.type == VT_R_THREAD) {
    info->parent = (uint32_t)stream.event.field[0];
    info->ordinal = (uint32_t)stream.event.field[1];
    info->role = (uint32_t)stream.event.field[3];
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
  const struct stream_info *t = element;

  return (thread > t->thread) - (thread < t->thread);
}

struct stream_info *stream_list_find(const struct stream_list *streams, uint32_t thread)
{
  if (thread < streams->count && streams->all[thread].thread == thread)
    return &streams->all[thread];
  return bsearch(&thread, streams->all, streams->count, sizeof *streams->all, thread_compare);
}

/*
 * "0" for the first thread, its creator's and the ordinal for what was
 * created, "sampler", and "?N" for all that is not known.
 */
static char *lineage_make(const struct stream_list *streams, const struct stream_info *t, bool *have_first)
{
  const struct stream_info *parent = NULL;

  if (t->role == VT_ROLE_SAMPLER)
    return xstrdup("sampler");
  if (t->role == VT_ROLE_PROGRAM && t->parent == VT_NO_THREAD && !*have_first) {
    *have_first = true;
    return xstrdup("0");
  }
  /* A creator is numbered before what it creates: anything else is damage, and could be a circle. */
  if (t->role == VT_ROLE_PROGRAM && t->parent < t->thread)
    parent = stream_list_find(streams, t->parent);
  if (parent && strlen(parent->lineage) <= LINEAGE_MAX)
    return xasprintf("%s.%u", parent->lineage, t->ordinal);
  return xasprintf("?%u", t->thread);
}

/* In the order of numbers, so that the creator's is there when it is needed. */
static void make_lineages(struct stream_list *streams)
{
  bool have_first = false;

  for (struct stream_info *t = streams->all; t < streams->all + streams->count; t++)
    t->lineage = lineage_make(streams, t, &have_first);
}

void stream_list_release(struct stream_list *streams)
{
  for (size_t i = 0; i < streams->count; i++)
    free(streams->all[i].lineage);
  free(streams->all);
  *streams = (struct stream_list){0};
}

void stream_list_build(struct stream_list *streams, const struct trace_file *file)
{
  struct stream_shared shared = {.file = file, .window_max = 512, .window_max_packed = 512};
  struct stream_info *t = NULL;

  *streams = (struct stream_list){.all = xcalloc(count_streams(file) + 1, sizeof *streams->all)};
  for (size_t i = 0; i < file->chunk_count; i++) {
    if (!t || t->thread != file->chunks[i].thread) {
      t = &streams->all[streams->count++];
      *t = (struct stream_info){
          .thread = file->chunks[i].thread, .parent = VT_NO_THREAD, .role = VT_ROLE_ADOPTED, .first = &file->chunks[i]};
    }
    t->count++;
  }
  for (t = streams->all; t < streams->all + streams->count; t++) {
    stream_info_read(t, &shared);
    streams->programs += t->role != VT_ROLE_SAMPLER;
  }
  stream_shared_release(&shared);
  make_lineages(streams);
}
