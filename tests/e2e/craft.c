/*
 * The writer of crafted traces; see craft.h.  What they claim is in
 * craft_kinds.c.
 */
#include "craft.h"

#include <check.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define START_NS UINT64_C(1000000000)

static void chunk_open(struct craft *c, size_t size)
{
  c->chunk = c->used;
  c->end = c->used + size;
  c->used += sizeof(struct vt_chunk_header);
  memset(&c->codec, 0, sizeof c->codec);
}

static void chunk_close(struct craft *c)
{
  struct vt_chunk_header h = {
      .magic = VT_CHUNK_MAGIC, .thread = c->thread, .number = c->number++, .start_ns = START_NS};

  if (!c->end)
    return;
  h.size = (uint32_t)((c->used - c->chunk + VT_CHUNK_ALIGN - 1) & ~(size_t)(VT_CHUNK_ALIGN - 1));
  h.check = vt_chunk_check(&h);
  memcpy(c->bytes + c->chunk, &h, sizeof h);
  c->used = c->chunk + h.size;
  c->end = 0;
}

int craft_room(struct craft *c, size_t n)
{
  size_t left;

  if (c->end && c->used + n <= c->end)
    return 1;
  chunk_close(c);
  left = c->most - c->used;
  if (left < VT_CHUNK_ALIGN || left < n + sizeof(struct vt_chunk_header))
    return 0;
  left -= left % VT_CHUNK_ALIGN;
  chunk_open(c, left < VT_CHUNK_MAX ? left : VT_CHUNK_MAX);
  return 1;
}

void craft_record(struct craft *c, enum vt_record_type type, unsigned n, const uint64_t *fields, const void *tail,
                  size_t tail_len)
{
  struct vt_file_header *header = (struct vt_file_header *)c->bytes;

  c->used += vt_pack_general(c->bytes + c->used, type, n, fields, tail, tail_len);
  header->marks += type == VT_R_MARK;
}

void craft_alloc(struct craft *c, uint64_t addr, uint32_t size, uint32_t stack)
{
  unsigned len;
  struct vt_hot hot = vt_pack_alloc(&c->codec, vt_fold(addr) >> 4, size, stack, &len);

  memcpy(c->bytes + c->used, &hot, len);
  c->used += len;
}

void craft_begin(struct craft *c, size_t most)
{
  struct vt_file_header *h;

  *c = (struct craft){.most = most, .bytes = calloc(1, most + VT_CHUNK_ALIGN), .used = VT_HEADER_SIZE};
  ck_assert_ptr_nonnull(c->bytes);
  h = (struct vt_file_header *)c->bytes;
  memcpy(h->magic, VT_MAGIC, sizeof h->magic);
  h->version = VT_VERSION;
  h->header_size = VT_HEADER_SIZE;
  h->page_size = 4096;
  h->addr_shift = 4;
  h->flags = VT_F_PFN_VISIBLE | VT_F_SAMPLER;
  h->pid = 4711;
  h->ppid = 1;
  h->sample_ms = 100;
  h->stack_frames = 64;
  memset(h->boot_id, 0xb0, sizeof h->boot_id);
  memset(h->trace_id, 0x1d, sizeof h->trace_id);
  h->start_ns = START_NS;
  h->start_real_ns = UINT64_C(1700000000) * 1000000000;
  h->end_ns = 9 * START_NS;
  h->ended = VT_ENDED_EXIT;
  memcpy(h->exe, "/usr/bin/crafted", 17);
  craft_room(c, CRAFT_RECORD);
  CRAFT(c, THREAD, VT_NO_THREAD, 0, 4711, VT_ROLE_PROGRAM);
}

void craft_stream(struct craft *c, enum vt_role role)
{
  chunk_close(c);
  c->thread++;
  c->number = 0;
  if (craft_room(c, CRAFT_RECORD))
    CRAFT(c, THREAD, role == VT_ROLE_PROGRAM ? 0 : VT_NO_THREAD, c->thread, 4711 + c->thread, role);
}

void craft_finish(struct craft *c, const char *path)
{
  int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

  chunk_close(c);
  ((struct vt_file_header *)c->bytes)->claimed = c->used;
  ck_assert_int_ge(fd, 0);
  ck_assert_int_eq(write(fd, c->bytes, c->used), (ssize_t)c->used);
  close(fd);
  free(c->bytes);
}
