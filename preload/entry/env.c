/*
 * The environment for children.  See env.h; called by the start of the process
 * and by the exec and spawn hooks, also in a child of vfork.
 */
#include "entry/env.h"

#include <dlfcn.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/log.h"
#include "base/option.h"
#include "base/own.h"
#include "base/peek.h"
#include "base/sys.h"
#include "entry/hook.h"
#include "trace/trace.h"

#define PATH_SIZE 4096
#define ID_BYTES 16

static const char parent_name[] = "VMTRACE_PARENT";

/* The value if entry is NAME=value. */
static const char *value_of(const char *entry, const char *variable)
{
  size_t n = strlen(variable);

  return strncmp(entry, variable, n) == 0 && entry[n] == '=' ? entry + n + 1 : NULL;
}

static char **find(const char *name)
{
  for (char **e = environ; e && *e; e++)
    if (value_of(*e, name))
      return e;
  return NULL;
}

/* ---- VMTRACE_PARENT ---- */

static int digit(char c)
{
  if (c >= '0' && c <= '9')
    return c - '0';
  return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static void set_parent(const char *hex)
{
  uint8_t id[ID_BYTES];

  if (strlen(hex) != 2 * ID_BYTES)
    return;
  for (unsigned i = 0; i < ID_BYTES; i++) {
    int high = digit(hex[2 * i]), low = digit(hex[2 * i + 1]);

    if (high < 0 || low < 0)
      return;
    id[i] = (uint8_t)(high << 4 | low);
  }
  trace_set_parent(id);
}

/* The environment as the kernel keeps it: for hooks that run before libc has set environ. */
static void read_parent_from_kernel(void)
{
  size_t size = 256 << 10;
  char *text = own_map(size);
  ssize_t n = text ? sys_read_file("/proc/self/environ", text, size) : 0;

  for (ssize_t at = 0; at < n; at += (ssize_t)strlen(text + at) + 1) {
    const char *hex = value_of(text + at, parent_name);

    if (hex)
      set_parent(hex);
  }
  own_unmap(text, size);
}

void env_read_parent(void)
{
  char **entry;

  if (!environ) {
    read_parent_from_kernel();
    return;
  }
  entry = find(parent_name);
  if (entry)
    set_parent(value_of(*entry, parent_name));
}

/* ---- the environment of a new program ---- */

#define PARENT_SIZE 48 /* NAME=32 digits, NUL */

static void format_parent(char *text)
{
  const uint8_t *id = trace_id();
  int n = text_format(text, PARENT_SIZE, "%s=", parent_name);

  for (unsigned i = 0; i < ID_BYTES; i++)
    n += text_format(text + n, PARENT_SIZE - (size_t)n, "%02x", id[i]);
}

/* Whether entry is NAME=value; -1: it cannot be read. */
static int entry_has_name(struct peek *peek, uint64_t entry, const char *name)
{
  uint8_t byte;

  for (uint64_t i = 0;; i++) {
    if (!peek_byte(peek, entry + i, &byte))
      return -1;
    if (!name[i])
      return byte == '=';
    if (byte != (uint8_t)name[i])
      return 0;
  }
}

/* Copies env, but for VMTRACE_PARENT, into list, unless that is NULL.  How many are left; -1: something cannot be
 * read. */
static ssize_t copy_entries(char *const *env, char **list, size_t room, bool *preloads)
{
  struct peek peek = {0};
  uint64_t entry;
  size_t n = 0;

  *preloads = false;
  for (uint64_t at = (uint64_t)env;; at += sizeof entry) {
    int is_parent, is_preload;

    if (!peek_word(&peek, at, &entry))
      return -1;
    if (!entry)
      return (ssize_t)n;
    is_parent = entry_has_name(&peek, entry, parent_name);
    is_preload = entry_has_name(&peek, entry, "LD_PRELOAD");
    if (is_parent < 0 || is_preload < 0)
      return -1;
    *preloads = *preloads || is_preload;
    if (is_parent)
      continue;
    if (list && n == room) /* another thread has added one since they were counted */
      return -1;
    if (list)
      list[n] = (char *)entry;
    n++;
  }
}

/*
 * Memory of the thread's own, or of this call's: where a handler comes in the
 * middle of an exec, or the thread is not known.  Whose turn it is, is told by the process: a child of vfork that has
 * become another program needs it no more.
 */
static void *take_memory(struct thread *t, size_t size)
{
  int pid = sys_getpid();

  if (t == &thread_none || t->exec_user == pid)
    return own_alloc(size);
  t->exec_user = pid;
  if (t->exec_size < size) {
    own_free(t->exec_memory, t->exec_size);
    t->exec_memory = own_alloc(size);
    t->exec_size = t->exec_memory ? size : 0;
  }
  if (!t->exec_memory)
    t->exec_user = 0;
  return t->exec_memory;
}

void env_list_release(struct thread *t, const struct env_list *list)
{
  if (!list->memory)
    return;
  if (list->memory == t->exec_memory)
    t->exec_user = 0;
  else
    own_free(list->memory, list->size);
}

void env_list_close(struct thread *t)
{
  own_free(t->exec_memory, t->exec_size);
  t->exec_memory = NULL;
  t->exec_size = 0;
}

void env_list_make(struct thread *t, char *const *env, struct env_list *list)
{
  bool preloads;
  ssize_t n = env && trace_active() ? copy_entries(env, NULL, 0, &preloads) : -1;
  char *text, **entries;
  size_t room;

  *list = (struct env_list){env, NULL, 0};
  if (n < 0 || !preloads)
    return;
  room = (size_t)n;
  list->size = PARENT_SIZE + (room + 2) * sizeof *entries;
  text = list->memory = take_memory(t, list->size);
  if (!text)
    return;
  entries = (char **)(text + PARENT_SIZE);
  n = copy_entries(env, entries, room, &preloads);
  if (n < 0)
    return;
  format_parent(text);
  entries[n++] = text;
  entries[n] = NULL;
  list->env = entries;
}

/* ---- absolute paths ---- */

/* A string of the library's own, for ever; NULL: out of memory. */
static char *keep(const char *text)
{
  size_t size = strlen(text) + 1;
  char *copy = own_alloc(size);

  if (copy)
    memcpy(copy, text, size);
  return copy;
}

static void replace(char **entry, const char *text)
{
  char *copy = keep(text);

  if (copy)
    *entry = copy;
}

static bool is_separator(char c)
{
  return c == ' ' || c == ':';
}

/* This library's path as LD_PRELOAD has it, if it is a relative one. */
static const char *relative_self(void)
{
  Dl_info info;

  if (!dladdr((void *)(uintptr_t)relative_self, &info) || !info.dli_fname)
    return NULL;
  return info.dli_fname[0] != '/' && strchr(info.dli_fname, '/') ? info.dli_fname : NULL;
}

/*
 * The loader takes a path with a slash as it is: one that is relative would
 * lead elsewhere after chdir.  A directory whose name has a separator in it cannot be written in LD_PRELOAD at all.
 */
static void make_preload_absolute(void)
{
  char **entry = find("LD_PRELOAD");
  const char *self = relative_self();
  char text[2 * PATH_SIZE], directory[PATH_SIZE];
  size_t length, used = 0;

  if (!entry || !self || strlen(*entry) >= PATH_SIZE ||
      sys_call(SYS_getcwd, (long)directory, sizeof directory, 0, 0, 0, 0) <= 0 || strpbrk(directory, " :"))
    return;
  length = strlen(self);
  for (const char *s = *entry; *s;) {
    bool first = s == value_of(*entry, "LD_PRELOAD") || is_separator(s[-(s > *entry)]);

    if (first && strncmp(s, self, length) == 0 && (!s[length] || is_separator(s[length])) &&
        used + strlen(directory) + length + 2 < sizeof text) {
      used += (size_t)text_format(text + used, sizeof text - used, "%s/%s", directory, self);
      s += length;
    } else if (used + 1 < sizeof text) {
      text[used++] = *s++;
    } else {
      return;
    }
  }
  text[used] = '\0';
  replace(entry, text);
}

void env_make_absolute(void)
{
  static const char out_name[] = "VMTRACE_OUT";
  char **entry = find(out_name);
  char text[OPTION_PATH_MAX + sizeof out_name + 1];

  if (entry && options_get()->out[0] && value_of(*entry, out_name)[0] != '/') {
    text_format(text, sizeof text, "%s=%s", out_name, options_get()->out);
    replace(entry, text);
  }
  make_preload_absolute();
}
