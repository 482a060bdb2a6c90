/*
 * The list of modules.  See module_list.h.
 *
 * dl_iterate_phdr copies what it sees into memory of this library; comparing
 * and recording come after, when the loader's lock is free again.
 */
#include "entry/module_list.h"

#include <elf.h>
#include <link.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/auxv.h>

#include "base/lock_table.h"
#include "base/own.h"
#include "base/sys.h"
#include "entry/hook.h"
#include "entry/loader_list.h"
#include "entry/module_file.h"
#include "entry/process.h"
#include "frames/mapped_path.h"
#include "unwind/unwind.h"

#define BUILD_ID_MAX 32
#define NAME_MAX_BYTES 1024
#define PAGE UINT64_C(4096)

struct module {
  uint64_t addr, size;
  uint64_t header; /* where its program headers are mapped */
  struct module_file file;
  uint32_t name_length, id_length;
  bool is_new; /* not known yet */
  bool executable;
  char name[NAME_MAX_BYTES]; /* ended by NUL */
  uint8_t id[BUILD_ID_MAX];
};

/* What is left of a recorded module, to know it again. */
struct known {
  uint64_t addr, size, name_hash;
  struct module_file file;
  bool seen;
};

static struct known *known;
static size_t known_count, known_room;

/* ---- reading the loader's list ---- */

struct snapshot {
  size_t count, room;
  uint64_t adds, subs;
  uint64_t print; /* loader_list_print at that time; 0: not known */
  struct module modules[];
};

/* The latest one.  The child of a fork records from it: to look at its modules anew would be many page faults, and to
 * ask the loader could take for ever. */
static struct snapshot *latest;

static void find_build_id(struct module *m, const uint8_t *note, size_t size)
{
  while (size >= sizeof(ElfW(Nhdr))) {
    const ElfW(Nhdr) *n = (const ElfW(Nhdr) *)(const void *)note;
    size_t name = (n->n_namesz + 3u) & ~(size_t)3, desc = (n->n_descsz + 3u) & ~(size_t)3;
    const uint8_t *bytes = note + sizeof *n + name;

    if (sizeof *n + name + desc > size)
      return;
    if (n->n_type == NT_GNU_BUILD_ID && n->n_namesz == 4 && memcmp(n + 1, "GNU", 4) == 0) {
      m->id_length = n->n_descsz < BUILD_ID_MAX ? n->n_descsz : BUILD_ID_MAX;
      memcpy(m->id, bytes, m->id_length);
      return;
    }
    note += sizeof *n + name + desc;
    size -= sizeof *n + name + desc;
  }
}

static void read_segments(struct module *m, const struct dl_phdr_info *info)
{
  uint64_t end = 0;

  for (unsigned i = 0; i < info->dlpi_phnum; i++) {
    const ElfW(Phdr) *p = &info->dlpi_phdr[i];

    if (p->p_type == PT_LOAD && p->p_vaddr + p->p_memsz > end)
      end = p->p_vaddr + p->p_memsz;
    if (p->p_type == PT_NOTE)
      find_build_id(m, (const uint8_t *)(uintptr_t)(info->dlpi_addr + p->p_vaddr), p->p_memsz);
  }
  m->addr = info->dlpi_addr;
  m->size = (end + PAGE - 1) & ~(PAGE - 1);
}

static void copy_name(struct module *m, const char *name)
{
  m->name_length = (uint32_t)strnlen(name, sizeof m->name - 1);
  memcpy(m->name, name, m->name_length);
  m->name[m->name_length] = '\0';
}

/* The executable has no name in the list. */
static void read_name(struct module *m, const char *name, bool first)
{
  m->executable = first && (!name || !name[0]);
  copy_name(m, name ? name : "");
}

/* Names that mean something to this process alone, now: relative ones, and descriptors' (an executable in memory). */
static bool is_passing(const char *name)
{
  return strchr(name, '/') && (name[0] != '/' || strncmp(name, "/proc/", 6) == 0);
}

