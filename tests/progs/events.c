/*
 * One call of every kind that is recorded, in a known order, each result
 * printed as "op address size" with the numbers that the trace must have.
 * Output is written at the end, by write(2) from static memory: nothing here
 * allocates but the calls shown.
 */
#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/shm.h>
#include <unistd.h>

static char text[16384];
static size_t used;

__attribute__((format(printf, 1, 2))) static void say(const char *format, ...)
{
  va_list args;

  va_start(args, format);
  used += (size_t)vsnprintf(text + used, sizeof text - used, format, args);
  va_end(args);
}

static void blocks(void)
{
  void *a = malloc(100), *b = calloc(10, 50), *c, *d, *old;
  void *aligned[5];

  say("alloc %p 100\nalloc %p 500\n", a, b);
  c = malloc(5000);
  say("alloc %p 5000\n", c);
  old = a;
  a = realloc(a, 3u << 20);
  say("realloc %p %d\n", a, 3 << 20);
  old = b;
  b = reallocarray(b, 7, 9);
  say("realloc %p 63\n", b);
  (void)old;
  d = realloc(NULL, 40);
  say("alloc %p 40\n", d);
  aligned[0] = memalign(64, 10);
  aligned[1] = aligned_alloc(4096, 20);
  if (posix_memalign(&aligned[2], 1 << 20, 30))
    abort();
  aligned[3] = valloc(40);
  aligned[4] = pvalloc(50);
  say("alloc %p 10\nalloc %p 20\nalloc %p 30\nalloc %p 40\nalloc %p 4096\n", aligned[0], aligned[1], aligned[2],
      aligned[3], aligned[4]);
  say("free %p 10\nfree %p 20\nfree %p 30\nfree %p 40\nfree %p 4096\n", aligned[0], aligned[1], aligned[2], aligned[3],
      aligned[4]);
  for (int i = 0; i < 5; i++)
    free(aligned[i]);
  say("free %p %d\nfree %p 63\nfree %p 5000\nfree %p 40\n", a, 3 << 20, b, c, d);
  free(a);
  free(b);
  free(c);
  if (realloc(d, 0))
    abort();
}

static void mappings(void)
{
  size_t page = 4096;
  char *p = mmap(NULL, 8 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), *q;
  void *segment;
  int id;

  say("mmap %p 32768\n", (void *)p);
  if (mprotect(p, page, PROT_READ) || madvise(p + page, page, MADV_DONTNEED))
    abort();
  say("mprotect %p 4096\nmadvise %p 4096\n", (void *)p, (void *)(p + page));
  if (munmap(p + 6 * page, 2 * page))
    abort();
  say("munmap %p 8192\n", (void *)(p + 6 * page));
  q = mremap(p + page, 5 * page, 1000 * page, MREMAP_MAYMOVE);
  say("mremap %p 4096000\n", (void *)q);
  errno = 0;
  if (munmap(p + 1, page) != -1 || errno != EINVAL || mmap(NULL, 0, PROT_READ, MAP_PRIVATE, -1, 0) != MAP_FAILED)
    abort();
  id = shmget(IPC_PRIVATE, 3 * page, IPC_CREAT | 0600);
  segment = shmat(id, NULL, 0);
  say("shmat %p 12288\nshmdt %p\n", segment, segment);
  shmdt(segment);
  shmctl(id, IPC_RMID, NULL);
  p = sbrk(0);
  sbrk(65536);
  say("brk %p\n", (void *)(p + 65536));
  if (brk(p))
    abort();
  say("brk %p\n", (void *)p);
}

int main(void)
{
  blocks();
  mappings();
  return write(1, text, used) != (ssize_t)used;
}
