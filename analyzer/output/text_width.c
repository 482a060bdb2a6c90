/*
 * See text_width.h.
 */
#include "output/text_width.h"

#include <locale.h>
#include <string.h>
#include <wchar.h>

#include "reader/utf8.h"

#define ELLIPSIS "\xe2\x80\xa6"

/* The tables of libc that say how wide a character is, which a program without setlocale() does not have in force. */
static locale_t width_locale(void)
{
  static locale_t utf8;

  if (!utf8)
    utf8 = newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t)0);
  return utf8;
}

/* Of one character of n bytes at p; the locale is in force. */
static unsigned character_width(const char *p, size_t n)
{
  mbstate_t state = {0};
  wchar_t c;
  int width = 1;

  if (n > 1 && mbrtowc(&c, p, n, &state) == n)
    width = wcwidth(c);
  return width < 0 ? 1 : (unsigned)width;
}

static size_t character_length(const char *p, size_t n)
{
  size_t length = utf8_length((const uint8_t *)p, n);

  return length ? length : 1;
}

unsigned text_width(const char *text, size_t n)
{
  unsigned width = 0;
  locale_t before;
  size_t i = 0;

  while (i < n && (unsigned char)text[i] < 0x80)
    i++;
  if (i == n)
    return (unsigned)n;
  before = width_locale() ? uselocale(width_locale()) : (locale_t)0;
  for (i = 0; i < n;) {
    size_t length = character_length(text + i, n - i);

    width += character_width(text + i, length);
    i += length;
  }
  if (before)
    uselocale(before);
  return width;
}

/* As many bytes from the start as fit into width columns. */
static size_t fitting_head(const char *text, size_t n, unsigned width)
{
  size_t used = 0;

  for (unsigned taken = 0; used < n;) {
    size_t length = character_length(text + used, n - used);

    taken += text_width(text + used, length);
    if (taken > width)
      break;
    used += length;
  }
  return used;
}

/* Where the longest end begins that fits into width columns. */
static size_t fitting_tail(const char *text, size_t n, unsigned width)
{
  size_t at = 0;

  for (unsigned left = text_width(text, n); left > width;) {
    size_t length = character_length(text + at, n - at);

    left -= text_width(text + at, length);
    at += length;
  }
  while (at < n && ((unsigned char)text[at] & 0xc0) == 0x80)
    at++;
  return at;
}

unsigned text_put_cut(FILE *out, const char *text, unsigned width)
{
  size_t n = strlen(text), head, tail;
  unsigned whole = text_width(text, n);

  if (whole <= width) {
    fputs(text, out);
    return whole;
  }
  if (!width)
    return 0;
  head = fitting_head(text, n, width / 2);
  tail = fitting_tail(text, n, width - 1 - width / 2);
  fwrite(text, 1, head, out);
  fputs(ELLIPSIS, out);
  fputs(text + tail, out);
  return text_width(text, head) + 1 + text_width(text + tail, n - tail);
}
