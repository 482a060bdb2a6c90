/*
 * The entry point for libFuzzer (clang -fsanitize=fuzzer,undefined): the input
 * is a sequence of calls on several pinned heaps, each standing for a thread, checked against a model: blocks do
 * not overlap, keep their contents, have their alignment and size, and every wrong free is told.  One thread plays all
 * owners in turn, so that an input repeats exactly.  Frees everything before it returns.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "heap/heap.h"
#include "heap/heap_fast.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define SLOTS 256
#define HEAPS 4
#define LIVE_MAX ((size_t)64 << 20)

struct slot {
  unsigned char *p;
  size_t size, usable;
  unsigned char tag;
};

static struct slot slots[SLOTS];
static struct heap *heaps[HEAPS];
static size_t live;

struct input {
  const uint8_t *at, *end;
};

static unsigned take(struct input *in)
{
  return in->at < in->end ? *in->at++ : 0;
}

static void need(bool holds, const char *what)
{
  if (holds)
    return;
  fprintf(stderr, "fuzz_heap: %s\n", what);
  abort();
}

/* Three bytes make a size of any order of magnitude up to 1 MiB, now and then 16 MiB. */
static size_t take_size(struct input *in)
{
  unsigned kind = take(in), bits = kind < 250 ? kind % 21 : 24, mantissa = take(in) | take(in) << 8;

  return ((size_t)1 << bits) * mantissa >> 16;
}

/* The ends, and some of the middle: enough to notice overlaps, and few pages touched. */
static size_t stride(size_t size)
{
  return size > 4096 ? size / 8 : 13;
}

static void fill(const struct slot *s)
{
  for (size_t i = 0; i < s->usable; i += stride(s->usable))
    s->p[i] = (unsigned char)(s->tag + i);
}

static void verify(const struct slot *s, size_t upto)
{
  for (size_t i = 0; i < upto; i += stride(s->usable))
    need(s->p[i] == (unsigned char)(s->tag + i), "a block lost its contents");
}

static void adopt(struct slot *s, void *p, size_t size, unsigned tag)
{
  s->p = p;
  s->size = size;
  s->tag = (unsigned char)tag;
  need(heap_usable(p, &s->usable) == HEAP_OK && s->usable >= size, "a live block is not known, or too small");
  need((uintptr_t)p % HEAP_MIN_ALIGN == 0, "a block is not aligned");
  live += s->usable;
  fill(s);
}

static void allocate(struct input *in, struct heap *heap, struct slot *s)
{
  unsigned how = take(in);
  size_t size = take_size(in), align = (size_t)1 << how % 22;
  void *p;

  if (live + size + align > LIVE_MAX)
    return;
  if (how < 128)
    p = heap_alloc(heap, size);
  else if (how < 192)
    p = heap_alloc_zeroed(heap, size);
  else
    p = heap_alloc_aligned(heap, align, size);
  need(p != NULL, "no memory");
  if (how >= 192)
    need((uintptr_t)p % align == 0, "an aligned block is not aligned");
  if (how >= 128 && how < 192) {
    for (size_t i = 0; i < size; i++)
      need(((unsigned char *)p)[i] == 0, "a zeroed block is not zero");
  }
  adopt(s, p, size, how);
}

static void resize(struct input *in, struct heap *heap, struct slot *s)
{
  size_t size = take_size(in), old = s->usable;
  struct slot before = *s;
  void *p;

  if (live + size > LIVE_MAX)
    return;
  need(heap_resize(heap, s->p, size, &p) == HEAP_OK && p, "a live block cannot be resized");
  before.p = p;
  verify(&before, size < before.size ? size : before.size);
  live -= old;
  adopt(s, p, size, before.tag + 1u);
}

/* A free that must be refused, and what must be said of it. */
static void misuse(struct input *in, struct heap *heap, const struct slot *s)
{
  size_t offset = 1 + take_size(in) % (s->usable ? s->usable : 1), usable;
  void *inside = s->p + offset;

  if (offset < s->usable) {
    need(heap_free(heap, inside) != HEAP_OK, "a pointer into a block was freed");
    need(heap_usable(inside, &usable) != HEAP_OK, "a pointer into a block has a size");
  }
  verify(s, s->usable);
}

static void release(struct heap *heap, struct slot *s)
{
  unsigned char *p = s->p;

  verify(s, s->usable);
  live -= s->usable;
  s->p = NULL;
  need(heap_free(heap, p) == HEAP_OK, "a live block cannot be freed");
  need(heap_free(heap, p) != HEAP_OK, "a block was freed twice");
}

static void step(struct input *in)
{
  unsigned what = take(in);
  struct heap *heap = heaps[what & (HEAPS - 1)];
  struct slot *s = &slots[take(in) % SLOTS];

  what >>= 2;
  if (what == 63)
    heap_trim(0);
  else if (!s->p)
    allocate(in, heap, s);
  else if (what < 20)
    resize(in, heap, s);
  else if (what < 24)
    misuse(in, heap, s);
  else
    release(heap, s);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
  struct input in = {data, data + size};

  for (unsigned i = 0; i < HEAPS && !heaps[i]; i++) {
    heaps[i] = i ? heap_child(heaps[0]) : heap_main();
    need(heaps[i] != NULL, "no heap");
  }
  while (in.at < in.end)
    step(&in);
  for (unsigned i = 0; i < SLOTS; i++) {
    if (slots[i].p)
      release(heaps[i % HEAPS], &slots[i]);
  }
  need(live == 0, "everything is freed, and something lives");
  return 0;
}
