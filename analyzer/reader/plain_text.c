/*
 * Names for people.  See plain_text.h.  Called by all that print.
 */
#include "reader/plain_text.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "reader/utf8.h"
#include "reader/xalloc.h"

/* Characters of one, two, three and four bytes, by ranges of their code points, ascending. */
static const struct {
  uint32_t first, last;
} unseen[] = {
    {0x0, 0x1f},      {0x7f, 0x9f},     {0xad, 0xad},     {0x61c, 0x61c},   {0x180e, 0x180e},   {0x200b, 0x200f},
    {0x2028, 0x202e}, {0x2060, 0x206f}, {0xfeff, 0xfeff}, {0xfff9, 0xfffb}, {0xe0000, 0xe0fff},
};

static uint32_t code_of(const uint8_t *p, size_t length)
{
  uint32_t code = length == 1 ? p[0] : p[0] & (0x7fu >> length);

  for (size_t i = 1; i < length; i++)
    code = code << 6 | (p[i] & 0x3f);
  return code;
}

static bool is_unseen(uint32_t code)
{
  for (size_t i = 0; i < sizeof unseen / sizeof *unseen && code >= unseen[i].first; i++) {
    if (code <= unseen[i].last)
      return true;
  }
  return false;
}

size_t plain_next(const char *text, size_t n, const char **shown, size_t *length)
{
  const uint8_t *p = (const uint8_t *)text;
  size_t here = utf8_length(p, n);

  *shown = text;
  *length = here;
  if (!here) {
    *shown = UTF8_REPLACEMENT;
    *length = sizeof UTF8_REPLACEMENT - 1;
    return 1;
  }
  if (is_unseen(code_of(p, here))) {
    *shown = "?";
    *length = 1;
  }
  return here;
}

void plain_put(FILE *out, const char *text, size_t n)
{
  while (n) {
    const char *shown;
    size_t length, here = plain_next(text, n, &shown, &length);

    fwrite(shown, 1, length, out);
    text += here;
    n -= here;
  }
}

void plain_puts(FILE *out, const char *text)
{
  plain_put(out, text, strlen(text));
}

char *plain_copy(char *out, size_t room, const char *text, size_t n)
{
  size_t used = 0;

  n = strnlen(text, n);
  while (n) {
    const char *shown;
    size_t length, here = plain_next(text, n, &shown, &length);

    if (used + length >= room)
      break;
    memcpy(out + used, shown, length);
    used += length;
    text += here;
    n -= here;
  }
  out[used] = '\0';
  return out;
}

char *plain_dup(const char *text, size_t n)
{
  size_t room;

  n = strnlen(text, n);
  room = n * (sizeof UTF8_REPLACEMENT - 1) + 1;
  return plain_copy(xmalloc(room), room, text, n);
}
