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
 * What hot records are relative to; zeroed at the start of every chunk.  All
 * addresses here are in units of 1 << addr_shift.  General records neither use
 * nor change it.
 */
#define VT_CONTEXTS 14
struct vt_codec {
  uint64_t prev;              /* address of the latest hot record */
  uint64_t last[VT_CONTEXTS]; /* address of the latest hot alloc per context (vt_context) */
};

#define VT_HOT_MAX 8            /* bytes of a hot record: one word */
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
 * returns the word and stores its length; 8 bytes may be written, the bytes
 * past the length are zero.
 */
static inline uint64_t vt_pack_free(struct vt_codec *c, uint64_t unit, unsigned *len)
{
  uint64_t word = vt_zigzag((int64_t)(unit - c->prev)) << 5 | VT_K_FREE;

  c->prev = unit;
  *len = vt_word_bytes(word);
  return word | (uint64_t)(*len - 1) << 2;
}

/* size < VT_HOT_SIZE_LIMIT; kind is VT_K_ALLOC or VT_K_ALLOC_STACK. */
static inline uint64_t vt_pack_alloc(struct vt_codec *c, enum vt_kind kind, uint64_t unit, uint32_t size, unsigned *len)
{
  uint64_t *last = &c->last[vt_context(size)];
  uint64_t word = vt_zigzag((int64_t)(unit - *last)) << 17 | (uint64_t)size << 5 | (uint64_t)kind;

  *last = unit;
  c->prev = unit;
  *len = vt_word_bytes(word);
  return word | (uint64_t)(*len - 1) << 2;
}

/* Reads the word of a hot record at p, of which avail bytes (1 or more) may be read; 0 when it is cut. */
static inline uint64_t vt_hot_word(const uint8_t *p, size_t avail, unsigned *len)
{
  uint64_t word = 0;

  *len = (unsigned)(p[0] >> 2 & 7) + 1;
  if (*len > avail)
    return 0;
  if (avail >= 8) {
    memcpy(&word, p, 8);
    return *len == 8 ? word : word & ((UINT64_C(1) << (8 * *len)) - 1);
  }
  memcpy(&word, p, *len);
  return word;
}

static inline uint64_t vt_unpack_free(struct vt_codec *c, uint64_t word)
{
  c->prev += (uint64_t)vt_unzigzag(word >> 5);
  return c->prev;
}

static inline uint64_t vt_unpack_alloc(struct vt_codec *c, uint64_t word, uint32_t *size)
{
  uint64_t *last;

  *size = (uint32_t)(word >> 5) & (VT_HOT_SIZE_LIMIT - 1);
  last = &c->last[vt_context(*size)];
  *last += (uint64_t)vt_unzigzag(word >> 17);
  c->prev = *last;
  return *last;
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

#endif
