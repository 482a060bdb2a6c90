/*
 * See clean.h.  Called by log.c.
 */
#include "base/clean.h"

#include <stdint.h>

/* Beside the control characters: marks, embeddings, overrides and isolates of direction, separators of lines. */
static const struct {
  uint32_t first, last;
} hidden[] = {{0x80, 0x9f}, {0x61c, 0x61c}, {0x200e, 0x200f}, {0x2028, 0x202e}, {0x2066, 0x2069}};

/* The least code that takes so many bytes: a shorter form is the only one. */
static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};

/* By the first byte; 0: no character begins with it. */
static size_t length_of(unsigned char first)
{
  if (first < 0x80)
    return 1;
  if (first < 0xc2 || first > 0xf4)
    return 0;
  return first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
}

static bool is_hidden(uint32_t code)
{
  for (size_t i = 0; i < sizeof hidden / sizeof *hidden; i++)
    if (code >= hidden[i].first && code <= hidden[i].last)
      return true;
  return false;
}

size_t clean_character(const char *s, bool *shown)
{
  const unsigned char *p = (const unsigned char *)s;
  size_t length = length_of(*p);
  uint32_t code;

  *shown = length == 1 && *p >= 0x20 && *p != 0x7f;
  if (length < 2)
    return 1;
  code = *p & (0x7fu >> length);
  for (size_t i = 1; i < length; i++) {
    if ((p[i] & 0xc0) != 0x80)
      return 1;
    code = code << 6 | (p[i] & 0x3fu);
  }
  if (code < least[length] || (code >= 0xd800 && code <= 0xdfff) || code > 0x10ffff)
    return 1;
  *shown = !is_hidden(code);
  return length;
}
