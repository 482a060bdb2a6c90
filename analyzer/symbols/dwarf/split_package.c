/*
 * Packages of split DWARF.  See split_package.h.  Called by symbols/dwarf/split_dwarf.c.
 *
 * Memory holds, one behind the other: a place for the headers of each unit's
 * file, and the whole package as it is on disk.  A unit's ELF file begins at its
 * place, and what its section headers point to is the package: nothing is copied.
 */
#include "symbols/dwarf/split_package.h"

#include <dwarf.h>
#include <elf.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "reader/xalloc.h"

#define SECTIONS_MAX 1024 /* of a package: there are about a dozen */
#define COLUMNS_MAX 16
#define UNITS_MAX 1000000

/* What a column of the index is about (DWARF 5, 7.3.5; GNU's in DWARF 4). */
enum column {
  COLUMN_INFO = 1,
  COLUMN_ABBREV = 3,
  COLUMN_LINE = 4,
  COLUMN_LOCLISTS = 5,
  COLUMN_STR_OFFSETS = 6,
  COLUMN_RNGLISTS = 8
};

/* The sections of a unit's file: which the package has, and the column that says which part is the unit's (0: all). */
static const struct {
  const char *name;
  unsigned column;
} parts[] = {
    {".debug_info.dwo", COLUMN_INFO},         {".debug_abbrev.dwo", COLUMN_ABBREV},
    {".debug_line.dwo", COLUMN_LINE},         {".debug_str_offsets.dwo", COLUMN_STR_OFFSETS},
    {".debug_rnglists.dwo", COLUMN_RNGLISTS}, {".debug_str.dwo", 0},
};
#define PARTS (sizeof parts / sizeof *parts)

/* Where a section of the package is. */
struct place {
  uint64_t offset, size;
};

#define NAMES_SIZE 256

/* The headers of a unit's file. */
struct unit_file {
  Elf64_Ehdr head;
  Elf64_Shdr section[PARTS + 2]; /* none, the parts, the names */
  char names[NAMES_SIZE];
};

struct split_package {
  uint8_t *map;    /* places of headers, then the package */
  size_t map_size; /* of all */
  size_t headers;  /* bytes of all places: where the package begins */
  const uint8_t *file;
  uint64_t size;
  struct place part[PARTS];
  const uint8_t *signatures, *rows, *columns, *offsets, *sizes; /* of the index */
  uint32_t column_count, unit_count, slot_count;
  Dwarf **unit; /* by row; NULL: not asked for yet */
};

static uint32_t get32(const uint8_t *p)
{
  uint32_t value;

  memcpy(&value, p, sizeof value);
  return value;
}

static uint64_t get64(const uint8_t *p)
{
  uint64_t value;

  memcpy(&value, p, sizeof value);
  return value;
}

/* ---- the package's own sections ---- */

/* Finds a section by its name; false: there is none, or it is not stored as it is. */
static bool find_section(const struct split_package *p, const char *name, struct place *place)
{
  const Elf64_Ehdr *head = (const void *)p->file;
  const Elf64_Shdr *section = (const void *)(p->file + head->e_shoff), *names = &section[head->e_shstrndx];

  for (unsigned i = 1; i < head->e_shnum; i++) {
    const Elf64_Shdr *s = &section[i];
    size_t length = strlen(name) + 1;

    if (s->sh_name > names->sh_size || names->sh_size - s->sh_name < length ||
        memcmp(p->file + names->sh_offset + s->sh_name, name, length) != 0)
      continue;
    if (s->sh_type == SHT_NOBITS || s->sh_flags & SHF_COMPRESSED || s->sh_offset > p->size ||
        s->sh_size > p->size - s->sh_offset)
      return false;
    *place = (struct place){s->sh_offset, s->sh_size};
    return true;
  }
  return false;
}

static bool check_head(const struct split_package *p)
{
  const Elf64_Ehdr *head = (const void *)p->file;
  const Elf64_Shdr *names;

  if (p->size < sizeof *head || memcmp(head->e_ident, ELFMAG, SELFMAG) != 0 || head->e_ident[EI_CLASS] != ELFCLASS64 ||
      head->e_shentsize != sizeof(Elf64_Shdr) || head->e_shoff % 8 || head->e_shnum > SECTIONS_MAX ||
      head->e_shstrndx >= head->e_shnum || head->e_shoff > p->size ||
      p->size - head->e_shoff < head->e_shnum * sizeof(Elf64_Shdr))
    return false;
  names = (const Elf64_Shdr *)(const void *)(p->file + head->e_shoff) + head->e_shstrndx;
  return names->sh_offset <= p->size && names->sh_size <= p->size - names->sh_offset;
}

/* Versions 2 (of 32 bits) and 5 (of 16, and 16 of padding) have the same layout. */
static bool read_index(struct split_package *p)
{
  struct place index;
  const uint8_t *at;
  uint64_t need;

  if (!find_section(p, ".debug_cu_index", &index) || index.size < 16)
    return false;
  at = p->file + index.offset;
  p->column_count = get32(at + 4);
  p->unit_count = get32(at + 8);
  p->slot_count = get32(at + 12);
  if ((get32(at) != 2 && get32(at) != 5) || p->column_count > COLUMNS_MAX || p->unit_count > UNITS_MAX ||
      p->slot_count == 0 || (p->slot_count & (p->slot_count - 1)) != 0)
    return false;
  need =
      16 + (uint64_t)p->slot_count * 12 + (uint64_t)p->column_count * 4 + (uint64_t)p->unit_count * p->column_count * 8;
  if (need > index.size)
    return false;
  p->signatures = at + 16;
  p->rows = p->signatures + (uint64_t)p->slot_count * 8;
  p->columns = p->rows + (uint64_t)p->slot_count * 4;
  p->offsets = p->columns + (uint64_t)p->column_count * 4;
  p->sizes = p->offsets + (uint64_t)p->unit_count * p->column_count * 4;
  return true;
}