/* Outside of the loader's lock: what the loader does not tell. */
static void complete_modules(struct snapshot *s)
{
  for (size_t i = 0; i < s->count; i++) {
    struct module *m = &s->modules[i];
    char path[NAME_MAX_BYTES];

    if (m->executable && mapped_executable(path, sizeof path))
      copy_name(m, path);
    else if (is_passing(m->name) && mapped_path(m->header, path, sizeof path))
      copy_name(m, path);
  }
}

static void read_counters(struct snapshot *s, const struct dl_phdr_info *info)
{
  s->adds = info->dlpi_adds;
  s->subs = info->dlpi_subs;
}

static int count_module(struct dl_phdr_info *info, size_t size, void *arg)
{
  struct snapshot *s = arg;

  (void)size;
  s->count++;
  read_counters(s, info);
  return 0;
}

static int copy_module(struct dl_phdr_info *info, size_t size, void *arg)
{
  struct snapshot *s = arg;
  struct module *m;

  (void)size;
  if (s->count == s->room)
    return 1;
  read_counters(s, info);
  m = &s->modules[s->count++];
  m->header = (uint64_t)(uintptr_t)info->dlpi_phdr;
  read_segments(m, info);
  read_name(m, info->dlpi_name, s->count == 1);
  return 0;
}

/* ---- comparing ---- */

static uint64_t hash_name(const struct module *m)
{
  uint64_t hash = UINT64_C(0xcbf29ce484222325);

  for (uint32_t i = 0; i < m->name_length; i++)
    hash = (hash ^ (unsigned char)m->name[i]) * UINT64_C(0x100000001b3);
  return hash;
}

static bool make_room(void)
{
  size_t room = known_room ? known_room * 2 : 64;
  struct known *bigger;

  if (known_count < known_room)
    return true;
  bigger = own_map(room * sizeof *bigger);
  if (!bigger)
    return false;
  if (known) {
    memcpy(bigger, known, known_count * sizeof *known);
    own_unmap(known, known_room * sizeof *known);
  }
  known = bigger;
  known_room = room;
  return true;
}

static void record_module(const struct module *m)
{
  static const char hex[] = "0123456789abcdef";
  const uint64_t fields[] = {m->addr, m->size};
  char tail[NAME_MAX_BYTES + 1 + 2 * BUILD_ID_MAX];
  size_t length = m->name_length;

  memcpy(tail, m->name, length);
  tail[length++] = '\0';
  for (uint32_t i = 0; i < m->id_length; i++) {
    tail[length++] = hex[m->id[i] >> 4];
    tail[length++] = hex[m->id[i] & 15];
  }
  event_record(VT_R_MODULE, 2, fields, tail, length);
}

/* The vDSO has no file. */
static void look_at_file(struct module *m)
{
  if (m->executable && getauxval(AT_BASE) != 0)
    module_file_look("/proc/self/exe", &m->file);
  else if (m->name[0] == '/')
    module_file_look(m->name, &m->file);
}

static void record_file(const struct module *m)
{
  static char name[256];
  static size_t length;
  static bool known_name;
  const uint64_t fields[] = {m->addr, m->file.size, m->file.mtime_ns, m->file.device, m->file.inode};

  if (m->executable && !known_name) {
    length = module_file_started_as(&m->file, m->name, name, sizeof name);
    known_name = true;
  }
  if (m->file.mtime_ns)
    event_record(VT_R_MODULE_FILE, 5, fields, name, m->executable ? length : 0);
}

static bool is_same(const struct known *k, const struct module *m, uint64_t name_hash)
{
  return k->addr == m->addr && k->size == m->size && k->name_hash == name_hash;
}

/* Finds out what of the known is still there, and what of the snapshot is new. */
static void match(struct snapshot *s)
{
  for (size_t i = 0; i < known_count; i++)
    known[i].seen = false;
  for (size_t i = 0; i < s->count; i++) {
    struct module *m = &s->modules[i];
    uint64_t hash = hash_name(m);
    size_t k = 0;

    while (k < known_count && !is_same(&known[k], m, hash))
      k++;
    m->is_new = k == known_count;
    if (!m->is_new) {
      known[k].seen = true;
      m->file = known[k].file;
    }
  }
}

