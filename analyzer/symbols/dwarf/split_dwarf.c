/*
 * Where the entries of split units are.  See split_dwarf.h.  Called by
 * symbols/dwarf/dwarf_info.c.
 */
#include "symbols/dwarf/split_dwarf.h"

#include <dwarf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "reader/xalloc.h"
#include "symbols/debug_file.h"
#include "symbols/dwarf/split_package.h"
#include "symbols/regular_file.h"

/* A .dwo file, as long as what refers to it. */
struct dwo_file {
  struct dwo_file *next;
  Elf *elf;
  Dwarf *dwarf;
};

struct split_dwarf {
  Dwarf *dwarf;
  char *file, *debug; /* paths */
  struct section_bytes addr, ranges;
  struct split_package *package;
  bool package_sought;
  struct dwo_file *files;
  char missing[256];
};

/* ---- sections ---- */

static struct section_bytes section_of(Elf *elf, const char *wanted)
{
  size_t names;
  Elf_Scn *section = NULL;

  if (elf_getshdrstrndx(elf, &names) != 0)
    return (struct section_bytes){0};
  while ((section = elf_nextscn(elf, section))) {
    GElf_Shdr head;
    const char *name = gelf_getshdr(section, &head) ? elf_strptr(elf, names, head.sh_name) : NULL;
    const Elf_Data *data;

    if (!name || strcmp(name, wanted) != 0 || head.sh_type == SHT_NOBITS)
      continue;
    data = elf_rawdata(section, NULL);
    if (data && data->d_buf)
      return (struct section_bytes){data->d_buf, data->d_size};
  }
  return (struct section_bytes){0};
}

static struct section_bytes part_from(struct section_bytes all, uint64_t offset)
{
  if (!all.bytes || offset > all.size)
    return (struct section_bytes){0};
  return (struct section_bytes){all.bytes + offset, all.size - offset};
}

struct split_dwarf *split_dwarf_new(Dwarf *dwarf, const char *file, const char *debug)
{
  struct split_dwarf *s = xcalloc(1, sizeof *s);

  s->dwarf = dwarf;
  s->file = xstrdup(file);
  s->debug = xstrdup(debug ? debug : file);
  s->addr = section_of(dwarf_getelf(dwarf), ".debug_addr");
  s->ranges = section_of(dwarf_getelf(dwarf), ".debug_ranges");
  return s;
}

void split_dwarf_free(struct split_dwarf *s)
{
  if (!s)
    return;
  while (s->files) {
    struct dwo_file *next = s->files->next;

    dwarf_end(s->files->dwarf);
    elf_end(s->files->elf);
    free(s->files);
    s->files = next;
  }
  split_package_close(s->package);
  free(s->file);
  free(s->debug);
  free(s);
}

const char *split_dwarf_missing(const struct split_dwarf *s)
{
  return s->missing;
}

/* ---- .dwo files ---- */

static const char *text_of(Dwarf_Die *die, unsigned name, unsigned old_name)
{
  Dwarf_Attribute attribute;

  if (!dwarf_attr(die, name, &attribute) && !dwarf_attr(die, old_name, &attribute))
    return NULL;
  return dwarf_formstring(&attribute);
}

static int directory_length(const char *path)
{
  const char *slash = strrchr(path, '/');

  return slash ? (int)(slash - path) : 0;
}

static const char *last_part(const char *path)
{
  const char *slash = strrchr(path, '/');

  return slash ? slash + 1 : path;
}

/* The i-th place where a .dwo file may be: its own, beside the executable or its debug file, in a debug directory.
 * Negative: there are no more; 0: not a place. */
static int dwo_place(const struct split_dwarf *s, unsigned i, const char *name, const char *directory, char *path,
                     size_t size)
{
  switch (i) {
  case 0:
    return name[0] == '/' ? snprintf(path, size, "%s", name) : 0;
  case 1:
    return directory && name[0] != '/' ? snprintf(path, size, "%s/%s", directory, name) : 0;
  case 2:
    return name[0] != '/' ? snprintf(path, size, "%.*s/%s", directory_length(s->file), s->file, name) : 0;
  case 3:
    return snprintf(path, size, "%.*s/%s", directory_length(s->file), s->file, last_part(name));
  case 4:
    return snprintf(path, size, "%.*s/%s", directory_length(s->debug), s->debug, last_part(name));
  default:
    if (!debug_file_directory(i - 5))
      return -1;
    return snprintf(path, size, "%s/%s", debug_file_directory(i - 5), last_part(name));
  }
}

static uint64_t unit_id(Dwarf_Die *die, uint8_t *type, Dwarf_Half *version)
{
  uint64_t id = 0;

  if (dwarf_cu_info(die->cu, version, type, NULL, NULL, &id, NULL, NULL) != 0)
    *type = 0;
  return id;
}