/* The number of units before anything is mapped: it decides how many places there are. */
static bool map_package(struct split_package *p, int fd)
{
  size_t page = (size_t)sysconf(_SC_PAGESIZE), places = (size_t)p->unit_count * sizeof(struct unit_file);

  p->headers = (places + page - 1) & ~(page - 1);
  p->map_size = p->headers + p->size;
  p->map = mmap(NULL, p->map_size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (p->map == MAP_FAILED) {
    p->map = NULL;
    return false;
  }
  return mmap(p->map + p->headers, p->size, PROT_READ, MAP_PRIVATE | MAP_FIXED, fd, 0) != MAP_FAILED;
}

static bool open_package(struct split_package *p, int fd)
{
  void *first = mmap(NULL, p->size, PROT_READ, MAP_PRIVATE, fd, 0);
  uint32_t units;
  bool good;

  if (first == MAP_FAILED)
    return false;
  p->file = first;
  good = check_head(p) && read_index(p);
  munmap(first, p->size);
  if (!good || !map_package(p, fd))
    return false;
  p->file = p->map + p->headers;
  units = p->unit_count;
  /* Once more, where it stays: somebody may write to the file. */
  if (!check_head(p) || !read_index(p) || p->unit_count != units)
    return false;
  for (unsigned i = 0; i < PARTS; i++)
    find_section(p, parts[i].name, &p->part[i]);
  p->unit = xcalloc((size_t)p->unit_count + 1, sizeof(Dwarf *));
  return true;
}

struct split_package *split_package_open(int fd, uint64_t size)
{
  struct split_package *p = xcalloc(1, sizeof *p);

  if (p) {
    p->size = size;
    if (!open_package(p, fd)) {
      split_package_close(p);
      p = NULL;
    }
  }
  close(fd);
  return p;
}

void split_package_close(struct split_package *p)
{
  if (!p)
    return;
  for (uint32_t i = 0; p->unit && i < p->unit_count; i++) {
    Elf *elf = p->unit[i] ? dwarf_getelf(p->unit[i]) : NULL;

    dwarf_end(p->unit[i]);
    elf_end(elf);
  }
  free(p->unit);
  if (p->map)
    munmap(p->map, p->map_size);
  free(p);
}

/* ---- units ---- */

/* The row of a unit in the index, from 0; UINT32_MAX: not there. */
static uint32_t find_row(const struct split_package *p, uint64_t id)
{
  uint64_t mask = p->slot_count - 1, slot = id & mask, step = ((id >> 32) & mask) | 1;

  for (uint32_t tries = 0; tries < p->slot_count; tries++, slot = (slot + step) & mask) {
    uint32_t row = get32(p->rows + slot * 4);

    if (row == 0)
      break;
    if (get64(p->signatures + slot * 8) == id && row <= p->unit_count)
      return row - 1;
  }
  return UINT32_MAX;
}

/* The unit's part of a section. */
static struct place part_of(const struct split_package *p, uint32_t row, unsigned part)
{
  struct place all = p->part[part];

  if (!parts[part].column)
    return all;
  for (uint32_t c = 0; c < p->column_count; c++) {
    size_t cell = ((size_t)row * p->column_count + c) * 4;
    uint64_t offset = get32(p->offsets + cell), size = get32(p->sizes + cell);

    if (get32(p->columns + c * 4) != parts[part].column)
      continue;
    if (offset > all.size || size > all.size - offset)
      break;
    return (struct place){all.offset + offset, size};
  }
  return (struct place){0};
}

/* Lays out the headers of a unit's file. */
static void make_headers(const struct split_package *p, uint32_t row, struct unit_file *file)
{
  uint64_t to_package = p->headers - (uint64_t)row * sizeof *file;
  uint32_t name = 1;

  memcpy(&file->head, p->file, sizeof file->head);
  file->head.e_type = ET_REL;
  file->head.e_phoff = 0;
  file->head.e_phnum = 0;
  file->head.e_shoff = offsetof(struct unit_file, section);
  file->head.e_shnum = PARTS + 2;
  file->head.e_shstrndx = PARTS + 1;
  for (unsigned i = 0; i < PARTS; i++) {
    struct place place = part_of(p, row, i);
    Elf64_Shdr *s = &file->section[i + 1];

    strcpy(file->names + name, parts[i].name);
    s->sh_name = name;
    s->sh_type = place.size ? SHT_PROGBITS : SHT_NULL;
    s->sh_offset = to_package + place.offset;
    s->sh_size = place.size;
    s->sh_addralign = 1;
    name += (uint32_t)strlen(parts[i].name) + 1;
  }
  strcpy(file->names + name, ".shstrtab");
  file->section[PARTS + 1] = (Elf64_Shdr){.sh_name = name,
                                          .sh_type = SHT_STRTAB,
                                          .sh_offset = offsetof(struct unit_file, names),
                                          .sh_size = sizeof file->names,
                                          .sh_addralign = 1};
}

Dwarf *split_package_unit(struct split_package *p, uint64_t id)
{
  uint32_t row = find_row(p, id);
  size_t at = (size_t)row * sizeof(struct unit_file);
  Elf *elf;

  if (row == UINT32_MAX)
    return NULL;
  if (p->unit[row])
    return p->unit[row];
  make_headers(p, row, (struct unit_file *)(void *)(p->map + at));
  elf = elf_memory((char *)p->map + at, p->map_size - at);
  p->unit[row] = elf ? dwarf_begin_elf(elf, DWARF_C_READ, NULL) : NULL;
  if (!p->unit[row])
    elf_end(elf);
  return p->unit[row];
}
