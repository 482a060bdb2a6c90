/*
 * Memory that is not the library's own: stacks, as far as they are not known to
 * be there, the program's strings, vectors and environment, other modules' data.  Everything else in preload/ reads
 * such memory through here alone.
 *
 * Nothing here faults, whatever the address is; what cannot be read is said to
 * be so.  Nothing allocates, takes a lock or touches errno; all of it is safe in signal handlers and in a child of
 * vfork.  Under a seccomp filter only rt_sigprocmask is called, which libc itself cannot do without, and prctl once per
 * copy.
 */
#ifndef VMTRACE_PEEK_H
#define VMTRACE_PEEK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/lock.h"

/* ---- bytes and strings ---- */

/* Whether the page that p is in can be read at this moment. */
bool peek_readable(const void *p);

/* Copies size bytes, or those before the first one that cannot be read: how many they were. */
size_t peek_copy(void *to, const void *from, size_t size);

/* All of an object, or nothing: false. */
static inline bool peek_exactly(void *to, const void *from, size_t size)
{
  return peek_copy(to, from, size) == size;
}

/* strnlen of a string; -EFAULT when it leads into memory that cannot be read. */
ssize_t peek_string_length(const char *s, size_t max);

/* Copies a string, or its first size - 1 bytes, and ends the copy with NUL: its length; -EFAULT as above, and to holds
 * the empty string then.  size > 0. */
ssize_t peek_string(char *to, size_t size, const char *s);

/* ---- words, many of them, from few places ---- */

#define PEEK_PAGES 64

/*
 * What one walk may read.  The range is taken for readable without a question:
 * a thread's own stack from the innermost frame to its top.  Of pages elsewhere the kernel is asked once, and
 * again after mappings changed.  All zero at first; low is a multiple of 8.
 */
struct peek {
  uint64_t low, words;        /* [low, low + 8 * words) */
  uint32_t generation;        /* of pages[] */
  uint64_t pages[PEEK_PAGES]; /* addresses of pages that can be read; 0: none */
};

/* Mappings went away, or may not be read any more: what was known of them is asked again.  Any thread. */
void peek_mappings_changed(void);

/* Whether the word at addr, a multiple of 8 outside the range, can be read. */
bool peek_has_slow(struct peek *p, uint64_t addr);
/* The word at an address that is no multiple of 8. */
bool peek_crooked_word_slow(struct peek *p, uint64_t addr, uint64_t *value);

/* low is a multiple of 8: a misaligned address has its remainder rotated to the top, and is out of the range. */
static inline bool peek_is_in(uint64_t low, uint64_t words, uint64_t addr)
{
  uint64_t offset = addr - low;

  return likely((offset >> 3 | offset << 61) < words);
}

/* Whether the word at addr can be read, and addr is a multiple of 8. */
static inline bool peek_has(struct peek *p, uint64_t addr)
{
  return peek_is_in(p->low, p->words, addr) || peek_has_slow(p, addr);
}

/* The word at addr, which may be any.  False: it cannot be read. */
static inline bool peek_word(struct peek *p, uint64_t addr, uint64_t *value)
{
  if (unlikely(addr % 8))
    return peek_crooked_word_slow(p, addr, value);
  if (!peek_has(p, addr))
    return false;
  *value = *(const uint64_t *)addr;
  return true;
}

/* One byte, by way of the word that it is in. */
static inline bool peek_byte(struct peek *p, uint64_t addr, uint8_t *byte)
{
  uint64_t word;

  if (!peek_word(p, addr & ~UINT64_C(7), &word))
    return false;
  *byte = (uint8_t)(word >> addr % 8 * 8);
  return true;
}

#endif