/* The unit of that id in a file.  Where there is none *full stays as it is: the file is closed then. */
static bool find_unit(Dwarf *dwarf, uint64_t id, Dwarf_Die *full)
{
  Dwarf_CU *cu = NULL;
  Dwarf_Half version;
  Dwarf_Die die;
  uint8_t type;

  while (dwarf_get_units(dwarf, cu, &cu, &version, &type, &die, NULL) == 0) {
    if (type == DW_UT_split_compile && unit_id(&die, &type, &version) == id) {
      *full = die;
      return true;
    }
  }
  return false;
}

/* Opens a .dwo file; it is kept if it has the unit. */
static bool open_dwo(struct split_dwarf *s, const char *path, uint64_t id, Dwarf_Die *full)
{
  struct stat st;
  int fd = regular_file_open(path, &st);
  struct dwo_file *f = fd < 0 ? NULL : xcalloc(1, sizeof *f);

  if (f && (f->elf = elf_begin(fd, ELF_C_READ_MMAP, NULL)) && elf_kind(f->elf) == ELF_K_ELF &&
      elf_cntl(f->elf, ELF_C_FDREAD) == 0)
    f->dwarf = dwarf_begin_elf(f->elf, DWARF_C_READ, NULL);
  if (fd >= 0)
    close(fd);
  if (f && f->dwarf && find_unit(f->dwarf, id, full)) {
    f->next = s->files;
    s->files = f;
    return true;
  }
  if (f) {
    dwarf_end(f->dwarf);
    elf_end(f->elf);
    free(f);
  }
  return false;
}

static bool find_dwo(struct split_dwarf *s, Dwarf_Die *skeleton, uint64_t id, Dwarf_Die *full)
{
  const char *name = text_of(skeleton, DW_AT_dwo_name, DW_AT_GNU_dwo_name);
  const char *directory = text_of(skeleton, DW_AT_comp_dir, DW_AT_comp_dir);
  char path[4096];
  int length;

  if (!name || !*name)
    return false;
  for (unsigned i = 0; (length = dwo_place(s, i, name, directory, path, sizeof path)) >= 0; i++) {
    if (length > 0 && length < (int)sizeof path && open_dwo(s, path, id, full))
      return true;
  }
  snprintf(s->missing, sizeof s->missing, "%s", name);
  return false;
}

/* ---- packages ---- */

static bool open_package(struct split_dwarf *s, const char *path)
{
  struct stat st;
  int fd = regular_file_open(path, &st);

  s->package = fd < 0 ? NULL : split_package_open(fd, (uint64_t)st.st_size);
  return s->package != NULL;
}

/* Beside the executable and its debug file, and in the debug directories. */
static void seek_package(struct split_dwarf *s)
{
  char path[4096], *real = realpath(s->file, NULL);

  s->package_sought = true;
  snprintf(path, sizeof path, "%s.dwp", s->file);
  if (!open_package(s, path) && real) {
    snprintf(path, sizeof path, "%s.dwp", real);
    open_package(s, path);
  }
  if (!s->package) {
    snprintf(path, sizeof path, "%s.dwp", s->debug);
    open_package(s, path);
  }
  for (unsigned i = 0; !s->package && debug_file_directory(i); i++) {
    snprintf(path, sizeof path, "%s%s.dwp", debug_file_directory(i), s->file);
    if (open_package(s, path))
      break;
    snprintf(path, sizeof path, "%s/%s.dwp", debug_file_directory(i), last_part(s->file));
    open_package(s, path);
  }
  free(real);
}

static bool find_packaged(struct split_dwarf *s, uint64_t id, Dwarf_Die *full)
{
  Dwarf *dwarf;

  if (!s->package_sought)
    seek_package(s);
  dwarf = s->package ? split_package_unit(s->package, id) : NULL;
  return dwarf && find_unit(dwarf, id, full);
}

int split_dwarf_find(struct split_dwarf *s, Dwarf_Die *skeleton, Dwarf_Die *full, struct die_space *space)
{
  Dwarf_Half version = 0;
  uint8_t type = 0;
  uint64_t id = unit_id(skeleton, &type, &version);
  Dwarf_Attribute attribute;
  Dwarf_Word base;
  Dwarf_Addr low;

  if (type != DW_UT_skeleton)
    return 1;
  if (!find_packaged(s, id, full) && !find_dwo(s, skeleton, id, full))
    return -1;
  *space = (struct die_space){.split = true, .old = version < 5};
  if ((dwarf_attr(skeleton, DW_AT_addr_base, &attribute) || dwarf_attr(skeleton, DW_AT_GNU_addr_base, &attribute)) &&
      dwarf_formudata(&attribute, &base) == 0)
    space->addr = part_from(s->addr, base);
  if (!space->old)
    space->ranges = section_of(dwarf_getelf(dwarf_cu_getdwarf(full->cu)), ".debug_rnglists.dwo");
  else
    space->ranges = part_from(
        s->ranges,
        dwarf_attr(skeleton, DW_AT_GNU_ranges_base, &attribute) && dwarf_formudata(&attribute, &base) == 0 ? base : 0);
  if (dwarf_lowpc(skeleton, &low) == 0)
    space->base = low;
  return 0;
}
