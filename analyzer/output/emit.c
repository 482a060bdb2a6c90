/*
 * Output for `vmtrace dump`: millions of lines, some ten nanoseconds for a field.
 */
#include "output/emit.h"

#include "output/digits.h"
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

void emit_u64(struct emit *e, uint64_t v)
{
  emit_end(e, digits_decimal(emit_begin(e, DIGITS_ROOM), v));
}

void emit_i64(struct emit *e, int64_t v)
{
  emit_end(e, digits_signed(emit_begin(e, DIGITS_ROOM), v));
}

void emit_hex(struct emit *e, uint64_t v)
{
  emit_end(e, digits_hex(emit_begin(e, DIGITS_ROOM), v));
}

void emit_u64_width(struct emit *e, uint64_t v, unsigned width, char fill)
{
  emit_end(e, digits_right(emit_begin(e, DIGITS_ROOM), v, width, fill));
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
