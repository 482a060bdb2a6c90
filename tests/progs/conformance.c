/*
 * What the malloc family gives, at its edges, as POSIX, C23 and glibc document
 * it: sizes, alignments, contents.  conformance THEME: says "wrong: ..." for each rule that does not hold, and at the
 * end "judged".  Nothing that is printed depends on addresses.
 */
#include "conformance.h"

#include <errno.h>
#include <malloc.h>
#include <stdint.h>
#include <stdlib.h>

static bool is_zero(const char *p, size_t size)
{
  for (size_t i = 0; i < size; i++)
    if (p[i])
      return false;
  return true;
}

/* ---- nothing asked for ---- */

static void zero(void)
{
  char *a = malloc(opaque(0)), *b = malloc(opaque(0)), *c = calloc(0, 5), *d = calloc(5, 0),
       *e = realloc(NULL, opaque(0));

  RULE(a && b && c && d && e, "a block of no bytes is none");
  RULE(a != b && c != d && a != e, "two blocks of no bytes are one");
  RULE(malloc_usable_size(NULL) == 0, "NULL has usable bytes");
  errno = 0;
  RULE(!realloc(a, opaque(0)), "realloc to no bytes gives a block");
  free(b);
  free(c);
  free(d);
  free(e);
  free(NULL);
  a = realloc(NULL, 100);
  RULE(a != NULL, "realloc of NULL gives nothing");
  fill(a, 100, 1);
  a = reallocarray(a, 50, 40);
  RULE(a && is_filled(a, 100, 1), "reallocarray lost bytes");
  free(a);
}

/* ---- too much asked for ---- */

#define REFUSED(call)                                                                                                  \
  do {                                                                                                                 \
    errno = 0;                                                                                                         \
    RULE(!(call), #call " gives a block (request %zu)", i);                                                            \
    RULE(errno == ENOMEM, #call " sets errno %d (request %zu)", errno, i);                                             \
  } while (0)

static void limits(void)
{
  const size_t sizes[] = {(size_t)PTRDIFF_MAX - 4095,
                          PTRDIFF_MAX,
                          (size_t)PTRDIFF_MAX + 1,
                          SIZE_MAX / 4 * 3,
                          SIZE_MAX - 4096,
                          SIZE_MAX - 15,
                          SIZE_MAX};
  char *p = malloc(1000);

  fill(p, 1000, 3);
  for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
    size_t size = opaque(sizes[i]);
    void *unchanged = &p, *result = unchanged;

    REFUSED(malloc(size));
    REFUSED(calloc(1, size));
    REFUSED(calloc(size, 1));
    REFUSED(realloc(p, size));
    REFUSED(reallocarray(p, size, 1));
    REFUSED(aligned_alloc(64, size));
    REFUSED(memalign(4096, size));
    REFUSED(valloc(size));
    REFUSED(pvalloc(size));
    RULE(posix_memalign(&result, 64, size) == ENOMEM, "posix_memalign does not say ENOMEM (request %zu)", i);
    RULE(result == unchanged, "posix_memalign stores a result when it fails (request %zu)", i);
  }
  for (size_t i = 1; i < 64; i++) {
    size_t one = (size_t)1 << i, other = opaque((size_t)1 << (64 - i));

    REFUSED(calloc(one, other));
    REFUSED(calloc(one + 1, other));
    REFUSED(reallocarray(p, one, other));
    REFUSED(reallocarray(p, one + 1, other + 1));
  }
  RULE(is_filled(p, 1000, 3), "a block lost bytes in a realloc that failed");
  free(p);
}

/* ---- alignment ---- */

static void judge_aligned(const char *what, char *p, size_t align, size_t size, unsigned shift)
{
  RULE(p, "%s gives nothing (alignment 2^%u, %zu bytes)", what, shift, size);
  if (!p)
    return;
  RULE((uintptr_t)p % align == 0, "%s: not aligned (2^%u, %zu bytes)", what, shift, size);
  RULE(malloc_usable_size(p) >= size, "%s: too few usable bytes (2^%u, %zu bytes)", what, shift, size);
  if (size) {
    p[0] = 1;
    p[size - 1] = 2;
  }
}

static void alignments(void)
{
  static const size_t sizes[] = {1, 16, 100, 4096, 5000, 40000, 1100000};

  for (unsigned shift = 0; shift <= 30; shift++) {
    size_t align = (size_t)1 << shift;

    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
      char *p = memalign(align, sizes[i]), *q = aligned_alloc(align, (sizes[i] + align - 1) / align * align), *r;
      void *s = NULL;

      judge_aligned("memalign", p, align, sizes[i], shift);
      judge_aligned("aligned_alloc", q, align, sizes[i], shift);
      if (align >= sizeof(void *)) {
        RULE(posix_memalign(&s, align, sizes[i]) == 0, "posix_memalign fails (2^%u)", shift);
        judge_aligned("posix_memalign", s, align, sizes[i], shift);
      } else {
        RULE(posix_memalign(&s, align, sizes[i]) == EINVAL && !s, "posix_memalign takes alignment %zu", align);
      }
      if (p) {
        fill(p, sizes[i], shift);
        r = realloc(p, sizes[i] * 2);
        RULE(r && is_filled(r, sizes[i], shift), "realloc of an aligned block lost bytes (2^%u)", shift);
        p = r ? r : p;
      }
      free(p);
      free(q);
      free(s);
    }
  }
  for (size_t align = 0; align < 100; align++) {
    void *p = NULL;
    bool valid = align && !(align & (align - 1)) && align % sizeof(void *) == 0;

    errno = EXDEV;
    RULE(posix_memalign(&p, align, 100) == (valid ? 0 : EINVAL), "posix_memalign with alignment %zu", align);
    RULE(errno == EXDEV, "posix_memalign with alignment %zu changes errno", align);
    free(p);
  }
}