static void drop_gone(void)
{
  size_t kept = 0;

  for (size_t i = 0; i < known_count; i++) {
    if (known[i].seen) {
      known[kept++] = known[i];
    } else {
      EVENT(MODULE_GONE, known[i].addr, known[i].size);
      unwind_forget(known[i].addr, known[i].addr + known[i].size);
    }
  }
  known_count = kept;
}

/* What is gone comes first: something else may be in its place. */
static void compare(struct snapshot *s)
{
  bool first = known_count == 0;

  match(s);
  drop_gone();
  for (size_t i = 0; i < s->count; i++) {
    struct module *m = &s->modules[i];

    if (!m->is_new)
      continue;
    if (!make_room())
      return;
    /* The child of a fork knows from its parent. */
    if (!m->file.mtime_ns)
      look_at_file(m);
    known[known_count++] = (struct known){m->addr, m->size, hash_name(m), m->file, true};
    record_module(m);
    record_file(m);
    /* What was there before, a JIT compiler's code for one, had no unwind information. */
    if (!first)
      unwind_forget(m->addr, m->addr + m->size);
  }
}

/* What is not recorded counts as known: not where libc works for itself. */
static bool may_record(void)
{
  return process_is_traced() && !thread_self()->internal;
}

/* The latest snapshot, if it is not yet in this trace. */
static void record_latest(void)
{
  uint64_t mask = masked_lock_take(&lock_modules);

  if (latest && !known_count)
    compare(latest);
  masked_lock_release(&lock_modules, mask);
}

/* Whether nothing has changed since the latest snapshot, by the loader's own counters: then nothing is copied. */
static bool is_latest(const struct snapshot *s)
{
  uint64_t mask = masked_lock_take(&lock_modules);
  bool same = latest && s->adds == latest->adds && s->subs == latest->subs;

  if (same && s->print)
    latest->print = s->print;
  masked_lock_release(&lock_modules, mask);
  return same;
}

static bool is_later(const struct snapshot *s)
{
  return !latest || s->adds + s->subs > latest->adds + latest->subs;
}

static size_t snapshot_size(size_t room)
{
  return sizeof(struct snapshot) + room * sizeof(struct module);
}

/* The list as it is now; NULL: it has grown meanwhile, or there is no memory. */
static struct snapshot *snapshot_take(size_t room, uint64_t print)
{
  struct snapshot *s = own_map(snapshot_size(room));

  if (!s)
    return NULL;
  s->room = room;
  if (dl_iterate_phdr(copy_module, s) == 0) {
    complete_modules(s);
    s->print = print == loader_list_print() ? print : 0;
    return s;
  }
  own_unmap(s, snapshot_size(room));
  return NULL;
}

/* Another thread may have been here with a later list: by this one, what has come since would be gone. */
static void snapshot_offer(struct snapshot *s)
{
  uint64_t mask = masked_lock_take(&lock_modules);
  struct snapshot *old = s;

  if (is_later(s)) {
    old = latest;
    latest = s;
    compare(s);
  }
  masked_lock_release(&lock_modules, mask);
  if (old)
    own_unmap(old, snapshot_size(old->room));
}

/* Signals are blocked: a handler may fork, and the child of a fork find that it is not the owner of the loader's lock
 * any more. */
void modules_update(void)
{
  struct snapshot now = {.print = loader_list_print()}, *s;
  uint64_t mask;

  if (!may_record())
    return;
  mask = sys_block_signals();
  dl_iterate_phdr(count_module, &now);
  s = is_latest(&now) ? NULL : snapshot_take(now.count + 8, now.print);
  if (s)
    snapshot_offer(s);
  else
    record_latest();
  sys_restore_signals(mask);
}

void modules_catch_up(void)
{
  uint64_t print, mask;
  bool changed;

  if (!may_record())
    return;
  print = loader_list_print();
  mask = masked_lock_take(&lock_modules);
  changed = print && (!latest || latest->print != print);
  masked_lock_release(&lock_modules, mask);
  if (changed)
    modules_update();
  else
    record_latest();
}

void modules_renew(void)
{
  known_count = 0;
}
