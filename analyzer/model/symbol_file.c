/*
 * One ELF file with its debug information.  See symbol_file.h.
 *
 * libdw's own look-ups walk all symbols, or all entries of a compilation unit,
 * for every address.  Here each is walked once and sorted: symbols on the
 * first look-up, units on the first with DWARF, a unit's functions when an address first falls into it.
 */
#include "model/symbol_file.h"

#include <dwarf.h>
#include <elfutils/libdw.h>
#include <elfutils/libdwfl.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* A range of addresses and what it belongs to: a unit, a function's entry, a symbol's name. */
struct range {
  uint64_t start, end;
  uint64_t reach; /* the largest end of this and all before: how far back a search must go */
  union {
    struct unit *unit;
    Dwarf_Off die;
    const char *name;
  };
};

struct ranges {
  struct range *item;
  size_t count, room;
};

struct unit {
  Dwarf_Die die;
  struct ranges functions;
  bool indexed;
};

struct symbol_file {
  Dwfl *dwfl;
  Dwfl_Module *module;
  Dwarf *dwarf;
  Dwarf_Addr bias; /* of the DWARF against the file's addresses */
  struct ranges units, symbols;
  struct unit *unit;
  size_t unit_count;
  bool units_indexed, symbols_indexed;
};

/* libdwfl's own: beside the file, in .debug there, and in /usr/lib/debug. */
#define DEBUG_PATH ":.debug:/usr/lib/debug"

static char *debug_path; /* NULL: DEBUG_PATH */
static const Dwfl_Callbacks callbacks = {
    .find_elf = dwfl_build_id_find_elf,
    .find_debuginfo = dwfl_standard_find_debuginfo,
    .section_address = dwfl_offline_section_address,
    .debuginfo_path = &debug_path,
};

/* ---- ranges ---- */

static void add(struct ranges *r, struct range range)
{
  if (range.end <= range.start)
    return;
  if (r->count == r->room) {
    size_t room = r->room ? r->room * 2 : 64;
    struct range *item = realloc(r->item, room * sizeof *item);

    if (!item)
      return; /* one name less */
    r->item = item;
    r->room = room;
  }
  r->item[r->count++] = range;
}

static int by_start(const void *a, const void *b)
{
  const struct range *x = a, *y = b;

  if (x->start != y->start)
    return x->start < y->start ? -1 : 1;
  return x->end > y->end ? -1 : x->end < y->end;
}

static void sort(struct ranges *r)
{
  uint64_t reach = 0;

  if (r->count)
    qsort(r->item, r->count, sizeof *r->item, by_start);
  for (size_t i = 0; i < r->count; i++) {
    if (r->item[i].end > reach)
      reach = r->item[i].end;
    r->item[i].reach = reach;
  }
}

/* The innermost range around addr: the one that starts last. */
static const struct range *find(const struct ranges *r, uint64_t addr)
{
  size_t low = 0, high = r->count;

  while (low < high) {
    size_t middle = low + (high - low) / 2;

    if (r->item[middle].start <= addr)
      low = middle + 1;
    else
      high = middle;
  }
  while (low-- > 0 && r->item[low].reach > addr)
    if (r->item[low].end > addr)
      return &r->item[low];
  return NULL;
}

/* ---- opening ---- */

bool symbol_file_debug_root(const char *directory)
{
  char *absolute = realpath(directory, NULL), *path = NULL; /* a relative one would be taken from each file's place */
  int length = asprintf(&path, DEBUG_PATH ":%s", absolute ? absolute : directory);

  free(absolute);
  if (length < 0)
    return false;
  free(debug_path);
  debug_path = path;
  return true;
}

static bool is_build(Dwfl_Module *module, const char *build_id)
{
  const unsigned char *bits;
  GElf_Addr where;
  int n = dwfl_module_build_id(module, &bits, &where);

  if (!build_id[0])
    return true;
  if (n <= 0 || strlen(build_id) < 2 * (size_t)n)
    return false;
  for (int i = 0; i < n; i++) {
    char hex[3];

    snprintf(hex, sizeof hex, "%02x", bits[i]);
    if (memcmp(hex, build_id + 2 * i, 2) != 0)
      return false;
  }
  return true;
}

struct symbol_file *symbol_file_open(const char *path, const char *build_id, const char **why)
{
  struct symbol_file *f = calloc(1, sizeof *f);
  GElf_Addr bias;
  int fd;

