/*
 * One ELF file with its debug information.  See symbol_file.h.
 *
 * libdw's own look-ups walk all symbols for every address.  Here they are
 * walked once and sorted.
 */
#include "symbols/symbol_file.h"

#include <elfutils/libdwfl.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "reader/xalloc.h"
#include "symbols/address_map.h"
#include "symbols/debug_file.h"
#include "symbols/dwarf/dwarf_info.h"
#include "symbols/regular_file.h"

struct symbol_file {
  Dwfl *dwfl;
  Dwfl_Module *module;
  char *path;
  struct dwarf_info *dwarf;
  Dwarf_Addr bias;  /* of the DWARF against the file's addresses */
  Dwarf *alternate; /* what the debug information refers to in a second debug file */
  int alternate_fd;
  struct address_map symbols; /* value: the name's address */
  bool dwarf_sought, symbols_indexed;
};

static const Dwfl_Callbacks callbacks = {
    .find_elf = dwfl_build_id_find_elf, /* never needed: the file is given */
    .find_debuginfo = debug_file_find,
    .section_address = dwfl_offline_section_address,
};

/* ---- opening ---- */

/* Takes the descriptor.  False: it is no ELF file. */
static bool report_file(struct symbol_file *f, int fd)
{
  GElf_Addr bias;

  f->module = dwfl_report_elf(f->dwfl, f->path, f->path, fd, 0, true);
  if (!f->module) {
    close(fd);
    return false;
  }
  dwfl_report_end(f->dwfl, NULL, NULL);
  return dwfl_module_getelf(f->module, &bias) != NULL;
}

static bool is_build(struct symbol_file *f, const char *build_id)
{
  GElf_Addr bias;

  return !build_id[0] || debug_file_is_build(dwfl_module_getelf(f->module, &bias), build_id);
}

static struct symbol_file *symbol_file_new(const char *path)
{
  struct symbol_file *f = xcalloc(1, sizeof *f);

  f->alternate_fd = -1;
  f->path = xstrdup(path);
  f->dwfl = dwfl_begin(&callbacks);
  if (!f->dwfl)
    xalloc_failed();
  return f;
}

/* Takes the descriptor. */
static struct symbol_file *open_file(int fd, const char *path, const char *build_id, const char **why)
{
  struct symbol_file *f = symbol_file_new(path);

  *why = "it is not an ELF file";
  if (report_file(f, fd)) {
    *why = "it is another build than the one that was traced";
    if (is_build(f, build_id))
      return f;
  }
  symbol_file_close(f);
  return NULL;
}

struct symbol_file *symbol_file_open(const char *path, const char *build_id, struct stat *st, const char **why)
{
  int fd = regular_file_open(path, st), error = errno;
  struct symbol_file *f = NULL;
  char *found = NULL;

  *why = error == EINVAL ? "it is not a regular file" : error == ENODATA ? "it is empty" : "it cannot be opened here";
  if (fd >= 0)
    f = open_file(fd, path, build_id, why);
  if (f)
    return f;
  memset(st, 0, sizeof *st);
  fd = debug_file_by_build_id(build_id, &found);
  if (fd >= 0) {
    const char *ignored;

    f = open_file(fd, found, build_id, &ignored);
  }
  free(found);
  return f;
}

void symbol_file_close(struct symbol_file *f)
{
  if (!f)
    return;
  dwarf_info_free(f->dwarf);
  address_map_release(&f->symbols);
  if (f->dwfl)
    dwfl_end(f->dwfl);
  dwarf_end(f->alternate);
  if (f->alternate_fd >= 0)
    close(f->alternate_fd);
  free(f->path);
  free(f);
}

/* ---- symbols ---- */

/* Of several names for one range the one that a reader would use: global before weak before local. */
static uint64_t symbol_rank(const GElf_Sym *symbol)
{
  switch (GELF_ST_BIND(symbol->st_info)) {
  case STB_GLOBAL:
    return 2;
  case STB_WEAK:
    return 1;
  default:
    return 0;
  }
}

static uint64_t value_of_name(const char *name)
{
  return (uint64_t)(uintptr_t)name;
}

