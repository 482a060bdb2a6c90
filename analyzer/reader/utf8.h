/*
 * UTF-8 in bytes that may be anything: names of files and threads.
 */
#ifndef VMTRACE_UTF8_H
#define VMTRACE_UTF8_H

#include <stddef.h>
#include <stdint.h>

#define UTF8_REPLACEMENT "\xef\xbf\xbd" /* U+FFFD */

/* Bytes of the UTF-8 sequence at p, of n (1 or more) that are there; 0 when it is none. */
static inline size_t utf8_length(const uint8_t *p, size_t n)
{
  static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000}; /* per length: smaller values are overlong */
  size_t len = p[0] < 0x80 ? 1 : p[0] < 0xc2 ? 0 : p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 : p[0] < 0xf5 ? 4 : 0;
  uint32_t value;

  if (len < 2 || len > n)
    return len > n ? 0 : len;
  value = p[0] & (0x7fu >> len);
  for (size_t i = 1; i < len; i++) {
    if ((p[i] & 0xc0) != 0x80)
      return 0;
    value = value << 6 | (p[i] & 0x3f);
  }
  return value < least[len] || value > 0x10ffff || (value >= 0xd800 && value < 0xe000) ? 0 : len;
}

#endif
