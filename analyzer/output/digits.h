/*
 * Numbers as text, for output of millions of lines: written where they belong,
 * without a copy.  Each function writes at p and returns the end of what it
 * wrote; there are DIGITS_ROOM bytes at p, of which those behind the end may
 * be overwritten, too.
 */
#ifndef VMTRACE_DIGITS_H
#define VMTRACE_DIGITS_H

#include <stdint.h>
#include <string.h>

#define DIGITS_ROOM 32

static const char digit_pairs[] = "00010203040506070809101112131415161718192021222324252627282930313233343536373839"
                                  "40414243444546474849505152535455565758596061626364656667686970717273747576777879"
                                  "8081828384858687888990919293949596979899";

/* How many decimal digits v has. */
static inline unsigned digits_count(uint64_t v)
{
  static const uint64_t power[20] = {1,
                                     10,
                                     100,
                                     1000,
                                     10000,
                                     100000,
                                     1000000,
                                     10000000,
                                     100000000,
                                     1000000000,
                                     10000000000,
                                     100000000000,
                                     1000000000000,
                                     10000000000000,
                                     100000000000000,
                                     1000000000000000,
                                     10000000000000000,
                                     100000000000000000,
                                     1000000000000000000,
                                     10000000000000000000u};
  unsigned guess = (64u - (unsigned)__builtin_clzll(v | 1)) * 1233 >> 12; /* log10(2) is 1233 / 4096 */

  return guess + (v >= power[guess]) + !v;
}

/* The digits of v before end, two at a time. */
static inline void digits_before(char *end, uint64_t v)
{
  for (; v >= 100; v /= 100)
    memcpy(end -= 2, digit_pairs + v % 100 * 2, 2);
  if (v >= 10)
    memcpy(end - 2, digit_pairs + v * 2, 2);
  else
    end[-1] = (char)('0' + v);
}

static inline char *digits_decimal(char *p, uint64_t v)
{
  char *end = p + digits_count(v);

  digits_before(end, v);
  return end;
}

static inline char *digits_signed(char *p, int64_t v)
{
  *p = '-';
  return digits_decimal(p + (v < 0), v < 0 ? -(uint64_t)v : (uint64_t)v);
}

/* Right-aligned in width columns, at most 16. */
static inline char *digits_right(char *p, uint64_t v, unsigned width, char fill)
{
  unsigned n = digits_count(v);
  char *end = p + (n > width ? n : width);

  memset(p, fill, 16);
  digits_before(end, v);
  return end;
}

/* Eight hexadecimal digits, the first one in the lowest byte. */
static inline uint64_t digits_eight(uint32_t v)
{
  const uint64_t ones = UINT64_C(0x0101010101010101);
  uint64_t x = v;

  x = (x | x << 16) & UINT64_C(0x0000ffff0000ffff);
  x = (x | x << 8) & UINT64_C(0x00ff00ff00ff00ff);
  x = (x | x << 4) & UINT64_C(0x0f0f0f0f0f0f0f0f);
  x += '0' * ones + (((x + 6 * ones) >> 4) & ones) * ('a' - '0' - 10);
  return __builtin_bswap64(x);
}

/* With 0x. */
static inline char *digits_hex(char *p, uint64_t v)
{
  unsigned n = (67u - (unsigned)__builtin_clzll(v | 1)) / 4;
  uint64_t high = digits_eight((uint32_t)(v >> 32)), low = digits_eight((uint32_t)v);

  memcpy(p, "0x", 2);
  p += 2;
  if (n > 8) {
    high >>= 8 * (16 - n);
    memcpy(p, &high, 8);
    p += n - 8;
    n = 8;
  }
  low >>= 8 * (8 - n);
  memcpy(p, &low, 8);
  return p + n;
}

#endif
