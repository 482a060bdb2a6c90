/*
 * Looks some records ahead in a stream, for the addresses that come: who wants
 * to look them up has time to bring that memory into the cache.  Reads only what hot records
 * say about addresses, decides nothing, and may be wrong where a record is not hot.
 */
#ifndef VMTRACE_SCOUT_H
#define VMTRACE_SCOUT_H

#include "reader/stream.h"

#define SCOUT_BYTES 80 /* how far ahead: about 16 records */

/* All zero at first. */
struct scout {
  const uint8_t *cur;
  uint64_t place; /* of the stream's window in the file: cur is meaningless in another */
  uint64_t prev, last[VT_CONTEXTS];
};

/* Begins where the stream is, if it is not within the same window ahead of it. */
static inline void scout_follow(struct scout *o, const struct stream *s)
{
  uint64_t place = s->offset + s->loaded;

  if (o->place == place && o->cur >= s->cur)
    return;
  o->cur = s->cur;
  o->place = place;
  o->prev = s->codec.prev;
  memcpy(o->last, s->codec.last, sizeof o->last);
}

/* The unit of the next hot record; false when that cannot be told, or is too far ahead.  After scout_follow. */
static inline bool scout_next(struct scout *o, const struct stream *s, uint64_t *unit)
{
  uint64_t word, *last;
  unsigned len;

  while (o->cur < s->fast_end && o->cur - s->cur < SCOUT_BYTES) {
    memcpy(&word, o->cur, sizeof word);
    if ((word & 3) == VT_K_GENERAL) {
      if (!(word & 0xff) || word & 0x8000) /* the end, or a record too long to be passed over at a glance */
        return false;
      o->cur += 2 + (word >> 8 & 0x7f);
      continue;
    }
    len = (unsigned)(word >> 2 & 7) + 1;
    word &= ~UINT64_C(0) >> (64 - 8 * len);
    o->cur += len;
    if ((word & 3) == VT_K_FREE) {
      o->prev += (uint64_t)vt_unzigzag(word >> 5);
    } else {
      last = &o->last[vt_context((uint32_t)(word >> 5) & (VT_HOT_SIZE_LIMIT - 1))];
      *last += (uint64_t)vt_unzigzag(word >> 17);
      o->prev = *last;
      if ((word & 3) == VT_K_ALLOC_STACK) {
        while (*o->cur & 0x80 && o->cur < s->fast_end)
          o->cur++;
        o->cur++;
      }
    }
    *unit = vt_unfold(o->prev << s->shift) >> s->shift;
    return true;
  }
  return false;
}

#endif