static void pages(void)
{
  for (size_t size = 0; size < 20000; size += 999) {
    char *p = valloc(size), *q = pvalloc(size);

    judge_aligned("valloc", p, 4096, size, 12);
    judge_aligned("pvalloc", q, 4096, (size + 4095) / 4096 * 4096, 12);
    free(p);
    free(q);
  }
}

/* ---- contents ---- */

static void zeroed(void)
{
  for (int round = 0; round < 3; round++) {
    for (size_t size = 1; size < 5000000; size += size / 5 + 1) {
      char *p = malloc(size), *q;

      memset(p, 0xff, size);
      free(p);
      q = calloc(1, size);
      RULE(q && is_zero(q, size), "calloc of %zu bytes is not zero", size);
      memset(q, 0xff, size);
      free(q);
    }
  }
}

static void resized(void)
{
  static size_t sizes[400];
  size_t count = 0;

  for (size_t size = 1; size < 6000000; size += size / 6 + 1)
    sizes[count++] = size;
  for (size_t i = 0; i < count; i++) {
    for (size_t step = 1; step < count; step = step * 3 + 1) {
      size_t up = sizes[i + step < count ? i + step : count - 1], down = sizes[i > step ? i - step : 0];
      char *p = malloc(sizes[i]);

      fill(p, sizes[i] < 9000 ? sizes[i] : 9000, (unsigned)i);
      p = realloc(p, up);
      RULE(p && is_filled(p, sizes[i] < 9000 ? sizes[i] : 9000, (unsigned)i), "%zu to %zu bytes", sizes[i], up);
      p = realloc(p, down);
      RULE(p && is_filled(p,
                          down < 9000 && down < sizes[i] ? down
                          : sizes[i] < 9000              ? sizes[i]
                                                         : 9000,
                          (unsigned)i),
           "%zu to %zu bytes", up, down);
      RULE(malloc_usable_size(p) >= down, "%zu usable bytes of %zu", malloc_usable_size(p), down);
      free(p);
    }
  }
}

static void usable(void)
{
  static const size_t sizes[] = {0, 1, 8, 15, 16, 17, 24, 31, 33, 100, 129, 1000, 4095, 4097, 33000, 70000, 1100000};

  for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
    char *p[24];
    bool intact = true;

    for (unsigned k = 0; k < 24; k++) {
      p[k] = malloc(sizes[i]);
      RULE(malloc_usable_size(p[k]) >= sizes[i], "fewer usable bytes than %zu", sizes[i]);
      fill(p[k], malloc_usable_size(p[k]), k);
    }
    for (unsigned k = 0; k < 24; k++)
      intact = intact && is_filled(p[k], malloc_usable_size(p[k]), k);
    RULE(intact, "usable bytes of neighbours overlap (%zu)", sizes[i]);
    for (unsigned k = 0; k < 24; k++)
      free(p[k]);
  }
}

int main(int argc, char **argv)
{
  static const struct theme themes[] = {{"zero", zero},    {"limits", limits}, {"alignments", alignments},
                                        {"pages", pages},  {"zeroed", zeroed}, {"resized", resized},
                                        {"usable", usable}};

  return judge_theme(argc, argv, themes, sizeof themes / sizeof *themes);
}
