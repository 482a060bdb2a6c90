/*
 * The writer of test traces; see trace_maker.h.
 */
#include "trace_maker.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zstd.h>

#include "pack/columns.h"

static void die(const char *what)
{
  fprintf(stderr, "trace_maker: %s: %s\n", what, strerror(errno));
  abort();
}

static void write_at(const struct trace_maker *m, const void *bytes, size_t n, uint64_t offset)
{
  if (pwrite(m->fd, bytes, n, (off_t)offset) != (ssize_t)n)
    die("pwrite");
}

struct trace_maker *maker_new(const char *path)
{
  static uint32_t made;
  struct trace_maker *m = calloc(1, sizeof *m);
  struct vt_file_header *h;

  if (!m)
    die("calloc");
  m->fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  if (m->fd < 0)
    die(path);
  m->size = VT_HEADER_SIZE;
  h = &m->header;
  memcpy(h->magic, VT_MAGIC, sizeof h->magic);
  h->version = VT_VERSION;
  h->header_size = VT_HEADER_SIZE;
  h->page_size = 4096;
  h->addr_shift = 4;
  h->pid = 4711;
  h->ppid = 1;
  h->sample_ms = 100;
  memset(h->boot_id, 0xb0, sizeof h->boot_id);
  memset(h->trace_id, 0x1d, sizeof h->trace_id);
  made++;
  memcpy(h->trace_id, &made, sizeof made);
  h->start_ns = 1000000000;
  h->start_real_ns = UINT64_C(1700000000) * 1000000000;
  h->end_ns = 1;
  h->ended = VT_ENDED_EXIT;
  strcpy(h->host, "testhost");
  strcpy(h->exe, "/usr/bin/example");
  strcpy(h->cwd, "/");
  memcpy(h->cmdline, "example\0-v", 11);
  h->cmdline_len = 11;
  return m;
}

static void chunk_begin(struct maker_stream *s)
{
  s->chunk.magic = VT_CHUNK_MAGIC;
  s->chunk.thread = s->thread;
  s->chunk.size = s->chunk_size;
  s->chunk.start_ns = s->time_ns;
  s->chunk.allocs = s->allocs;
  s->chunk.lost = s->lost;
  s->lost = 0;
  s->room = s->chunk_size - sizeof s->chunk;
  s->data = calloc(1, s->room + 8);
  if (!s->data)
    die("calloc");
  s->used = 0;
  s->open = true;
  memset(&s->codec, 0, sizeof s->codec);
}

static void chunk_pack(struct maker_stream *s)
{
  size_t bound = ZSTD_compressBound(s->used);
  uint8_t *packed = malloc(bound);
  size_t n = ZSTD_compress(packed, bound, s->data, s->used, 3);

  s->chunk.raw_size = (uint32_t)s->used;
  s->chunk.packed = (uint32_t)n;
  s->chunk.size = (uint32_t)((sizeof s->chunk + n + VT_CHUNK_ALIGN - 1) & ~(size_t)(VT_CHUNK_ALIGN - 1));
  s->chunk.check = vt_chunk_check(&s->chunk);
  write_at(s->maker, &s->chunk, sizeof s->chunk, s->maker->size);
  write_at(s->maker, packed, n, s->maker->size + sizeof s->chunk);
  free(packed);
}

void maker_end_chunk(struct maker_stream *s)
{
  struct trace_maker *m = s->maker;

  if (!s->open)
    return;
  if (m->packed) {
    chunk_pack(s);
  } else {
    s->chunk.check = vt_chunk_check(&s->chunk);
    write_at(m, &s->chunk, sizeof s->chunk, m->size);
    write_at(m, s->data, s->used, m->size + sizeof s->chunk);
  }
  m->size += s->chunk.size;
  if (ftruncate(m->fd, (off_t)m->size) < 0)
    die("ftruncate");
  s->chunk = (struct vt_chunk_header){.number = s->chunk.number + 1};
  free(s->data);
  s->data = NULL;
  s->open = false;
}

void maker_gap(struct trace_maker *m, uint64_t bytes)
{
  m->size += bytes;
  if (ftruncate(m->fd, (off_t)m->size) < 0)
    die("ftruncate");
}

/* Room for n more bytes in one chunk. */
static uint8_t *room_for(struct maker_stream *s, size_t n)
{
  if (s->open && s->used + n > s->room)
    maker_end_chunk(s);
  if (!s->open)
    chunk_begin(s);
  if (s->used + n > s->room) {
    fprintf(stderr, "trace_maker: %zu bytes do not fit into a chunk of %u\n", n, s->chunk_size);
    abort();
  }
  return s->data + s->used;
}

