/*
 * Addresses to names.  See symbols.h.  Files are shared between modules of the
 * same path and build id; results are cached per file and address.
 */
#include "symbols/symbols.h"

#include <libiberty/demangle.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "reader/complain.h"
#include "reader/hash.h"
#include "reader/xalloc.h"
#include "symbols/debug_file.h"
#include "symbols/regular_file.h"
#include "symbols/symbol_file.h"

/* One file that modules name, and what was asked about it. */
struct known_file {
  struct known_file *next;
  struct symbol_file *file; /* NULL: only module and offset can be told */
  char *path, *build_id, *name;
  struct module_facts facts;
};

struct place {
  const void *owner; /* a struct known_file, or the map of a JIT compiler; NULL: no module */
  uint64_t addr;
};

struct cached {
  struct place place;
  struct symbols_frames *frames;
  UT_hash_handle hh;
};

struct name {
  struct name *next;
  char text[];
};

struct symbols {
  uint64_t number; /* from 1: modules outlive a lookup, and know by it whose their file is */
  struct known_file *files;
  struct name *names;
  struct cached *cache;
};

static bool is_off;

void symbols_off(void)
{
  is_off = true;
}

bool symbols_sysroot(const char *directory)
{
  return regular_file_root(directory);
}

void symbols_stay_local(void)
{
  debug_file_stay_local();
}

void symbols_debug_root(const char *directory)
{
  debug_file_root(directory);
}

struct symbols *symbols_open(void)
{
  static uint64_t opened;
  struct symbols *s = xcalloc(1, sizeof *s);

  s->number = ++opened;
  return s;
}

static void free_known(struct known_file *k)
{
  symbol_file_close(k->file);
  free(k->path);
  free(k->build_id);
  free(k->name);
  free(k);
}

void symbols_close(struct symbols *s)
{
  struct cached *c, *next_cached;

  if (!s)
    return;
  HASH_ITER(hh, s->cache, c, next_cached)
  {
    HASH_DEL(s->cache, c);
    free(c->frames);
    free(c);
  }
  while (s->names) {
    struct name *next = s->names->next;

    free(s->names);
    s->names = next;
  }
  while (s->files) {
    struct known_file *next = s->files->next;

    free_known(s->files);
    s->files = next;
  }
  free(s);
}

/* Whether a file is another one than that which was traced, as far as its size and time tell. */
static bool has_changed(const struct stat *st, const struct module_facts *facts, uint64_t trace_real_ns)
{
  uint64_t changed = (uint64_t)st->st_mtim.tv_sec * UINT64_C(1000000000) + (uint64_t)st->st_mtim.tv_nsec;

  if (!st->st_mtim.tv_sec)
    return false; /* not at its place: found by build id */
  if (!facts->mtime_ns)
    return trace_real_ns && changed > trace_real_ns; /* a trace of an earlier version */
  return changed != facts->mtime_ns || (uint64_t)st->st_size != facts->size;
}

#define DELETED " (deleted)" /* what the kernel puts behind the path of a file that is not there any more */

/* The same build may have taken the place of a file that was deleted. */
static struct symbol_file *open_replaced(const struct known_file *k)
{
  size_t length = strlen(k->path), tail = strlen(DELETED);
  struct symbol_file *file = NULL;
  const char *why;
  struct stat st;
  char *path;

  if (length <= tail || strcmp(k->path + length - tail, DELETED) != 0)
    return NULL;
  path = xstrndup(k->path, length - tail);
  file = symbol_file_open(path, k->build_id, &st, &why);
  free(path);
  return file;
}

static void open_known(struct known_file *k, uint64_t trace_real_ns)
{
  struct stat st = {0};
  const char *why;

  k->file = symbol_file_open(k->path, k->build_id, &st, &why);
  if (!k->file && k->build_id[0])
    k->file = open_replaced(k);
  if (!k->file)
    complain("%s: no symbols from this file: %s", k->path, why);
  else if (!k->build_id[0] && has_changed(&st, &k->facts, trace_real_ns))
    complain("%s: changed since the trace was made: names from it may be wrong", k->path);
}

static struct known_file *make_known(struct symbols *s, const struct module *module, uint64_t trace_real_ns)
{
  struct known_file *k = xcalloc(1, sizeof *k);

  k->path = xstrdup(module->path);
  k->build_id = xstrdup(module->build_id);
  k->name = xstrdup(module->name);
  k->facts = module->facts;
  /* The vDSO has no file. */
  if (strchr(k->path, '/') && !is_off)
    open_known(k, trace_real_ns);
  k->next = s->files;
  s->files = k;
  return k;
}

