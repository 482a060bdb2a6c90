/*
 * Addresses to names.  See symbols.h.  Files are shared between modules of the
 * same path and build id; results are cached per file and address.
 */
#include "model/symbols.h"

#include <libiberty/demangle.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "model/debug_file.h"
#include "model/regular_file.h"
#include "model/symbol_file.h"
#include "reader/complain.h"
#include "reader/xalloc.h"

/* One file that modules name, and what was asked about it. */
struct known_file {
  struct known_file *next;
  struct symbol_file *file; /* NULL: only module and offset can be told */
  char *path, *build_id;
  const char *name; /* the last part of path */
};

struct cached {
  const struct known_file *file; /* NULL: no module */
  uint64_t addr;
  struct symbols_frames *frames; /* NULL: an empty slot */
};

struct name {
  struct name *next;
  char text[];
};

struct symbols {
  struct known_file *files;
  struct name *names;
  struct cached *slots;
  size_t mask, used;
};

#define FIRST_SLOTS 1024u

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

bool symbols_debug_root(const char *directory)
{
  return debug_file_root(directory);
}

struct symbols *symbols_open(void)
{
  struct symbols *s = xcalloc(1, sizeof *s);

  if (!s)
    return NULL;
  s->slots = xcalloc(FIRST_SLOTS, sizeof *s->slots);
  s->mask = FIRST_SLOTS - 1;
  if (!s->slots) {
    free(s);
    return NULL;
  }
  return s;
}

void symbols_close(struct symbols *s)
{
  if (!s)
    return;
  for (size_t i = 0; i <= s->mask; i++)
    free(s->slots[i].frames);
  free(s->slots);
  while (s->names) {
    struct name *next = s->names->next;

    free(s->names);
    s->names = next;
  }
  while (s->files) {
    struct known_file *next = s->files->next;

    symbol_file_close(s->files->file);
    free(s->files->path);
    free(s->files->build_id);
    free(s->files);
    s->files = next;
  }
  free(s);
}

static struct known_file *file_of(struct symbols *s, struct module *module)
{
  struct known_file *k = module->symbols;
  const char *why, *slash;

  if (k)
    return k;
  for (k = s->files; k; k = k->next)
    if (strcmp(k->path, module->path) == 0 && strcmp(k->build_id, module->build_id) == 0)
      break;
  if (!k) {
    k = xcalloc(1, sizeof *k);
    if (!k)
      return NULL;
    k->path = xstrdup(module->path);
    k->build_id = xstrdup(module->build_id);
    if (!k->path || !k->build_id) {
      free(k->path);
      free(k->build_id);
      free(k);
      return NULL;
    }
    slash = strrchr(k->path, '/');
    k->name = slash ? slash + 1 : k->path;
    /* The vDSO has no file. */
    if (slash && !is_off) {
      k->file = symbol_file_open(k->path, k->build_id, &(struct stat){0}, &why);
      if (!k->file)
        complain("%s: no symbols from this file: %s", k->path, why);
    }
    k->next = s->files;
    s->files = k;
  }
  module->symbols = k;
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

static struct cached *slot_of(const struct symbols *s, const struct known_file *k, uint64_t addr)
{
  uint64_t hash = (addr ^ (uint64_t)(uintptr_t)k << 7) * UINT64_C(0x9e3779b97f4a7c15);

  for (size_t i = hash >> 32;; i++) {
    struct cached *c = &s->slots[i & s->mask];

    if (!c->frames || (c->file == k && c->addr == addr))
      return c;
  }
}

static bool grow(struct symbols *s)
{
  struct symbols bigger = *s;

  if (s->used <= s->mask / 2)
    return true;
  bigger.mask = s->mask * 2 + 1;
  bigger.slots = xcalloc(bigger.mask + 1, sizeof *bigger.slots);
  if (!bigger.slots)
    return s->used < s->mask;
  for (size_t i = 0; i <= s->mask; i++)
    if (s->slots[i].frames)
      *slot_of(&bigger, s->slots[i].file, s->slots[i].addr) = s->slots[i];
  free(s->slots);
  *s = bigger;
  return true;
}

const struct symbols_frames *symbols_resolve(struct symbols *s, struct module *module, uint64_t pc)
{
  const struct known_file *k = module ? file_of(s, module) : NULL;
  uint64_t addr = module ? pc - module->bias : pc;
  struct cached *c;

  if (!grow(s))
    return NULL;
  c = slot_of(s, k, addr);
  if (c->frames)
    return c->frames;
  c->frames = look_up(s, k, addr);
  if (!c->frames)
    return NULL;
  c->file = k;
  c->addr = addr;
  s->used++;
  return c->frames;
}