  *why = "out of memory";
  if (!f || !(f->dwfl = dwfl_begin(&callbacks)))
    goto failed;
  fd = open(path, O_RDONLY | O_CLOEXEC);
  *why = "it cannot be opened here";
  if (fd < 0)
    goto failed;
  *why = "it is no ELF file";
  f->module = dwfl_report_elf(f->dwfl, path, path, fd, 0, true);
  if (!f->module) {
    close(fd);
    goto failed;
  }
  dwfl_report_end(f->dwfl, NULL, NULL);
  if (!dwfl_module_getelf(f->module, &bias))
    goto failed;
  *why = "it is another build than the one that was traced";
  if (!is_build(f->module, build_id))
    goto failed;
  return f;

failed:
  symbol_file_close(f);
  return NULL;
}

void symbol_file_close(struct symbol_file *f)
{
  if (!f)
    return;
  for (size_t i = 0; i < f->unit_count; i++)
    free(f->unit[i].functions.item);
  free(f->unit);
  free(f->units.item);
  free(f->symbols.item);
  if (f->dwfl)
    dwfl_end(f->dwfl);
  free(f);
}

/* ---- symbols ---- */

static void index_symbols(struct symbol_file *f)
{
  int n = dwfl_module_getsymtab(f->module);

  f->symbols_indexed = true;
  for (int i = 1; i < n; i++) {
    GElf_Sym symbol;
    GElf_Addr addr;
    GElf_Word section;
    const char *name = dwfl_module_getsym_info(f->module, i, &symbol, &addr, &section, NULL, NULL);
    unsigned type = GELF_ST_TYPE(symbol.st_info);

    if (!name || !name[0] || symbol.st_shndx == SHN_UNDEF)
      continue;
    if (type == STT_FUNC || type == STT_GNU_IFUNC || type == STT_NOTYPE)
      add(&f->symbols,
          (struct range){.start = addr, .end = addr + (symbol.st_size ? symbol.st_size : 1), .name = name});
  }
  sort(&f->symbols);
}

static const char *symbol_at(struct symbol_file *f, uint64_t addr)
{
  const struct range *r;

  if (!f->symbols_indexed)
    index_symbols(f);
  r = find(&f->symbols, addr);
  return r ? r->name : NULL;
}

/* ---- DWARF ---- */

/* Calls on each range of an entry: at most the first that libdw gives when it is a simple one. */
static void add_die_ranges(struct ranges *to, Dwarf_Die *die, struct range what)
{
  Dwarf_Addr base, start, end;
  ptrdiff_t at = 0;

  while ((at = dwarf_ranges(die, at, &base, &start, &end)) > 0) {
    what.start = start;
    what.end = end;
    add(to, what);
  }
}

static void index_units(struct symbol_file *f)
{
  Dwarf_Off offset = 0, next;
  size_t header, room = 0;

  f->units_indexed = true;
  f->dwarf = dwfl_module_getdwarf(f->module, &f->bias);
  if (!f->dwarf)
    return;
  while (dwarf_nextcu(f->dwarf, offset, &next, &header, NULL, NULL, NULL) == 0) {
    if (f->unit_count == room) {
      struct unit *unit = realloc(f->unit, (room = room ? room * 2 : 64) * sizeof *unit);

      if (!unit)
        break;
      f->unit = unit;
    }
    f->unit[f->unit_count] = (struct unit){0};
    if (dwarf_offdie(f->dwarf, offset + header, &f->unit[f->unit_count].die))
      f->unit_count++;
    offset = next;
  }
  /* The array does not move any more. */
  for (size_t i = 0; i < f->unit_count; i++)
    add_die_ranges(&f->units, &f->unit[i].die, (struct range){.unit = &f->unit[i]});
  sort(&f->units);
}

#define NESTING_MAX 64 /* of namespaces, classes and blocks: deeper is damage */

/* Functions may stand in namespaces and classes. */
static void index_functions(struct unit *u, Dwarf_Die *parent, unsigned nesting)
{
  Dwarf_Die die;

  if (nesting == NESTING_MAX || dwarf_child(parent, &die) != 0)
    return;
  do {
    switch (dwarf_tag(&die)) {
    case DW_TAG_subprogram:
      add_die_ranges(&u->functions, &die, (struct range){.die = dwarf_dieoffset(&die)});
      break;
    case DW_TAG_namespace:
    case DW_TAG_module:
    case DW_TAG_class_type:
    case DW_TAG_structure_type:
    case DW_TAG_union_type:
    case DW_TAG_enumeration_type:
      index_functions(u, &die, nesting + 1);
      break;
    default:
      break;
    }
  } while (dwarf_siblingof(&die, &die) == 0);
}