static struct known_file *file_of(struct symbols *s, struct module *module, uint64_t trace_real_ns)
{
  struct known_file *k = module->symbols;

  if (k && module->symbols_of == s->number)
    return k;
  for (k = s->files; k; k = k->next) {
    xalloc_work_count(1);
    if (strcmp(k->path, module->path) == 0 && strcmp(k->build_id, module->build_id) == 0 &&
        strcmp(k->name, module->name) == 0 && k->facts.mtime_ns == module->facts.mtime_ns &&
        k->facts.size == module->facts.size)
      break;
  }
  if (!k)
    k = make_known(s, module, trace_real_ns);
  module->symbols = k;
  module->symbols_of = s->number;
  return k;
}

/* A name for people, kept as long as s; the mangled one when memory is short. */
static const char *demangled(struct symbols *s, const char *name)
{
  char *plain = cplus_demangle(name, DMGL_PARAMS | DMGL_ANSI | DMGL_AUTO);
  struct name *kept;

  if (!plain)
    return name;
  kept = xmalloc(sizeof *kept + strlen(plain) + 1);
  if (kept) {
    strcpy(kept->text, plain);
    kept->next = s->names;
    s->names = kept;
  }
  free(plain);
  return kept ? kept->text : name;
}

static struct symbols_frames *look_up(struct symbols *s, const struct known_file *k, uint64_t addr)
{
  struct symbol_frame frames[SYMBOL_FRAMES_MAX];
  /* The call ends right before its return address. */
  unsigned n = k && k->file ? symbol_file_find(k->file, addr - 1, frames) : 0;
  struct symbols_frames *result = xcalloc(1, sizeof *result + (n ? n : 1) * sizeof result->frame[0]);

  if (!result)
    return NULL;
  result->count = n ? n : 1;
  for (unsigned i = 0; i < result->count; i++) {
    struct symbol *symbol = &result->frame[i];

    symbol->module = k ? k->name : NULL;
    symbol->address = addr;
    if (i >= n)
      break;
    symbol->function = frames[i].function ? demangled(s, frames[i].function) : NULL;
    symbol->file = frames[i].file;
    symbol->line = frames[i].line;
    symbol->inlined = i + 1 < n;
  }
  return result;
}

static const struct symbols_frames *cache_find(const struct symbols *s, struct place place)
{
  struct cached *c;

  HASH_FIND(hh, s->cache, &place, sizeof place, c);
  return c ? c->frames : NULL;
}

/* Takes the frames; NULL (out of memory) is passed on. */
static const struct symbols_frames *cache_add(struct symbols *s, struct place place, struct symbols_frames *frames)
{
  struct cached *c;

  if (!frames)
    return NULL;
  c = xmalloc(sizeof *c);
  *c = (struct cached){.place = place, .frames = frames};
  HASH_ADD(hh, s->cache, place, sizeof c->place, c);
  return frames;
}

static const struct symbols_frames *resolve(struct symbols *s, struct module *module, uint64_t pc,
                                            uint64_t trace_real_ns)
{
  const struct known_file *k;
  uint64_t addr = module ? pc - module->bias : pc;
  const struct symbols_frames *known;
  struct symbols_frames *frames;

  xalloc_suspend();
  k = module ? file_of(s, module, trace_real_ns) : NULL;
  xalloc_resume();
  if (module && !k)
    return NULL;
  known = cache_find(s, (struct place){k, addr});
  if (known)
    return known;
  xalloc_suspend();
  frames = look_up(s, k, addr);
  xalloc_resume();
  return cache_add(s, (struct place){k, addr}, frames);
}

const struct symbols_frames *symbols_resolve(struct symbols *s, struct module *module, uint64_t pc)
{
  return resolve(s, module, pc, 0);
}

/* Code that a JIT compiler made. */
static struct symbols_frames *look_up_jit(struct modules *m, uint64_t pc)
{
  const char *name = modules_jit_name(m, pc - 1);
  struct symbols_frames *result = xcalloc(1, sizeof *result + sizeof result->frame[0]);

  result->count = 1;
  result->frame[0] = (struct symbol){.function = name, .module = name ? "JIT code" : NULL, .address = pc};
  return result;
}

const struct symbols_frames *symbols_at(struct symbols *s, struct modules *m, uint64_t pc, uint64_t time_ns)
{
  struct module *module = modules_find(m, pc, time_ns);
  const struct symbols_frames *known;

  if (module || is_off)
    return resolve(s, module, pc, m->start_real_ns);
  known = cache_find(s, (struct place){m, pc});
  return known ? known : cache_add(s, (struct place){m, pc}, look_up_jit(m, pc));
}
