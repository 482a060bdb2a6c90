/*
 * Packing and unpacking of single trace records, for the writer in the traced
 * program and the reader in the analyzer.  Inline, without calls, allocation
 * or errors on the writing side; the reading side checks every bound.
 */
#ifndef VMTRACE_CODEC_H
#define VMTRACE_CODEC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "vmtrace/format.h"

/*
 * Hot records do not count addresses from 0: the pinned heap's first segment
 * ends at VT_FOLD_LOW and its others begin at VT_FOLD_HIGH, and blocks of both are mixed. Folding
 * moves the two ends together and what lies between them out of the way; it maps
 * [0, VT_FOLD_END) to itself.  All three are multiples of any unit.
 */
#define VT_FOLD_LOW UINT64_C(0x400000)
#define VT_FOLD_HIGH UINT64_C(0x100000000000)
#define VT_FOLD_END (UINT64_C(1) << 47) /* no hot record above */

static inline uint64_t vt_fold(uint64_t addr)
{
  /* Which of the two ends it is follows no pattern: no branch. */
  uint64_t high = (uint64_t)((int64_t)(VT_FOLD_HIGH - 1 - addr) >> 63);

  if (__builtin_expect(addr - VT_FOLD_LOW < VT_FOLD_HIGH - VT_FOLD_LOW, 0))
    return addr + (VT_FOLD_END - VT_FOLD_HIGH);
  return addr - ((VT_FOLD_HIGH - VT_FOLD_LOW) & high);
}

static inline uint64_t vt_unfold(uint64_t folded)
{
  if (__builtin_expect(folded >= VT_FOLD_END - VT_FOLD_HIGH + VT_FOLD_LOW, 0))
    return folded - (VT_FOLD_END - VT_FOLD_HIGH);
  return folded + ((VT_FOLD_HIGH - VT_FOLD_LOW) & -(uint64_t)(folded >= VT_FOLD_LOW));
}

/*
 * What hot records are relative to; zeroed at the start of every chunk.  All
 * addresses here are folded, and in units of 1 << addr_shift.  General records neither use
 * nor change it.
 */
#define VT_CONTEXTS 14
#define VT_USUALS 256
#define VT_EXCEPTIONS 256
struct vt_exception {
  uint32_t situation, stack;
};
struct vt_units {
  uint64_t prev;              /* address of the latest hot record */
  uint64_t last[VT_CONTEXTS]; /* address of the latest hot alloc per context (vt_context) */
};
struct vt_codec {
  uint32_t stack; /* call stack of the latest hot alloc */
  struct vt_units units;
  /* What struct vt_guess looks up. */
  uint32_t usuals[VT_USUALS];
  struct vt_exception exceptions[VT_EXCEPTIONS];
};

#define VT_HOT_MAX 16           /* bytes that writing a hot record may touch; it takes at most 13 of them */
#define VT_HOT_SIZE_LIMIT 4096u /* an alloc of this size or more is a general record */

static inline uint64_t vt_zigzag(int64_t v)
{
  return ((uint64_t)v << 1) ^ (uint64_t)(v >> 63);
}

static inline int64_t vt_unzigzag(uint64_t v)
{
  return (int64_t)(v >> 1) ^ -(int64_t)(v & 1);
}

/* The context of a size below VT_HOT_SIZE_LIMIT: its number of significant bits, 0 to 12. */
static inline unsigned vt_context(uint32_t size)
{
  return size ? 32u - (unsigned)__builtin_clz(size) : 0;
}

/* Bytes that the word takes when bits of it are in use; bits is 1 to 64. */
static inline unsigned vt_word_bytes(uint64_t word)
{
  return (71u - (unsigned)__builtin_clzll(word)) >> 3;
}

/*
 * A hot record is one little-endian word of 1 to 8 bytes: bits 0-1 the kind,
 * bits 2-4 its length in bytes less one, then the payload.  Each vt_pack_*
 * returns the word and stores its length; the bytes past the length are zero.
 * In a VT_K_ALLOC_STACK the word is followed by a LEB128 number, which the length in the word does not count.
 */
static inline uint64_t vt_pack_free(struct vt_codec *c, uint64_t unit, unsigned *len)
{
  uint64_t word = vt_zigzag((int64_t)(unit - c->units.prev)) << 5 | VT_K_FREE;

  c->units.prev = unit;
  *len = vt_word_bytes(word);
  return word | (uint64_t)(*len - 1) << 2;
}

/*
 * Programs repeat themselves: after a call stack usually comes the one that
 * came the latest time; and where it does not, the size tells. So the guess is what came in the same
 * situation, call stack before and size, if that is known to be an exception, and else what is usual
 * after that call stack.  Both are tables by a hash, and only what was guessed wrong is put into them.
 */
struct vt_guess {
  uint32_t *usual;
  struct vt_exception *exception;
  uint32_t situation, stack; /* stack: the guess */
};