/* The name that the linker saw, which can be demangled with its parameters; else the plain one. */
static const char *name_of(Dwarf_Die *die)
{
  Dwarf_Attribute attribute;
  const char *name = dwarf_formstring(dwarf_attr_integrate(die, DW_AT_linkage_name, &attribute));

  if (!name)
    name = dwarf_formstring(dwarf_attr_integrate(die, DW_AT_MIPS_linkage_name, &attribute));
  return name ? name : dwarf_formstring(dwarf_attr_integrate(die, DW_AT_name, &attribute));
}

/* The entry below parent that was inlined around addr, through lexical blocks. */
static bool find_inlined(Dwarf_Die *parent, uint64_t addr, Dwarf_Die *found, unsigned nesting)
{
  Dwarf_Die die;

  if (nesting == NESTING_MAX || dwarf_child(parent, &die) != 0)
    return false;
  do {
    int tag = dwarf_tag(&die);

    if (tag != DW_TAG_inlined_subroutine && tag != DW_TAG_lexical_block && tag != DW_TAG_try_block &&
        tag != DW_TAG_catch_block)
      continue;
    if (dwarf_haspc(&die, addr) <= 0)
      continue;
    if (tag == DW_TAG_inlined_subroutine) {
      *found = die;
      return true;
    }
    if (find_inlined(&die, addr, found, nesting + 1))
      return true;
  } while (dwarf_siblingof(&die, &die) == 0);
  return false;
}

/* Where an inlined function was called: its frame's caller stands there. */
static void call_site(Dwarf_Die *die, Dwarf_Die *cu, struct symbol_frame *caller)
{
  Dwarf_Attribute attribute;
  Dwarf_Files *files;
  Dwarf_Word file = 0, line = 0;
  size_t count;

  dwarf_formudata(dwarf_attr(die, DW_AT_call_file, &attribute), &file);
  dwarf_formudata(dwarf_attr(die, DW_AT_call_line, &attribute), &line);
  caller->line = (uint32_t)line;
  caller->file = dwarf_getsrcfiles(cu, &files, &count) == 0 ? dwarf_filesrc(files, file, NULL, NULL) : NULL;
}

static unsigned dwarf_frames(struct symbol_file *f, uint64_t addr, struct symbol_frame *frames)
{
  struct symbol_frame outward[SYMBOL_FRAMES_MAX];
  const struct range *r;
  Dwarf_Die die, inlined;
  Dwarf_Line *line;
  struct unit *u;
  unsigned n = 0;
  int number = 0;

  if (!f->units_indexed)
    index_units(f);
  addr -= f->bias;
  r = find(&f->units, addr);
  if (!r)
    return 0;
  u = r->unit;
  if (!u->indexed) {
    u->indexed = true;
    index_functions(u, &u->die, 0);
    sort(&u->functions);
  }
  r = find(&u->functions, addr);
  if (!r || !dwarf_offdie(f->dwarf, r->die, &die))
    return 0;
  /* From the function inwards; each inlined entry tells where its caller stands. */
  outward[n++] = (struct symbol_frame){.function = name_of(&die)};
  while (n < SYMBOL_FRAMES_MAX && find_inlined(&die, addr, &inlined, 0)) {
    call_site(&inlined, &u->die, &outward[n - 1]);
    outward[n++] = (struct symbol_frame){.function = name_of(&inlined)};
    die = inlined;
  }
  line = dwarf_getsrc_die(&u->die, addr);
  if (line) {
    dwarf_lineno(line, &number);
    outward[n - 1].line = number > 0 ? (uint32_t)number : 0;
    outward[n - 1].file = dwarf_linesrc(line, NULL, NULL);
  }
  for (unsigned i = 0; i < n; i++)
    frames[i] = outward[n - 1 - i];
  return n;
}

unsigned symbol_file_find(struct symbol_file *f, uint64_t addr, struct symbol_frame frames[SYMBOL_FRAMES_MAX])
{
  unsigned n = dwarf_frames(f, addr, frames);

  if (n == 0) {
    frames[0] = (struct symbol_frame){.function = symbol_at(f, addr)};
    return frames[0].function != NULL;
  }
  if (!frames[n - 1].function)
    frames[n - 1].function = symbol_at(f, addr);
  return n;
}