/* Whether it may name code, and the end of its section. */
static bool is_code(Elf *elf, const GElf_Sym *symbol, GElf_Word section, uint64_t *section_end)
{
  unsigned type = GELF_ST_TYPE(symbol->st_info);
  Elf_Scn *scn = elf ? elf_getscn(elf, section) : NULL;
  GElf_Shdr head;

  *section_end = 0;
  if (symbol->st_shndx == SHN_UNDEF || (type != STT_FUNC && type != STT_GNU_IFUNC && type != STT_NOTYPE))
    return false;
  if (symbol->st_shndx == SHN_ABS || !scn || !gelf_getshdr(scn, &head))
    return type != STT_NOTYPE;
  *section_end = head.sh_addr + head.sh_size;
  return (head.sh_flags & SHF_EXECINSTR) != 0;
}

/* Symbols without a size, as assembly has them, reach to the next one: all are put in order to find it. */
static void close_gaps(struct address_map *unsized, struct address_map *all)
{
  struct address_map starts = {0};

  for (size_t i = 0; i < all->count; i++)
    address_map_add(&starts, (struct address_range){all->item[i].start, all->item[i].start + 1, i, 0});
  for (size_t i = 0; i < unsized->count; i++)
    address_map_add(&starts,
                    (struct address_range){unsized->item[i].start, unsized->item[i].start + 1, all->count + i, 0});
  address_map_finish(&starts, ADDRESS_INNERMOST);
  for (size_t i = 0; i < unsized->count; i++) {
    struct address_range range = unsized->item[i];
    size_t low = 0, high = starts.count;

    while (low < high) {
      size_t middle = low + (high - low) / 2;

      if (starts.item[middle].start <= range.start)
        low = middle + 1;
      else
        high = middle;
    }
    if (low < starts.count && starts.item[low].start < range.end)
      range.end = starts.item[low].start;
    address_map_add(all, range);
  }
  address_map_release(&starts);
}

static void index_symbols(struct symbol_file *f)
{
  struct address_map unsized = {0};
  int n = dwfl_module_getsymtab(f->module);

  f->symbols_indexed = true;
  for (int i = 1; i < n; i++) {
    GElf_Sym symbol;
    GElf_Addr addr, bias;
    GElf_Word section;
    Elf *elf;
    uint64_t section_end;
    const char *name = dwfl_module_getsym_info(f->module, i, &symbol, &addr, &section, &elf, &bias);

    if (!name || !name[0] || name[0] == '$' || !is_code(elf, &symbol, section, &section_end))
      continue;
    if (symbol.st_size)
      address_map_add(&f->symbols,
                      (struct address_range){addr, addr + symbol.st_size, value_of_name(name), symbol_rank(&symbol)});
    else
      address_map_add(&unsized, (struct address_range){addr, section_end > addr ? section_end : addr + 1,
                                                       value_of_name(name), symbol_rank(&symbol)});
  }
  close_gaps(&unsized, &f->symbols);
  address_map_release(&unsized);
  address_map_finish(&f->symbols, ADDRESS_INNERMOST);
}

static const char *symbol_at(struct symbol_file *f, uint64_t addr)
{
  const struct address_range *r;

  if (!f->symbols_indexed)
    index_symbols(f);
  r = address_map_find(&f->symbols, addr);
  return r ? (const char *)(uintptr_t)r->value : NULL;
}

/* ---- both ---- */

static void open_dwarf(struct symbol_file *f)
{
  Dwarf *dwarf = dwfl_module_getdwarf(f->module, &f->bias);
  const char *debug = NULL;

  f->dwarf_sought = true;
  if (!dwarf)
    return;
  dwfl_module_info(f->module, NULL, NULL, NULL, NULL, NULL, NULL, &debug);
  if (!debug_file_set_alternate(dwarf, debug ? debug : f->path, &f->alternate, &f->alternate_fd))
    return;
  f->dwarf = dwarf_info_new(dwarf, f->path, debug);
}

/* A name of C++, Rust or D, which says more than what DWARF has of functions in functions. */
static bool is_mangled(const char *name)
{
  return name && name[0] == '_' && (name[1] == 'Z' || name[1] == 'R' || name[1] == 'D');
}

unsigned symbol_file_find(struct symbol_file *f, uint64_t addr, struct symbol_frame frames[SYMBOL_FRAMES_MAX])
{
  unsigned n;

  if (!f->dwarf_sought)
    open_dwarf(f);
  n = f->dwarf ? dwarf_info_frames(f->dwarf, addr - f->bias, frames) : 0;
  if (n == 0) {
    frames[0] = (struct symbol_frame){.function = symbol_at(f, addr)};
    return frames[0].function != NULL;
  }
  if (!frames[n - 1].function || (frames[n - 1].plain && is_mangled(symbol_at(f, addr))))
    frames[n - 1].function = symbol_at(f, addr);
  return n;
}
