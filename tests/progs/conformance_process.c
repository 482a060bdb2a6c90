/*
 * The malloc family within a process, as POSIX and glibc document it: errno,
 * calls from the ends of threads, signal handlers and exit, tuning and statistics.  conformance_process THEME: says
 * "wrong: ..." for each rule that does not hold, and at the end "judged".  Nothing that is printed depends on
 * addresses.
 */
#include "conformance.h"

#include <errno.h>
#include <malloc.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>

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
  static const struct theme themes[] = {{"errno", keeps_errno}, {"places", places}, {"tuning", tuning}};

  return judge_theme(argc, argv, themes, sizeof themes / sizeof *themes);
}
