/*
 * The modules of one process.  See modules.h.
 */
#include "symbols/modules.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "reader/xalloc.h"

void modules_init(struct modules *m)
{
  memset(m, 0, sizeof *m);
}

static void module_free(struct module *module)
{
  if (!module)
    return;
  free(module->path);
  free(module->build_id);
  free(module->name);
  free(module);
}

void modules_release(struct modules *m)
{
  for (size_t i = 0; i < m->count; i++)
    module_free(m->item[i]);
  free(m->item);
  perf_map_close(m->jit);
  modules_init(m);
}

void modules_of(struct modules *m, const struct reader *r)
{
  const struct vt_file_header *header = reader_header(r);
  struct stat st;

  m->pid = header->pid;
  m->start_real_ns = header->start_real_ns;
  /* The library writes a trace as the process's user. */
  m->user = stat(reader_path(r), &st) == 0 ? st.st_uid : (uid_t)-1;
}

const char *modules_jit_name(struct modules *m, uint64_t addr)
{
  if (!m->jit_sought && m->pid > 0)
    m->jit = perf_map_open(m->pid, m->user, m->start_real_ns);
  m->jit_sought = true;
  return m->jit ? perf_map_find(m->jit, addr) : NULL;
}

#define DELETED " (deleted)" /* what the kernel puts behind the path of a file that is not there any more */

/* The last part of a path, without what the kernel adds. */
static char *name_of_path(const char *path)
{
  const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
  size_t length = strlen(name), tail = strlen(DELETED);

  if (length > tail && !strcmp(name + length - tail, DELETED))
    length -= tail;
  return xstrndup(name, length);
}

/* The tail is the path, a zero byte, the build id; either may be cut short in a damaged trace. */
static struct module *module_new(const struct event *e)
{
  struct module *module = xcalloc(1, sizeof *module);
  const uint8_t *zero = e->tail_len ? memchr(e->tail, 0, e->tail_len) : NULL;
  size_t path_len = zero ? (size_t)(zero - e->tail) : e->tail_len;

  if (!module)
    return NULL;
  module->bias = module->start = e->field[0];
  module->end = e->field[0] + e->field[1];
  module->from_ns = e->time_ns;
  module->to_ns = UINT64_MAX;
  module->path = xstrndup(path_len ? (const char *)e->tail : "", path_len);
  module->build_id = zero ? xstrndup((const char *)zero + 1, e->tail_len - path_len - 1) : xstrdup("");
  module->name = name_of_path(module->path);
  return module;
}

static bool add(struct modules *m, struct module *module)
{
  if (module && m->count == m->room) {
    size_t room = m->room ? m->room * 2 : 16;
    struct module **item = xrealloc(m->item, room * sizeof *item);

    if (!item) {
      module_free(module);
      return false;
    }
    m->item = item;
    m->room = room;
  }
  if (!module)
    return false;
  m->item[m->count++] = module;
  return true;
}

static void gone(struct modules *m, const struct event *e)
{
  for (size_t i = m->count; i-- > 0;) {
    struct module *module = m->item[i];

    xalloc_work_count(1);
    if (module->start == e->field[0] && module->to_ns == UINT64_MAX) {
      module->to_ns = e->time_ns;
      return;
    }
  }
}

/* What is said of the latest module there. */
static bool take_file(struct modules *m, const struct event *e)
{
  for (size_t i = m->count; i-- > 0;) {
    struct module *module = m->item[i];
    char *name;

    xalloc_work_count(1);
    if (module->start != e->field[0] || module->to_ns != UINT64_MAX)
      continue;
    module->facts = (struct module_facts){.size = e->field[1], .mtime_ns = e->field[2]};
    if (!e->tail_len)
      return true;
    name = xstrndup((const char *)e->tail, e->tail_len);
    free(module->name);
    module->name = name;
    return true;
  }
  return true;
}

bool modules_event(struct modules *m, const struct event *e)
{
  if (e->type == VT_R_MODULE)
    return add(m, module_new(e));
  if (e->type == VT_R_MODULE_FILE)
    return take_file(m, e);
  if (e->type == VT_R_MODULE_GONE)
    gone(m, e);
  return true;
}

/* As its record said, so that all that is known of a module is made in one place. */
static bool add_again(struct modules *m, const struct module *from, uint64_t time_ns)
{
  size_t path_size = strlen(from->path) + 1, id_size = strlen(from->build_id);
  struct event e = {.type = VT_R_MODULE,
                    .time_ns = from->from_ns,
                    .field = {from->bias, from->end - from->bias},
                    .tail_len = path_size + id_size};
  uint8_t *tail = xmalloc(e.tail_len + 1);
  bool good;

  memcpy(tail, from->path, path_size);
  memcpy(tail + path_size, from->build_id, id_size);
  e.tail = tail;
  good = modules_event(m, &e);
  free(tail);
  if (good)
    m->item[m->count - 1]->to_ns = from->to_ns < time_ns ? from->to_ns : time_ns;
  return good;
}

bool modules_copy(struct modules *m, const struct modules *from, uint64_t time_ns)
{
  for (size_t i = 0; i < from->count; i++) {
    if (!add_again(m, from->item[i], time_ns))
      return false;
  }
  return true;
}

struct module *modules_find(const struct modules *m, uint64_t addr, uint64_t time_ns)
{
  struct module *best = NULL;

  xalloc_work_count(m->count);
  for (size_t i = 0; i < m->count; i++) {
    struct module *module = m->item[i];

    if (addr < module->start || addr >= module->end)
      continue;
    if (time_ns >= module->from_ns && time_ns <= module->to_ns)
      return module;
    if (!best || module->from_ns <= time_ns)
      best = module;
  }
  return best;
}
