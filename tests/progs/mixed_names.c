/*
 * Mixes malloc and free with second names of the family: `mixed_names libc`
 * with __libc_*, and `mixed_names jemalloc`, `tcmalloc`, `mimalloc` with that
 * allocator's own, which it must be run with.  Contents are checked at each
 * step.  Exits with 0 and prints "fine"; with 2 where the names are missing.
 */
#include <malloc.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WEAK __attribute__((weak))

extern void *__libc_malloc(size_t), *__libc_calloc(size_t, size_t), *__libc_realloc(void *, size_t);
extern void *__libc_memalign(size_t, size_t), *__libc_valloc(size_t), *__libc_pvalloc(size_t);
extern void __libc_free(void *);

extern WEAK void *mallocx(size_t, int), *rallocx(void *, size_t, int);
extern WEAK void dallocx(void *, int), sdallocx(void *, size_t, int);
extern WEAK size_t sallocx(const void *, int), xallocx(void *, size_t, size_t, int);

extern WEAK void *tc_malloc(size_t), *tc_realloc(void *, size_t);
extern WEAK void tc_free(void *), tc_delete(void *), tc_deletearray(void *);
extern WEAK size_t tc_malloc_size(void *);

extern WEAK void *mi_malloc(size_t), *mi_realloc(void *, size_t), *mi_rezalloc(void *, size_t);
extern WEAK void *mi_realloc_aligned(void *, size_t, size_t), *mi_reallocf(void *, size_t),
    *mi_recalloc(void *, size_t, size_t);
extern WEAK void mi_free(void *), mi_free_size(void *, size_t);
extern WEAK size_t mi_usable_size(const void *);

static volatile int failed;

static void check(int fine, const char *what)
{
  if (!fine)
    printf("wrong: %s\n", what);
  failed |= !fine;
}

/* A block of malloc's whose bytes tell its size. */
static char *fresh(size_t size)
{
  char *p = malloc(size);

  memset(p, (int)(size % 251), size);
  return p;
}

static int kept(const char *p, size_t size)
{
  for (size_t i = 0; i < size; i++)
    if (p[i] != (char)(size % 251))
      return 0;
  return 1;
}

static int zero(const char *p, size_t from, size_t to)
{
  for (size_t i = from; i < to; i++)
    if (p[i])
      return 0;
  return 1;
}

static void mix_libc(void)
{
  char *p = __libc_malloc(100);

  memset(p, 100 % 251, 100);
  p = realloc(p, 5000);
  check(kept(p, 100), "realloc of __libc_malloc");
  __libc_free(p);
  p = __libc_realloc(fresh(300), 70000);
  check(kept(p, 300), "__libc_realloc of malloc");
  p = __libc_realloc(p, 0);
  check(!p, "__libc_realloc to nothing");
  p = __libc_calloc(50, 40);
  check(zero(p, 0, 2000), "__libc_calloc");
  free(p);
  check(!__libc_calloc(SIZE_MAX / 2, 3), "__libc_calloc of too much");
  p = __libc_memalign(8192, 100);
  check((uintptr_t)p % 8192 == 0, "__libc_memalign");
  free(p);
  p = __libc_valloc(10);
  check((uintptr_t)p % 4096 == 0, "__libc_valloc");
  free(p);
  p = __libc_pvalloc(10);
  check((uintptr_t)p % 4096 == 0 && malloc_usable_size(p) >= 4096, "__libc_pvalloc");
  free(p);
  __libc_free(fresh(64));
  __libc_free(NULL);
  free(__libc_realloc(NULL, 24));
}

static void mix_jemalloc(void)
{
  char *p;

  dallocx(fresh(64), 0);
  sdallocx(fresh(1000), 1000, 0);
  check(sallocx(p = fresh(777), 0) >= 777, "sallocx");
  check(xallocx(p, 777, 0, 0) >= 777, "xallocx");
  p = rallocx(p, 9000, 0);
  check(kept(p, 777), "rallocx");
  p = rallocx(p, 50000, 12); /* aligned to a page */
  check(kept(p, 777) && (uintptr_t)p % 4096 == 0, "rallocx with an alignment");
  p = rallocx(p, 100000, 0x40); /* zeroed beyond what was there */
  check(kept(p, 777) && zero(p, 60000, 100000), "rallocx with zeroes");
  free(p);
  p = mallocx(500, 0);
  memset(p, 500 % 251, 500);
  p = realloc(p, 30000);
  check(kept(p, 500), "realloc of mallocx");
  dallocx(p, 0);
  free(mallocx(40, 0));
  dallocx(mallocx(3 << 20, 0), 0);
}

static void mix_tcmalloc(void)
{
  char *p;

  tc_free(fresh(64));
  tc_delete(fresh(64));
  tc_deletearray(fresh(64));
  check(tc_malloc_size(p = fresh(777)) >= 777, "tc_malloc_size");
  p = tc_realloc(p, 50000);
  check(kept(p, 777), "tc_realloc");
  free(p);
  p = tc_malloc(500);
  memset(p, 500 % 251, 500);
  p = realloc(p, 30000);
  check(kept(p, 500), "realloc of tc_malloc");
  tc_free(p);
  free(tc_malloc(40));
}

static void mix_mimalloc(void)
{
  char *p;

  mi_free(fresh(64));
  mi_free_size(fresh(64), 64);
  check(mi_usable_size(p = fresh(777)) >= 777, "mi_usable_size");
  p = mi_realloc(p, 50000);
  check(kept(p, 777), "mi_realloc");
  p = mi_realloc_aligned(p, 60000, 4096);
  check(kept(p, 777) && (uintptr_t)p % 4096 == 0, "mi_realloc_aligned");
  p = mi_rezalloc(p, 200000);
  check(kept(p, 777) && zero(p, 100000, 200000), "mi_rezalloc");
  p = mi_recalloc(p, 100, 4000);
  check(kept(p, 777) && zero(p, 300000, 400000), "mi_recalloc");
  check(!mi_reallocf(p, SIZE_MAX / 2), "mi_reallocf of too much");
  p = mi_malloc(500);
  memset(p, 500 % 251, 500);
  p = realloc(p, 30000);
  check(kept(p, 500), "realloc of mi_malloc");
  mi_free(p);
  free(mi_malloc(40));
}

int main(int argc, char **argv)
{
  const char *name = argc > 1 ? argv[1] : "libc";

  if (!strcmp(name, "libc"))
    mix_libc();
  else if (!strcmp(name, "jemalloc") && mallocx)
    mix_jemalloc();
  else if (!strcmp(name, "tcmalloc") && tc_malloc)
    mix_tcmalloc();
  else if (!strcmp(name, "mimalloc") && mi_malloc)
    mix_mimalloc();
  else
    return 2;
  if (!failed)
    puts("fine");
  return failed;
}
