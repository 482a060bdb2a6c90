/*
 * How much of a thread's stack an allocation takes, from call stacks that were
 * not there before: `small_stack LIMIT` fails when it is more than LIMIT bytes.
 */
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define SIZE (256 << 10)
#define LOW 0x60000000
#define UNTOUCHED 0xa5

static unsigned char *stack;
static void *volatile block;

#define SITE(n, next)                                                                                                  \
  static __attribute__((noinline)) void site_##n(void)                                                                 \
  {                                                                                                                    \
    block = malloc(n);                                                                                                 \
    next;                                                                                                              \
    free(block);                                                                                                       \
  }

SITE(1, (void)0)
SITE(2, free(block); site_1(); block = NULL)
SITE(3, free(block); site_2(); block = NULL)

static __attribute__((noinline)) void grow(void)
{
  block = calloc(1, 10);
  block = realloc(block, 100000);
  free(block);
  block = aligned_alloc(4096, 4096);
  free(block);
}

/* What the thread itself takes is above its frame; from there down to what nobody touched is what the calls took. */
static void *measure(void *used)
{
  const unsigned char *here = __builtin_frame_address(0), *low = stack;

  site_3();
  grow();
  while (low < here && *low == UNTOUCHED)
    low++;
  *(size_t *)used = (size_t)(here - low);
  return NULL;
}

int main(int argc, char **argv)
{
  size_t limit = argc > 1 ? strtoul(argv[1], NULL, 10) : 0, used = 0;
  pthread_attr_t attr;
  pthread_t thread;

  /* Low, as stacks of coroutines are that come from the heap: below all that is the library's. */
  stack = mmap((void *)LOW, SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (stack == MAP_FAILED)
    return 2;
  memset(stack, UNTOUCHED, SIZE);
  pthread_attr_init(&attr);
  pthread_attr_setstack(&attr, stack, SIZE);
  if (pthread_create(&thread, &attr, measure, &used))
    return 2;
  pthread_join(thread, NULL);
  if (used > limit) {
    printf("%zu bytes of stack\n", used);
    return 1;
  }
  puts("fits");
  return 0;
}
