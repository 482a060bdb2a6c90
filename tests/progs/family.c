/*
 * The whole malloc family by glibc's rules: edge sizes, alignments, errno,
 * overflow.  Says what does not hold and exits with 1.  It passes without the
 * library too, so that the rules are libc's and not ours.
 *
 * free_sized and free_aligned_sized are called if something defines them.
 */
#include <dlfcn.h>
#include <errno.h>
#include <malloc.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int failures;

#define EXPECT(condition)                                                                                              \
  do {                                                                                                                 \
    if (!(condition)) {                                                                                                \
      printf("line %d: %s (errno %d)\n", __LINE__, #condition, errno);                                                 \
      failures++;                                                                                                      \
    }                                                                                                                  \
  } while (0)

#define ENOUGH ((size_t)PTRDIFF_MAX)

/* Volatile, so that the compiler does not know what is too large. */
static volatile size_t huge = ENOUGH, half = SIZE_MAX / 2, three = 3, zero = 0;

static int is_aligned(const void *p, size_t align)
{
  return p && (uintptr_t)p % align == 0;
}

static void sizes(void)
{
  void *a = malloc(zero), *b = malloc(zero);
  unsigned char *p;

  EXPECT(a && b && a != b);
  free(a);
  free(b);
  for (size_t n = 1; n < (3u << 20); n = n * 3 / 2 + 1) {
    p = malloc(n);
    EXPECT(is_aligned(p, 16));
    EXPECT(malloc_usable_size(p) >= n);
    memset(p, 0xa5, malloc_usable_size(p));
    errno = 7;
    free(p);
    EXPECT(errno == 7);
    p = calloc(n, 1);
    for (size_t i = 0; i < n; i++)
      if (p[i]) {
        EXPECT(!"calloc gives zeros");
        break;
      }
    free(p);
  }
  EXPECT(malloc_usable_size(NULL) == 0);
  errno = 9;
  free(NULL);
  EXPECT(errno == 9);
}

static void too_large(void)
{
  void *volatile p = malloc(100);

  errno = 0;
  EXPECT(!malloc(huge + 1) && errno == ENOMEM);
  errno = 0;
  EXPECT(!malloc(huge) && errno == ENOMEM);
  errno = 0;
  EXPECT(!malloc(SIZE_MAX - zero) && errno == ENOMEM);
  errno = 0;
  EXPECT(!calloc(half, three) && errno == ENOMEM);
  errno = 0;
  EXPECT(!calloc(huge, 1) && errno == ENOMEM);
  errno = 0;
  EXPECT(!reallocarray(p, half, three) && errno == ENOMEM);
  errno = 0;
  EXPECT(!realloc(p, huge + 1) && errno == ENOMEM);
  errno = 0;
  EXPECT(!memalign(64, huge) && errno == ENOMEM);
  errno = 0;
  EXPECT(!aligned_alloc(64, SIZE_MAX - zero) && errno == ENOMEM);
  errno = 0;
  EXPECT(!valloc(huge) && errno == ENOMEM);
  errno = 0;
  EXPECT(!pvalloc(SIZE_MAX - zero) && errno == ENOMEM);
  free(p);
}

static void resizing(void)
{
  unsigned char *p = realloc(NULL, 10), *q;

  EXPECT(p);
  memset(p, 1, 10);
  for (size_t n = 10; n < (8u << 20); n = n * 5 / 3) {
    size_t kept = malloc_usable_size(p);

    memset(p, (int)(n & 255), kept);
    q = realloc(p, n * 5 / 3);
    EXPECT(q);
    for (size_t i = 0; i < kept && i < n * 5 / 3; i += 1 + i / 16)
      if (q[i] != (n & 255)) {
        EXPECT(!"realloc keeps the contents");
        break;
      }
    p = q;
  }
  for (size_t n = 8u << 20; n > 16; n /= 3) {
    p[n / 3 - 1] = 77;
    q = realloc(p, n / 3);
    EXPECT(q && q[n / 3 - 1] == 77);
    p = q;
  }
  errno = 5;
  EXPECT(!realloc(p, zero));
  EXPECT(errno == 5);
  p = reallocarray(NULL, 10, 10);
  EXPECT(p && malloc_usable_size(p) >= 100);
  p = reallocarray(p, 100, 100);
  EXPECT(p && malloc_usable_size(p) >= 10000);
  free(p);
}

static void alignments(void)
{
  size_t page = (size_t)sysconf(_SC_PAGESIZE);
  void *p;

  for (size_t align = 8; align <= (16u << 20); align *= 2) {
    for (size_t size = 1; size < 100000; size = size * 9 + 3) {
      p = (void *)1;
      errno = 3;
      EXPECT(posix_memalign(&p, align, size) == 0 && is_aligned(p, align) && errno == 3);
      memset(p, 1, size);
      EXPECT(malloc_usable_size(p) >= size);
      p = realloc(p, size + 7);
      EXPECT(is_aligned(p, 16));
      free(p);
      p = aligned_alloc(align, size);
      EXPECT(is_aligned(p, align));
      free(p);
      p = memalign(align, size);
      EXPECT(is_aligned(p, align));
      free(p);
    }
  }
  p = (void *)1;
  EXPECT(posix_memalign(&p, three, 8) == EINVAL && p == (void *)1);
  EXPECT(posix_memalign(&p, zero, 8) == EINVAL);
  EXPECT(posix_memalign(&p, 4, 8) == EINVAL);
  EXPECT(posix_memalign(&p, 24, 8) == EINVAL);
  EXPECT(posix_memalign(&p, 64, huge) == ENOMEM && p == (void *)1);
  p = memalign(48 + zero, 8);
  EXPECT(is_aligned(p, 64));
  free(p);
  p = memalign(zero, 8);
  EXPECT(is_aligned(p, 16));
  free(p);
  errno = 0;
  EXPECT(!memalign(SIZE_MAX - zero, 8) && errno == EINVAL);
  p = valloc(5);
  EXPECT(is_aligned(p, page));
  free(p);
  p = pvalloc(5);
  EXPECT(is_aligned(p, page) && malloc_usable_size(p) >= page);
  free(p);
}

static void asking(void)
{
  void *p = malloc(1000), *q = malloc(10u << 20);
  FILE *null = fopen("/dev/null", "w");
  size_t in_use = mallinfo2().uordblks + mallinfo2().hblkhd;

  EXPECT(in_use >= (10u << 20) + 1000);
  free(q);
  EXPECT(mallinfo2().uordblks + mallinfo2().hblkhd <= in_use - (10u << 20));
  EXPECT(mallopt(M_MMAP_THRESHOLD, 1 << 20) == 1);
  EXPECT(malloc_trim(0) == 0 || malloc_trim(0) <= 1);
  EXPECT(malloc_info(0, null) == 0);
  EXPECT(malloc_info(1, null) == EINVAL);
  fclose(null);
  free(p);
}

static void freeing(void)
{
  void (*cfree_fn)(void *) = (void (*)(void *))(uintptr_t)dlsym(RTLD_DEFAULT, "cfree");
  void (*sized)(void *, size_t) = (void (*)(void *, size_t))(uintptr_t)dlsym(RTLD_DEFAULT, "free_sized");
  void (*aligned)(void *, size_t, size_t) =
      (void (*)(void *, size_t, size_t))(uintptr_t)dlsym(RTLD_DEFAULT, "free_aligned_sized");

  errno = 11;
  if (cfree_fn) {
    cfree_fn(malloc(20));
    cfree_fn(NULL);
  }
  if (sized) {
    sized(malloc(30), 30);
    sized(NULL, 30);
  }
  if (aligned) {
    aligned(aligned_alloc(64, 128), 64, 128);
    aligned(NULL, 64, 128);
  }
  EXPECT(errno == 11);
}

int main(void)
{
  sizes();
  too_large();
  resizing();
  alignments();
  asking();
  freeing();
  printf("%d failures\n", failures);
  return failures != 0;
}