static inline struct vt_guess vt_guess(struct vt_codec *c, uint32_t size)
{
  uint32_t hash = c->stack * UINT32_C(0x9e3779b1);
  struct vt_guess g = {.situation = hash + size * UINT32_C(0x85ebca6b)};

  g.usual = &c->usuals[hash >> 24];
  g.exception = &c->exceptions[g.situation >> 24];
  g.stack = g.exception->situation == g.situation ? g.exception->stack : *g.usual;
  return g;
}

/* It was another stack. */
static inline void vt_guess_learn(const struct vt_guess *g, uint32_t stack)
{
  if (g->exception->situation != g->situation) {
    g->exception->situation = g->situation;
    *g->usual = stack;
  }
  g->exception->stack = stack;
}

/* What the bytes of a hot alloc are; the first 8 are to be stored last, so that a kill leaves all or nothing. */
struct vt_hot {
  uint64_t first, second;
};

/* A stack other than the guess: a LEB128 number behind the word.  The cold half of vt_pack_alloc. */
static inline struct vt_hot vt_add_stack(uint64_t word, uint32_t guess, uint32_t stack, unsigned *len)
{
  uint64_t left = vt_zigzag((int64_t)stack - (int64_t)guess), leb = 0;
  unsigned bits = 8 * *len, used = 0;

  for (; left >= 0x80; left >>= 7, used += 8)
    leb |= ((left & 0x7f) | 0x80) << used;
  leb |= left << used;
  *len += used / 8 + 1;
  if (bits == 64)
    return (struct vt_hot){word, leb};
  return (struct vt_hot){word | leb << bits, leb >> (64 - bits)};
}

/* size < VT_HOT_SIZE_LIMIT.  Always inline: called, it costs the malloc hook a fourth more. */
static inline __attribute__((always_inline)) struct vt_hot vt_pack_alloc(struct vt_codec *c, uint64_t unit,
                                                                         uint32_t size, uint32_t stack, unsigned *len)
{
  uint64_t *last = &c->units.last[vt_context(size)];
  uint64_t word = vt_zigzag((int64_t)(unit - *last)) << 17 | (uint64_t)size << 5 | VT_K_ALLOC;
  struct vt_guess guess = vt_guess(c, size);

  *last = unit;
  c->units.prev = unit;
  *len = vt_word_bytes(word);
  word |= (uint64_t)(*len - 1) << 2;
  c->stack = stack;
  if (__builtin_expect(stack == guess.stack, 1))
    return (struct vt_hot){word, 0};
  vt_guess_learn(&guess, stack);
  return vt_add_stack(word | VT_K_ALLOC_STACK, guess.stack, stack, len);
}

/* LEB128, at most 10 bytes.  Returns the end of what was written. */
static inline uint8_t *vt_put_leb(uint8_t *p, uint64_t v)
{
  while (v >= 0x80) {
    *p++ = (uint8_t)(v | 0x80);
    v >>= 7;
  }
  *p++ = (uint8_t)v;
  return p;
}

/* Returns the byte after the number, or NULL when it runs past end or is longer than 64 bits. */
static inline const uint8_t *vt_get_leb(const uint8_t *p, const uint8_t *end, uint64_t *v)
{
  uint64_t result = 0;

  for (unsigned shift = 0; shift < 64 && p < end; shift += 7) {
    uint8_t byte = *p++;

    result |= (uint64_t)(byte & 0x7f) << shift;
    if (!(byte & 0x80)) {
      *v = result;
      return p;
    }
  }
  return NULL;
}

/* Bytes that a general record can take at most, with a tail of tail bytes. */
#define VT_GENERAL_MAX(tail) (1 + 3 + VT_FIELDS_MAX * 10 + (size_t)(tail))

/*
 * Packs a general record: n fields (at most VT_FIELDS_MAX), then the tail
 * (NULL with 0, at most VT_TAIL_MAX bytes).  Returns its length; p has room for VT_GENERAL_MAX(tail).  The
 * first byte is written last, so that a record cut by a kill reads as the end of the data.
 */
static inline size_t vt_pack_general(uint8_t *p, enum vt_record_type type, unsigned n, const uint64_t *fields,
                                     const void *tail, size_t tail_len)
{
  uint8_t payload[VT_FIELDS_MAX * 10];
  uint8_t *end = payload;
  uint8_t *out = p + 1;

  for (unsigned i = 0; i < n; i++)
    end = vt_put_leb(end, fields[i]);
  out = vt_put_leb(out, (uint64_t)(end - payload) + tail_len);
  memcpy(out, payload, (size_t)(end - payload));
  out += end - payload;
  if (tail_len) {
    memcpy(out, tail, tail_len);
    out += tail_len;
  }
  __atomic_signal_fence(__ATOMIC_SEQ_CST);
  *(volatile uint8_t *)p = (uint8_t)((unsigned)type << 2);
  return (size_t)(out - p);
}

/*
 * Decoding.  All readers take records apart with these, and nothing else.
 */

#define VT_HOT_STACK_MAX 5 /* bytes of the number behind the word of a VT_K_ALLOC_STACK */

