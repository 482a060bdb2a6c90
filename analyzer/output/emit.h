/*
 * Fast text output for streams of many lines: numbers and strings go to a
 * buffer, whole buffers to the file.  No format strings, no locale.
 */
#ifndef VMTRACE_EMIT_H
#define VMTRACE_EMIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#define EMIT_BUFFER 65536
#define EMIT_SLACK 64 /* bytes behind the buffer, for who writes more than counts */

struct emit {
  FILE *out;
  bool failed; /* a write did not succeed; further output is dropped */
  size_t used;
  char buffer[EMIT_BUFFER + EMIT_SLACK];
};

void emit_init(struct emit *e, FILE *out);
void emit_flush(struct emit *e);

/* Makes room for n bytes, at most EMIT_BUFFER. */
static inline void emit_room(struct emit *e, size_t n)
{
  if (e->used + n > EMIT_BUFFER)
    emit_flush(e);
}

/* The same, and where these bytes go; EMIT_SLACK bytes more may be overwritten.  emit_end says where they end. */
static inline char *emit_begin(struct emit *e, size_t n)
{
  emit_room(e, n);
  return e->buffer + e->used;
}

static inline void emit_end(struct emit *e, const char *end)
{
  e->used = (size_t)(end - e->buffer);
}

static inline void emit_char(struct emit *e, char c)
{
  emit_room(e, 1);
  e->buffer[e->used++] = c;
}

/* A short text that the compiler knows the length of. */
#define emit_literal(e, text) emit_bytes((e), (text), sizeof(text) - 1)

/* n is at most EMIT_BUFFER. */
static inline void emit_bytes(struct emit *e, const char *text, size_t n)
{
  emit_room(e, n);
  memcpy(e->buffer + e->used, text, n);
  e->used += n;
}

void emit_text(struct emit *e, const char *text);
void emit_u64(struct emit *e, uint64_t v);
void emit_i64(struct emit *e, int64_t v);
void emit_hex(struct emit *e, uint64_t v); /* with 0x */

/* Right-aligned in width columns (at most 16), filled with fill. */
void emit_u64_width(struct emit *e, uint64_t v, unsigned width, char fill);

/* Blanks up to column width, counted from position start of the buffer's line; at least one. */
size_t emit_mark(struct emit *e);
void emit_pad(struct emit *e, size_t mark, unsigned width);

/* A JSON string with its quotes.  Bytes that are no UTF-8 become U+FFFD, and so does NUL, which many readers refuse. */
void emit_json_string(struct emit *e, const uint8_t *text, size_t n);

/* A name for people: plain_text.h. */
void emit_plain(struct emit *e, const uint8_t *text, size_t n);

#endif
