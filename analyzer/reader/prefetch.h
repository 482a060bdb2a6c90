/*
 * Looks some records ahead in a stream, for the addresses that come: who wants
 * to look them up has time to bring that memory into the cache.  Reads only what hot records
 * say about addresses, decides nothing, and may be wrong where a record is not hot.
 */
#ifndef VMTRACE_PREFETCH_H
#define VMTRACE_PREFETCH_H

#include "reader/stream.h"

#define PREFETCH_BYTES 80 /* how far ahead: about 16 records */

/* All zero at first. */
struct prefetch {
  const uint8_t *cur;
  uint64_t place; /* of the stream's window in the file: cur is meaningless in another */
  struct vt_units units;
};

/* Begins where the stream is, if it is not within the same window ahead of it. */
static inline void prefetch_follow(struct prefetch *o, const struct stream *s)
{
  uint64_t place = s->offset + s->loaded;

  if (o->place == place && o->cur >= s->cur)
    return;
  o->cur = s->cur;
  o->place = place;
  o->units = s->codec.units;
}

/* The unit of the next hot record; false when that cannot be told, or is too far ahead.  After prefetch_follow. */
static inline bool prefetch_next(struct prefetch *o, const struct stream *s, uint64_t *unit)
{
  while (o->cur < s->fast_end && o->cur - s->cur < PREFETCH_BYTES) {
    const uint8_t *p = o->cur;
    struct vt_general g;
    unsigned len;

    if ((*p & 3) == VT_K_GENERAL) {
      if (!*p || !(p = vt_take_general(p, s->end, &g)))
        return false;
      o->cur = p;
      continue;
    }
    o->cur += vt_hot_length(p, s->end);
    *unit = vt_unfold(vt_hot_unit(&o->units, vt_hot_word(p, &len)) << s->shift) >> s->shift;
    return o->cur > p;
  }
  return false;
}

#endif
