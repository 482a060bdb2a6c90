/*
 * Makes the traces of pages_maker.h in a temporary directory.
 */
#include "pages_maker.h"
#include "tracked.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct trace_maker *maker;
static struct maker_stream *stream;
static char paths[PAGES_MAKER_MAX][64];
static size_t made;

static uint64_t clock_of(uint64_t ms)
{
  return (1000 + ms) * MS;
}

struct trace_maker *pages_process(int pid, uint64_t start_ms, uint64_t end_ms)
{
  int fd;

  pages_end();
  snprintf(paths[made], sizeof paths[made], "/tmp/vmtrace-pages-XXXXXX");
  fd = mkstemp(paths[made]);
  if (fd < 0 || made + 1 == PAGES_MAKER_MAX)
    abort();
  close(fd);
  maker = maker_new(paths[made++]);
  maker->header.pid = pid;
  maker->header.ppid = 1;
  maker->header.flags |= VT_F_PFN_VISIBLE | VT_F_SAMPLER;
  memset(maker->header.trace_id, (int)made, sizeof maker->header.trace_id);
  maker->header.start_ns = clock_of(start_ms);
  maker->header.end_ns = clock_of(end_ms);
  maker->header.heap_start = UINT64_C(0x100000000000);
  maker->header.heap_end = UINT64_C(0x500000000000);
  stream = maker_stream(maker, VT_NO_THREAD, 0, VT_ROLE_SAMPLER);
  return maker;
}

void pages_sample(uint64_t at_ms, uint32_t flags)
{
  maker_time(stream, clock_of(at_ms));
  MAKE(stream, SAMPLE, VT_SAMPLE_TICK, flags, 0);
}

void pages_sample_end(uint64_t pages)
{
  MAKE(stream, SAMPLE_END, 0, pages, 0);
}

void pages_run(uint64_t addr, uint64_t count, uint32_t state, uint64_t pfn)
{
  MAKE(stream, PAGES, addr, count, state, pfn);
}

void pages_bytes(uint64_t addr, uint32_t state, uint64_t count, const void *tail, size_t len)
{
  const uint64_t fields[] = {addr, count, state};

  maker_record(stream, VT_R_PFNS, 3, fields, tail, len);
}

void pages_list(uint64_t addr, uint32_t state, uint64_t count, const uint64_t *pfns)
{
  uint8_t *tail = malloc(count * 10), *end = tail;
  uint64_t before = 0;

  if (!tail)
    abort();
  for (uint64_t i = 0; i < count; i++) {
    end = vt_put_leb(end, vt_zigzag((int64_t)(pfns[i] - before)));
    before = pfns[i];
  }
  pages_bytes(addr, state, count, tail, (size_t)(end - tail));
  free(tail);
}

void pages_vma(uint64_t addr, uint64_t size, uint32_t flags, uint64_t inode, const char *path)
{
  const uint64_t fields[] = {addr, size, flags, 8, inode, 0};

  maker_record(stream, VT_R_VMA, 6, fields, path, strlen(path));
}

void pages_vma_gone(uint64_t addr, uint64_t size)
{
  MAKE(stream, VMA_GONE, addr, size);
}

void pages_value(uint64_t at_ms, uint64_t addr, enum vt_value_type type, uint64_t bits)
{
  maker_time(stream, clock_of(at_ms));
  MAKE(stream, VALUE, addr, type, bits);
}

void pages_end(void)
{
  if (maker)
    maker_finish(maker);
  maker = NULL;
}

struct page_set *pages_made(void)
{
  struct picture **pictures = calloc(made + 1, sizeof(struct picture *));
  size_t count = made;

  pages_end();
  made = 0;
  for (size_t i = 0; i < count; i++) {
    pictures[i] = picture_made(paths[i]);
    unlink(paths[i]);
  }
  return page_set_new(pictures, count);
}
