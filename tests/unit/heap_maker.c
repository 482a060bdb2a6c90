/*
 * The traces of heap_maker.h.
 */
#include "heap_maker.h"

#include <stdlib.h>
#include <string.h>

#include "capture.h"

struct trace_maker *heap_trace(const char *name, struct maker_stream **thread)
{
  static const char module[] = "/nowhere/prog\0abcdef";
  const uint64_t at[] = {CODE, 0x10000};
  struct trace_maker *m = maker_new(temp_path(name));

  m->header.stack_frames = 64;
  m->header.heap_start = UINT64_C(0x100000000000);
  m->header.heap_end = UINT64_C(0x500000000000);
  m->header.own_start = UINT64_C(0x0c0000000000);
  m->header.own_end = UINT64_C(0x0e0000000000);
  m->header.flags |= VT_F_PFN_VISIBLE | VT_F_SAMPLER;
  *thread = maker_stream(m, VT_NO_THREAD, 0, VT_ROLE_PROGRAM);
  maker_record(*thread, VT_R_MODULE, 2, at, module, sizeof module - 1);
  MAKE(*thread, STACK_NODE, IN_MAIN, VT_STACK_COMPLETE, CODE + 0x100);
  MAKE(*thread, STACK_NODE, IN_F, IN_MAIN, CODE + 0x200);
  MAKE(*thread, STACK_NODE, IN_G, IN_MAIN, CODE + 0x300);
  return m;
}

struct maker_stream *heap_sample(struct trace_maker *m, struct maker_stream *sampler, uint64_t at_ns)
{
  if (!sampler)
    sampler = maker_stream(m, VT_NO_THREAD, 0, VT_ROLE_SAMPLER);
  maker_time(sampler, m->header.start_ns + at_ns);
  MAKE(sampler, SAMPLE, VT_SAMPLE_TICK, VT_SAMPLE_PFN, 0);
  return sampler;
}

void heap_vma(struct maker_stream *sampler, uint64_t addr, uint64_t size, uint32_t flags, const char *path)
{
  const uint64_t fields[] = {addr, size, flags, 0, 0, 0};

  maker_record(sampler, VT_R_VMA, 6, fields, path, strlen(path));
}

void heap_mark(struct maker_stream *s, const char *name)
{
  maker_record(s, VT_R_MARK, 0, NULL, name, strlen(name));
}

struct heap_set heap_load_set(const char *const *names, size_t count, const char *at, struct session **s)
{
  char **paths = calloc(count + 1, sizeof(char *));
  struct instant instant;
  struct heap_set set;
  unsigned number;

  for (size_t i = 0; i < count; i++)
    paths[i] = strdup(temp_path(names[i]));
  *s = session_open(paths, count);
  if (!instant_parse(at, &instant))
    abort();
  number = session_at(*s, &instant);
  heap_set_want(*s);
  if (session_run(*s) < 0)
    abort();
  heap_set_at(*s, number, &set);
  for (size_t i = 0; i < count; i++)
    free(paths[i]);
  free(paths);
  return set;
}

/* A session that processes were loaded from, as long as one of them is left. */
static struct loaded {
  struct session *session;
  struct heap_set set;
  size_t left;
} loaded[64];

void heap_load(const char *const *names, size_t count, const char *at, struct heap_process **out)
{
  struct loaded *l = loaded;

  while (l->session && l < loaded + 63)
    l++;
  l->set = heap_load_set(names, count, at, &l->session);
  if (l->set.count != count)
    abort();
  memcpy(out, l->set.process, count * sizeof(struct heap_process *));
  l->left = count;
}

void heap_unload(struct heap_process *p)
{
  for (struct loaded *l = loaded; l < loaded + 64; l++) {
    bool mine = false;

    for (size_t i = 0; l->session && i < l->set.count; i++)
      mine |= l->set.process[i] == p;
    if (!mine || --l->left)
      continue;
    heap_set_release(&l->set);
    session_close(l->session);
    *l = (struct loaded){NULL, {NULL, 0}, 0};
  }
}

struct heap_process *heap_load_one(const char *name, const char *at)
{
  struct heap_process *p;

  heap_load(&name, 1, at, &p);
  return p;
}

struct heap_row heap_row_of(const struct heap_process *p, uint32_t stack)
{
  struct heap_row row;

  heap_process_row(p, HEAP_WHOLE_RUN, stack, &row);
  return row;
}