/* The word of a hot record at p, where 8 bytes can be read. */
static inline uint64_t vt_hot_word(const uint8_t *p, unsigned *len)
{
  uint64_t word;

  memcpy(&word, p, sizeof word);
  *len = (unsigned)(word >> 2 & 7) + 1;
  return word & ~UINT64_C(0) >> (64 - 8 * *len);
}

/* The address that a word of any kind tells. */
static inline uint64_t vt_hot_unit(struct vt_units *u, uint64_t word)
{
  uint64_t *last;

  if ((word & 3) == VT_K_FREE)
    return u->prev += (uint64_t)vt_unzigzag(word >> 5);
  last = &u->last[vt_context((uint32_t)(word >> 5) & (VT_HOT_SIZE_LIMIT - 1))];
  return u->prev = *last += (uint64_t)vt_unzigzag(word >> 17);
}

/* A hot record taken apart. */
struct vt_hot_record {
  uint64_t word; /* its low bits: enum vt_kind */
  unsigned word_length;
  uint64_t unit;
  uint32_t size, stack, guess; /* of an alloc, else 0; guess: the stack that was to be expected */
  uint64_t difference;         /* zigzag(stack - guess), as it was written */
};

/* Takes the hot record at p, where VT_HOT_MAX bytes can be read.  Returns what is behind it. */
static inline __attribute__((always_inline)) const uint8_t *vt_take_hot(struct vt_codec *c, const uint8_t *p,
                                                                        struct vt_hot_record *r)
{
  struct vt_guess guess;

  *r = (struct vt_hot_record){0};
  r->word = vt_hot_word(p, &r->word_length);
  p += r->word_length;
  r->unit = vt_hot_unit(&c->units, r->word);
  if ((r->word & 3) == VT_K_FREE)
    return p;
  r->size = (uint32_t)(r->word >> 5) & (VT_HOT_SIZE_LIMIT - 1);
  if ((r->word & 3) == VT_K_ALLOC_STACK) {
    for (unsigned shift = 0; shift < 7 * VT_HOT_STACK_MAX; shift += 7) {
      uint8_t byte = *p++;

      r->difference |= (uint64_t)(byte & 0x7f) << shift;
      if (!(byte & 0x80))
        break;
    }
  }
  guess = vt_guess(c, r->size);
  r->guess = guess.stack;
  r->stack = c->stack = guess.stack + (uint32_t)vt_unzigzag(r->difference);
  if (r->stack != r->guess)
    vt_guess_learn(&guess, r->stack);
  return p;
}

/* Bytes of the hot record at p; 0 when it does not end by end. */
static inline size_t vt_hot_length(const uint8_t *p, const uint8_t *end)
{
  size_t len = (size_t)(p[0] >> 2 & 7) + 1, left = (size_t)(end - p);

  if ((p[0] & 3) == VT_K_ALLOC_STACK) {
    for (unsigned n = 1; n < VT_HOT_STACK_MAX && len < left && p[len] & 0x80; n++)
      len++;
    len++;
  }
  return len <= left ? len : 0;
}

/* The same as vt_take_hot for a record that may be cut: NULL when it does not end by end. */
static inline const uint8_t *vt_take_hot_within(struct vt_codec *c, const uint8_t *p, const uint8_t *end,
                                                struct vt_hot_record *r)
{
  uint8_t last[VT_HOT_MAX] = {0};

  if (end - p >= VT_HOT_MAX)
    return vt_take_hot(c, p, r);
  if (!vt_hot_length(p, end))
    return NULL;
  memcpy(last, p, (size_t)(end - p));
  return p + (vt_take_hot(c, last, r) - last);
}

/* Fields take at most so many bytes, with some room for fields that later versions add: a payload that claims more is
 * damage. */
#define VT_PAYLOAD_MAX (VT_FIELDS_MAX * 10 + VT_TAIL_MAX + 256)

/* A general record taken apart. */
struct vt_general {
  uint32_t type;
  const uint8_t *payload;
  size_t length; /* of the payload */
};

/* Takes the general record at p, which is below end.  Returns what is behind it; NULL when it does not end by end. */
static inline const uint8_t *vt_take_general(const uint8_t *p, const uint8_t *end, struct vt_general *g)
{
  uint64_t length;

  g->type = p[0] >> 2;
  g->payload = vt_get_leb(p + 1, end, &length);
  if (!g->payload || length > VT_PAYLOAD_MAX || length > (uint64_t)(end - g->payload))
    return NULL;
  g->length = (size_t)length;
  return g->payload + length;
}

/*
 * Takes n fields of a payload; those from least on may be missing, and are 0
 * then.  Returns what is behind them (the tail), NULL when the payload is too short.
 */
static inline const uint8_t *vt_take_fields(const struct vt_general *g, unsigned n, unsigned least, uint64_t *field)
{
  const uint8_t *p = g->payload, *end = p + g->length;

  for (unsigned i = 0; i < n; i++) {
    field[i] = 0;
    if (p == end && i >= least)
      continue;
    p = vt_get_leb(p, end, &field[i]);
    if (!p)
      return NULL;
  }
  return p;
}

#endif
