/*
 * Has a malloc of its own that is not re-entrant, as Chromium has, and that
 * maps its memory at its first call, before the constructors of all libraries:
 * whatever comes of that mmap must not allocate.  Prints how often it did.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define ARENA (16u << 20)
#define HEADER 16u /* holds the block's size */

static unsigned char *arena;
static size_t used;
static int busy, reentered;
static unsigned char spare[65536];
static size_t spare_used;

/* For callers that find the allocator busy. */
static void *spare_block(size_t size)
{
  void *p = spare + spare_used + HEADER;

  reentered++;
  spare_used += (size + HEADER + 15) & ~(size_t)15;
  return p;
}

void *malloc(size_t size)
{
  unsigned char *p;

  if (busy)
    return spare_block(size);
  busy = 1;
  if (!arena)
    arena = mmap(NULL, ARENA, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  p = arena + used + HEADER;
  used += (size + HEADER + 15) & ~(size_t)15;
  memcpy(p - HEADER, &size, sizeof size);
  busy = 0;
  return p;
}

void free(void *p)
{
  (void)p;
}

void *calloc(size_t count, size_t size)
{
  return memset(malloc(count * size), 0, count * size);
}

void *realloc(void *old, size_t size)
{
  void *p = malloc(size);
  size_t was = 0;

  if (old) {
    memcpy(&was, (unsigned char *)old - HEADER, sizeof was);
    memcpy(p, old, was < size ? was : size);
  }
  return p;
}

static void *first;

static void allocate(void)
{
  first = malloc(100);
}

__attribute__((section(".preinit_array"), used)) static void (*const at_start)(void) = allocate;

int main(void)
{
  printf("%s, %d times\n", first ? "allocated" : "no memory", reentered);
  return 0;
}
