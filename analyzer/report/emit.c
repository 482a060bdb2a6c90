/*
 * Output for `vmtrace dump`: millions of lines, some ten nanoseconds for a field.
 */
#include "report/emit.h"

#include "reader/plain_text.h"
#include "reader/utf8.h"

void emit_init(struct emit *e, FILE *out)
{
  e->out = out;
  e->used = 0;
  e->failed = false;
}

void emit_flush(struct emit *e)
{
  if (!e->failed && e->used && fwrite(e->buffer, 1, e->used, e->out) != e->used)
    e->failed = true;
  e->used = 0;
}

void emit_text(struct emit *e, const char *text)
{
  emit_bytes(e, text, strlen(text));
}

/* Two digits at a time, from the end; returns where they begin. */
static char *digits_before(char *end, uint64_t v)
{
  static const char pairs[] = "00010203040506070809101112131415161718192021222324252627282930313233343536373839"
                              "40414243444546474849505152535455565758596061626364656667686970717273747576777879"
                              "8081828384858687888990919293949596979899";

  while (v >= 100) {
    end -= 2;
    memcpy(end, pairs + v % 100 * 2, 2);
    v /= 100;
  }
  if (v >= 10) {
    end -= 2;
    memcpy(end, pairs + v * 2, 2);
  } else {
    *--end = (char)('0' + v);
  }
  return end;
}

void emit_u64(struct emit *e, uint64_t v)
{
  char digits[20];
  char *begin = digits_before(digits + sizeof digits, v);

  emit_bytes(e, begin, (size_t)(digits + sizeof digits - begin));
}

void emit_i64(struct emit *e, int64_t v)
{
  if (v < 0)
    emit_char(e, '-');
  emit_u64(e, v < 0 ? -(uint64_t)v : (uint64_t)v);
}

void emit_hex(struct emit *e, uint64_t v)
{
  unsigned n = v ? (67u - (unsigned)__builtin_clzll(v)) / 4 : 1;
  char *p;

  emit_room(e, EMIT_SLACK);
  p = e->buffer + e->used;
  p[0] = '0';
  p[1] = 'x';
  for (unsigned i = n; i > 0; i--) {
    p[i + 1] = "0123456789abcdef"[v & 15];
    v >>= 4;
  }
  e->used += n + 2;
}

void emit_u64_width(struct emit *e, uint64_t v, unsigned width, char fill)
{
  char digits[EMIT_SLACK];
  char *end = digits + sizeof digits, *begin = digits_before(end, v);

  while (end - begin < (ptrdiff_t)width && begin > digits)
    *--begin = fill;
  emit_bytes(e, begin, (size_t)(end - begin));
}

size_t emit_mark(struct emit *e)
{
  emit_room(e, EMIT_BUFFER / 2); /* what follows up to emit_pad stays in one buffer */
  return e->used;
}

void emit_pad(struct emit *e, size_t mark, unsigned width)
{
  do
    emit_char(e, ' ');
  while (e->used > mark && e->used - mark < width);
}

static void json_escape(struct emit *e, uint8_t c)
{
  static const char hex[] = "0123456789abcdef";
  char text[6] = {'\\', 'u', '0', '0', hex[c >> 4], hex[c & 15]};

  if (c == '"' || c == '\\')
    emit_bytes(e, (const char[]){'\\', (char)c}, 2);
  else if (c == '\n')
    emit_literal(e, "\\n");
  else if (c == '\t')
    emit_literal(e, "\\t");
  else
    emit_bytes(e, text, sizeof text);
}

void emit_json_string(struct emit *e, const uint8_t *text, size_t n)
{
  emit_char(e, '"');
  while (n) {
    size_t len = utf8_length(text, n);

    if (len == 1 && *text && (*text < 0x20 || *text == '"' || *text == '\\' || *text == 0x7f))
      json_escape(e, *text);
    else if (len && *text)
      emit_bytes(e, (const char *)text, len);
    else
      emit_literal(e, UTF8_REPLACEMENT);
    len += !len;
    text += len;
    n -= len;
  }
  emit_char(e, '"');
}

void emit_plain(struct emit *e, const uint8_t *text, size_t n)
{
  while (n) {
    const char *shown;
    size_t length, here = plain_next((const char *)text, n, &shown, &length);

    emit_bytes(e, shown, length);
    text += here;
    n -= here;
  }
}