void maker_bytes(struct maker_stream *s, const void *bytes, size_t n)
{
  memcpy(room_for(s, n), bytes, n);
  s->used += n;
}

void maker_record(struct maker_stream *s, enum vt_record_type type, unsigned n, const uint64_t *fields,
                  const void *tail, size_t tail_len)
{
  uint8_t *buffer = malloc(VT_GENERAL_MAX(tail_len));

  if (!buffer)
    die("malloc");
  s->maker->header.marks += type == VT_R_MARK;
  maker_bytes(s, buffer, vt_pack_general(buffer, type, n, fields, tail, tail_len));
  free(buffer);
}

void maker_time(struct maker_stream *s, uint64_t ns)
{
  if (ns <= s->time_ns)
    return;
  if (s->open) {
    MAKE(s, TIME, ns - s->time_ns);
    /* A record that began a new chunk carries the old time there: both stay right. */
  }
  s->time_ns = ns;
}

static void put_word(struct maker_stream *s, uint64_t word, unsigned len)
{
  memcpy(s->data + s->used, &word, len);
  s->used += len;
}

void maker_alloc_stack(struct maker_stream *s, uint64_t addr, uint64_t size, uint32_t stack)
{
  unsigned shift = s->maker->header.addr_shift, len;
  struct vt_hot hot;

  if (size >= VT_HOT_SIZE_LIMIT || addr & ((1u << shift) - 1)) {
    if (stack)
      MAKE(s, STACK, stack);
    MAKE(s, ALLOC, addr, size, UINT64_C(1) << shift);
  } else {
    room_for(s, VT_HOT_MAX);
    hot = vt_pack_alloc(&s->codec, vt_fold(addr) >> shift, (uint32_t)size, stack, &len);
    memcpy(s->data + s->used, &hot, len);
    s->used += len;
  }
  s->allocs++;
}

void maker_alloc(struct maker_stream *s, uint64_t addr, uint64_t size)
{
  maker_alloc_stack(s, addr, size, VT_STACK_NONE);
}

void maker_free(struct maker_stream *s, uint64_t addr)
{
  unsigned shift = s->maker->header.addr_shift, len;
  uint64_t word;

  if (addr & ((1u << shift) - 1)) {
    MAKE(s, FREE, addr);
    return;
  }
  room_for(s, VT_HOT_MAX);
  word = vt_pack_free(&s->codec, vt_fold(addr) >> shift, &len);
  put_word(s, word, len);
}

void maker_realloc(struct maker_stream *s, uint64_t old, uint64_t addr, uint64_t size)
{
  MAKE(s, REALLOC, old, addr, size);
  s->allocs++;
}

struct maker_stream *maker_bare(struct trace_maker *m, uint32_t thread)
{
  struct maker_stream *s = calloc(1, sizeof *s);

  if (!s || m->streams == MAKER_STREAMS)
    die("maker_bare");
  s->maker = m;
  s->thread = thread;
  s->chunk_size = 8192;
  s->time_ns = m->header.start_ns;
  m->stream[m->streams++] = s;
  return s;
}

struct maker_stream *maker_stream(struct trace_maker *m, uint32_t parent, uint32_t ordinal, enum vt_role role)
{
  struct maker_stream *s = maker_bare(m, m->streams);

  MAKE(s, THREAD, parent, ordinal, 4711 + s->thread, role);
  return s;
}

struct maker_stream *maker_program(const char *path)
{
  return maker_stream(maker_new(path), VT_NO_THREAD, 0, VT_ROLE_PROGRAM);
}

void maker_finish(struct trace_maker *m)
{
  uint64_t latest = m->header.start_ns;
  static const char zeros[VT_HEADER_SIZE];

  for (unsigned i = 0; i < m->streams; i++) {
    maker_end_chunk(m->stream[i]);
    if (m->stream[i]->time_ns > latest)
      latest = m->stream[i]->time_ns;
    free(m->stream[i]);
  }
  if (m->header.end_ns == 1)
    m->header.end_ns = latest;
  if (!m->header.claimed)
    m->header.claimed = m->size;
  if (m->packed) {
    m->header.flags |= VT_F_PACKED;
    columns_serve_reader();
  }
  write_at(m, zeros, sizeof zeros, 0);
  write_at(m, &m->header, sizeof m->header, 0);
  close(m->fd);
  free(m);
}
