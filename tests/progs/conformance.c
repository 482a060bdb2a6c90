/*
 * The malloc family at its edges, as POSIX, C23 and glibc document it:
 * conformance THEME.  Says "wrong: ..." for each rule that does not hold, and at the end "judged".
 * Nothing that is printed depends on addresses.
 */
#include <errno.h>
#include <malloc.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RULE(holds, ...)                                                                                               \
  do {                                                                                                                 \
    if (!(holds)) {                                                                                                    \
      printf("wrong: " __VA_ARGS__);                                                                                   \
      putchar('\n');                                                                                                   \
    }                                                                                                                  \
  } while (0)

/* A request that no compiler sees through. */
static size_t opaque(size_t size)
{
  __asm__ volatile("" : "+r"(size));
  return size;
}

static void fill(char *p, size_t size, unsigned seed)
{
  for (size_t i = 0; i < size; i++)
    p[i] = (char)(seed + i * 7 + (i >> 8));
}

static bool is_filled(const char *p, size_t size, unsigned seed)
{
  for (size_t i = 0; i < size; i++)
    if (p[i] != (char)(seed + i * 7 + (i >> 8)))
      return false;
  return true;
}

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

/* ---- errno ---- */

static void *free_elsewhere(void *p)
{
  errno = EXDEV;
  free(p);
  RULE(errno == EXDEV, "free of another thread's block changes errno");
  return NULL;
}

static void keeps_errno(void)
{
  pthread_t thread;

  for (size_t size = 1; size < 200000000; size *= 3) {
    char *p = malloc(size), *q = malloc(size);

    errno = EXDEV;
    free(p);
    RULE(errno == EXDEV, "free of %zu bytes changes errno", size);
    pthread_create(&thread, NULL, free_elsewhere, q);
    pthread_join(thread, NULL);
  }
  errno = EXDEV;
  free(NULL);
  RULE(errno == EXDEV, "free of NULL changes errno");
}

/* ---- places ---- */

extern int __cxa_thread_atexit_impl(void (*destroy)(void *), void *object, void *dso);
extern void *__dso_handle;
static pthread_key_t key;
static __thread char *of_thread;
static int destroyed;

static void work(unsigned seed)
{
  char *p[40];

  for (unsigned i = 0; i < 40; i++) {
    p[i] = malloc(10 + i * i * 20);
    fill(p[i], 10, seed + i);
  }
  for (unsigned i = 0; i < 40; i++) {
    RULE(is_filled(p[i], 10, seed + i), "a block lost bytes");
    free(p[i]);
  }
}

/* Sets itself again until the last round. */
static void destroy_key(void *block)
{
  static __thread int rounds;

  free(block);
  work(5);
  __atomic_fetch_add(&destroyed, 1, __ATOMIC_RELAXED);
  if (++rounds < 4)
    pthread_setspecific(key, malloc(77));
}

static void destroy_object(void *block)
{
  work(6);
  free(block);
  free(of_thread);
  __atomic_fetch_add(&destroyed, 1, __ATOMIC_RELAXED);
}

static void *in_thread(void *forever)
{
  of_thread = malloc(123);
  pthread_setspecific(key, malloc(99));
  __cxa_thread_atexit_impl(destroy_object, malloc(500), &__dso_handle);
  do
    work(7);
  while (forever);
  return NULL;
}

static void cleanup(void *block)
{
  free(block);
  work(8);
}

static void *cancelled(void *unused)
{
  char *p = malloc(1000);

  pthread_setspecific(key, malloc(99));
  pthread_cleanup_push(cleanup, p);
  for (;;) {
    work(9);
    pthread_testcancel();
  }
  pthread_cleanup_pop(1);
  return unused;
}

static void in_handler(int signo)
{
  (void)signo;
  work(10);
}

static void at_exit(void)
{
  work(11);
  puts("exit handler");
  fflush(stdout);
}

static void places(void)
{
  pthread_t thread;
  void *result;

  pthread_key_create(&key, destroy_key);
  for (int i = 0; i < 50; i++) {
    pthread_create(&thread, NULL, i % 2 ? cancelled : in_thread, NULL);
    if (i % 2)
      pthread_cancel(thread);
    pthread_join(thread, &result);
    RULE(result == (i % 2 ? PTHREAD_CANCELED : NULL), "a thread ended in another way");
  }
  RULE(destroyed == 25 * 5 + 25 * 4, "%d destructors ran", destroyed);
  signal(SIGUSR1, in_handler);
  for (int i = 0; i < 100; i++)
    raise(SIGUSR1);
  atexit(at_exit);
}

/* ---- tuning and statistics ---- */

/* Tags are closed in the order in which they were opened. */
static bool is_well_formed(char *xml)
{
  char *open[64], *next;
  size_t depth = 0;

  for (char *tag = strchr(xml, '<'); tag; tag = strchr(next, '<')) {
    size_t length = strcspn(tag + 1, " />");

    next = strchr(tag, '>');
    if (!next)
      return false;
    if (tag[1] == '/') {
      length = strcspn(tag + 2, ">");
      if (!depth || strncmp(open[--depth], tag + 2, length) || strcspn(open[depth], " />") != length)
        return false;
    } else if (tag[1] != '?' && next[-1] != '/') {
      if (depth == 64)
        return false;
      open[depth++] = tag + 1;
    }
  }
  return depth == 0;
}

static void tuning(void)
{
  char *xml = NULL, *p;
  size_t length;
  FILE *out = open_memstream(&xml, &length);
  struct mallinfo2 before = mallinfo2(), with, after;
  int trimmed;

  p = malloc(opaque(50000000));
  with = mallinfo2();
  free(p);
  after = mallinfo2();
  RULE(with.uordblks + with.hblkhd >= before.uordblks + before.hblkhd + 50000000, "mallinfo2 does not see a block");
  RULE(after.uordblks + after.hblkhd < with.uordblks + with.hblkhd, "mallinfo2 does not see that it is free");
  trimmed = malloc_trim(0);
  RULE(trimmed == 0 || trimmed == 1, "malloc_trim gives %d", trimmed);
  RULE(mallopt(M_MMAP_THRESHOLD, 1 << 20) == 1, "mallopt refuses M_MMAP_THRESHOLD");
  RULE(mallopt(M_ARENA_MAX, 2) == 1, "mallopt refuses M_ARENA_MAX");
  RULE(malloc_info(0, out) == 0, "malloc_info fails");
  RULE(malloc_info(1, out) == EINVAL, "malloc_info takes options that are not defined");
  fclose(out);
  RULE(xml && strstr(xml, "<malloc"), "malloc_info writes nothing");
  RULE(xml && is_well_formed(xml), "malloc_info is not well-formed");
  free(xml);
  malloc_stats();
}

int main(int argc, char **argv)
{
  static const struct {
    const char *name;
    void (*judge)(void);
  } themes[] = {{"zero", zero},     {"limits", limits},   {"alignments", alignments}, {"pages", pages},
                {"zeroed", zeroed}, {"resized", resized}, {"usable", usable},         {"errno", keeps_errno},
                {"places", places}, {"tuning", tuning}};

  for (size_t i = 0; argc > 1 && i < sizeof themes / sizeof *themes; i++)
    if (!strcmp(argv[1], themes[i].name)) {
      themes[i].judge();
      puts("judged");
      return 0;
    }
  return 2;
}
