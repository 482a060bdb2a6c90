/*
 * Comparing a packed trace with its original.  See pack_check.h.  Shares no
 * memory with who packs but the list of chunks, and decodes both files as any reader
 * does.  Called by pack_file.c.
 */
#include "pack/pack_check.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "reader/complain.h"
#include "reader/stream.h"
#include "reader/stream_list.h"
#include "reader/xalloc.h"

#define WINDOW 65536u

struct pack_check {
  struct trace_file original, packed;
  struct stream_shared original_shared, packed_shared;
  struct stream_list streams; /* of the original */
  size_t begun;               /* how many of its streams */
  struct stream stream;       /* the latest of them */
  bool differs;

  pthread_t thread;
  bool threaded;
  pthread_mutex_t lock; /* of what follows */
  pthread_cond_t more;
  struct chunk_place *places; /* written, from taken on not read yet */
  size_t count, taken, room;
  bool complete; /* there will be no more */
};

/* The next event; NULL at the end. */
static const struct event *next_event(struct stream *s)
{
  enum stream_step step;

  do
    step = stream_step(s);
  while (step == STREAM_CLOCK);
  return step == STREAM_EVENT ? &s->event : NULL;
}

static bool same_event(const struct event *a, const struct event *b)
{
  return a->type == b->type && a->thread == b->thread && a->seq == b->seq && a->time_ns == b->time_ns &&
         a->stack == b->stack && a->fields == b->fields && a->tail_len == b->tail_len &&
         !memcmp(a->field, b->field, a->fields * sizeof *a->field) &&
         (!a->tail_len || !memcmp(a->tail, b->tail, a->tail_len));
}

/* The same for two hot records: what they do not say is as stream_hot sets it. */
static inline bool same_hot(const struct event *a, const struct event *b)
{
  return a->type == b->type && a->seq == b->seq && a->time_ns == b->time_ns && a->stack == b->stack &&
         a->field[0] == b->field[0] && (a->type == VT_R_FREE || a->field[1] == b->field[1]);
}

/* All events of a packed chunk, against as many of the original's stream. */
static bool same_chunk(struct stream *original, struct stream *packed)
{
  for (;;) {
    bool hot = stream_hot(packed), both;
    const struct event *e = &original->event, *f = hot ? &packed->event : next_event(packed);

    if (!f)
      return true;
    both = stream_hot(original);
    if (hot && both) {
      if (!same_hot(e, f))
        return false;
      continue;
    }
    if (!both)
      e = next_event(original);
    if (!e || !same_event(e, f))
      return false;
  }
}

static bool at_end(struct pack_check *c)
{
  return !c->begun || !next_event(&c->stream);
}

/* The original's next stream, which must be thread's. */
static bool begin_stream(struct pack_check *c, uint32_t thread)
{
  const struct stream_info *t = &c->streams.all[c->begun];

  if (!at_end(c) || c->begun == c->streams.count || t->thread != thread)
    return false;
  stream_release(&c->stream);
  stream_init(&c->stream, &c->original_shared, t->first, t->count);
  c->begun++;
  return true;
}

static void check_place(struct pack_check *c, const struct chunk_place *place)
{
  struct stream packed;

  if (c->differs)
    return;
  if ((!c->begun || c->streams.all[c->begun - 1].thread != place->thread) && !begin_stream(c, place->thread)) {
    c->differs = true;
    return;
  }
  stream_init(&packed, &c->packed_shared, place, 1);
  c->differs = !same_chunk(&c->stream, &packed) || c->packed.damage.bad_records;
  stream_release(&packed);
}

/* Waits for the next chunk; false when there is none. */
static bool take_place(struct pack_check *c, struct chunk_place *place)
{
  bool there;

  pthread_mutex_lock(&c->lock);
  while (c->taken == c->count && !c->complete)
    pthread_cond_wait(&c->more, &c->lock);
  there = c->taken < c->count;
  if (there)
    *place = c->places[c->taken++];
  pthread_mutex_unlock(&c->lock);
  return there;
}

static void *run(void *arg)
{
  struct pack_check *c = arg;
  struct chunk_place place;

  while (take_place(c, &place))
    check_place(c, &place);
  return NULL;
}

static void release(struct pack_check *c)
{
  stream_release(&c->stream);
  stream_shared_release(&c->original_shared);
  stream_shared_release(&c->packed_shared);
  stream_list_release(&c->streams);
  trace_file_close(&c->original);
  pthread_cond_destroy(&c->more);
  pthread_mutex_destroy(&c->lock);
  free(c->places);
  free(c);
}

struct pack_check *pack_check_new(int trace, const char *path, int fd, bool threaded)
{
  struct pack_check *c = xcalloc(1, sizeof *c);

  pthread_mutex_init(&c->lock, NULL);
  pthread_cond_init(&c->more, NULL);
  c->original.fd = -1;
  if (trace_file_use(&c->original, path, trace) < 0) {
    release(c);
    return NULL;
  }
  stream_list_build(&c->streams, &c->original);
  /* Its header is not there yet; it says the same about addresses. */
  c->packed = (struct trace_file){.fd = fd, .size = INT64_MAX, .header = c->original.header};
  c->original_shared = (struct stream_shared){
      .file = &c->original, .damage = &c->original.damage, .window_max = WINDOW, .window_max_packed = VT_CHUNK_MAX};
  c->packed_shared = c->original_shared;
  c->packed_shared.file = &c->packed;
  c->packed_shared.damage = &c->packed.damage;
  c->threaded = threaded && pthread_create(&c->thread, NULL, run, c) == 0;
  return c;
}

void pack_check_add(struct pack_check *c, const struct chunk_place *place)
{
  if (!c->threaded) {
    check_place(c, place);
    return;
  }
  pthread_mutex_lock(&c->lock);
  c->places = xgrow(c->places, c->count, &c->room, sizeof *c->places);
  c->places[c->count++] = *place;
  pthread_cond_signal(&c->more);
  pthread_mutex_unlock(&c->lock);
}

bool pack_check_finish(struct pack_check *c)
{
  bool same;

  if (c->threaded) {
    pthread_mutex_lock(&c->lock);
    c->complete = true;
    pthread_cond_signal(&c->more);
    pthread_mutex_unlock(&c->lock);
    pthread_join(c->thread, NULL);
  }
  same = !c->differs && at_end(c) && c->begun == c->streams.count;
  release(c);
  return same;
}
