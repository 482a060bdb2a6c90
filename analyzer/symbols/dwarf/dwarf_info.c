/*
 * Functions and lines of DWARF.  See dwarf_info.h.  Called by
 * symbols/symbol_file.c.
 *
 * libdw's own look-ups walk all entries of a unit for every address.  Here each unit is walked once.
 */
#include "symbols/dwarf/dwarf_info.h"

#include <dwarf.h>
#include <stdlib.h>
#include <string.h>

#include "reader/complain.h"
#include "reader/xalloc.h"
#include "symbols/address_map.h"
#include "symbols/dwarf/die_ranges.h"
#include "symbols/dwarf/split_dwarf.h"

#define NESTING_MAX 64                /* of namespaces, functions and blocks: deeper is damage */
#define STEPS_MAX (UINT64_C(1) << 28) /* entries and ranges looked at, per file: some ten seconds */

struct unit {
  Dwarf_Die die;  /* in the file that was linked: lines are here */
  Dwarf_Die full; /* where the functions are: the same, or its other half's */
  struct die_space space;
  struct address_map functions; /* value: offset of the entry */
  bool indexed;
};

struct dwarf_info {
  Dwarf *dwarf;
  char *path;
  struct split_dwarf *split;
  struct address_map units; /* value: index in unit */
  struct unit *unit;
  size_t unit_count;
  uint64_t budget;
  bool indexed;
  bool told_missing, told_budget;
};

struct dwarf_info *dwarf_info_new(Dwarf *dwarf, const char *file, const char *debug)
{
  struct dwarf_info *d = xcalloc(1, sizeof *d);

  d->dwarf = dwarf;
  d->budget = STEPS_MAX;
  d->path = xstrdup(file);
  d->split = split_dwarf_new(dwarf, file, debug);
  return d;
}

void dwarf_info_free(struct dwarf_info *d)
{
  if (!d)
    return;
  for (size_t i = 0; i < d->unit_count; i++)
    address_map_release(&d->unit[i].functions);
  free(d->unit);
  address_map_release(&d->units);
  split_dwarf_free(d->split);
  free(d->path);
  free(d);
}

/* ---- units ---- */

/* What ranges are added to, and as what. */
struct range_target {
  struct address_map *map;
  uint64_t value;
  size_t added;
};

static bool add_range(void *arg, uint64_t start, uint64_t end)
{
  struct range_target *target = arg;

  target->added++;
  address_map_add(target->map, (struct address_range){start, end, target->value, 0});
  return true;
}

static void list_units(struct dwarf_info *d)
{
  Dwarf_Off offset = 0, next;
  size_t header, room = 0;

  for (; dwarf_nextcu(d->dwarf, offset, &next, &header, NULL, NULL, NULL) == 0; offset = next) {
    d->unit = xgrow(d->unit, d->unit_count, &room, sizeof *d->unit);
    d->unit[d->unit_count] = (struct unit){.space.budget = &d->budget};
    if (dwarf_offdie(d->dwarf, offset + header, &d->unit[d->unit_count].die))
      d->unit_count++;
  }
}

/* Units that do not say where their code is (DWARF 2 could not, if it is in several places): .debug_aranges may. */
static void add_from_table(struct dwarf_info *d)
{
  Dwarf_Aranges *table;
  size_t count;

  if (dwarf_getaranges(d->dwarf, &table, &count) != 0)
    return;
  for (size_t i = 0; i < count; i++) {
    Dwarf_Addr start;
    Dwarf_Word length;
    Dwarf_Off offset;
    size_t u = 0;

    if (dwarf_getarangeinfo(dwarf_onearange(table, i), &start, &length, &offset) != 0)
      continue;
    /* Sorted by offset. */
    for (size_t low = 0, high = d->unit_count; low < high;) {
      u = low + (high - low) / 2;
      if (dwarf_dieoffset(&d->unit[u].die) == offset)
        break;
      if (dwarf_dieoffset(&d->unit[u].die) < offset)
        low = u + 1;
      else
        high = u;
    }
    if (u < d->unit_count && dwarf_dieoffset(&d->unit[u].die) == offset)
      address_map_add(&d->units, (struct address_range){start, start + length, u, 0});
  }
}

static void index_units(struct dwarf_info *d)
{
  bool homeless = false;

  d->indexed = true;
  list_units(d);
  for (size_t i = 0; i < d->unit_count; i++) {
    struct range_target target = {&d->units, i, 0};

    die_ranges(&d->unit[i].space, &d->unit[i].die, add_range, &target);
    homeless |= target.added == 0;
  }
  if (homeless)
    add_from_table(d);
  address_map_finish(&d->units, ADDRESS_INNERMOST);
}

/* ---- functions ---- */

/* Functions stand in namespaces, classes, and, with what is local to them, in other functions and their blocks. */
static void index_functions(struct unit *u, Dwarf_Die *parent, unsigned nesting)
{
  Dwarf_Die die;

  if (nesting == NESTING_MAX || dwarf_child(parent, &die) != 0)
    return;
  do {
    struct range_target target = {&u->functions, dwarf_dieoffset(&die), 0};

    switch (dwarf_tag(&die)) {
    case DW_TAG_subprogram:
      die_ranges(&u->space, &die, add_range, &target);
      index_functions(u, &die, nesting + 1);
      break;
    case DW_TAG_namespace:
    case DW_TAG_module:
    case DW_TAG_class_type:
    case DW_TAG_structure_type:
    case DW_TAG_union_type:
    case DW_TAG_enumeration_type:
    case DW_TAG_interface_type:
    case DW_TAG_lexical_block:
    case DW_TAG_inlined_subroutine:
    case DW_TAG_try_block:
    case DW_TAG_catch_block:
    case DW_TAG_with_stmt:
      index_functions(u, &die, nesting + 1);
      break;
    default:
      break;
    }
  } while (die_step(&u->space) && dwarf_siblingof(&die, &die) == 0);
}

static void index_unit(struct dwarf_info *d, struct unit *u)
{
  int split;

  u->indexed = true;
  u->full = u->die;
  split = split_dwarf_find(d->split, &u->die, &u->full, &u->space);
  u->space.budget = &d->budget;
  if (split < 0) {
    if (!d->told_missing)
      complain("%s: no inlined functions for parts of this file: %s, which has them, is not here", d->path,
               split_dwarf_missing(d->split));
    d->told_missing = true;
  }
  index_functions(u, &u->full, 0);
  address_map_finish(&u->functions, ADDRESS_INNERMOST);
}

/* The name that the linker saw, which can be demangled with its parameters; else the plain one. */
static void name_die(Dwarf_Die *die, struct symbol_frame *frame)
{
  Dwarf_Attribute attribute;
  const char *name = dwarf_formstring(dwarf_attr_integrate(die, DW_AT_linkage_name, &attribute));

  if (!name)
    name = dwarf_formstring(dwarf_attr_integrate(die, DW_AT_MIPS_linkage_name, &attribute));
  frame->plain = !name;
  frame->function = name ? name : dwarf_formstring(dwarf_attr_integrate(die, DW_AT_name, &attribute));
}

/* The entry below parent that was inlined around addr, through lexical blocks. */
static bool find_inlined(const struct die_space *space, Dwarf_Die *parent, uint64_t addr, Dwarf_Die *found,
                         unsigned nesting)
{
  Dwarf_Die die;

  if (nesting == NESTING_MAX || dwarf_child(parent, &die) != 0)
    return false;
  do {
    int tag = dwarf_tag(&die);

    if (tag != DW_TAG_inlined_subroutine && tag != DW_TAG_lexical_block && tag != DW_TAG_try_block &&
        tag != DW_TAG_catch_block)
      continue;
    if (!die_covers(space, &die, addr))
      continue;
    if (tag == DW_TAG_inlined_subroutine) {
      *found = die;
      return true;
    }
    if (find_inlined(space, &die, addr, found, nesting + 1))
      return true;
  } while (die_step(space) && dwarf_siblingof(&die, &die) == 0);
  return false;
}

/* Where an inlined function was called: its frame's caller stands there.  Files are numbered by the line table. */
static void find_call_site(Dwarf_Die *die, Dwarf_Die *unit, struct symbol_frame *caller)
{
  Dwarf_Attribute attribute;
  Dwarf_Files *files;
  Dwarf_Word file = 0, line = 0;
  size_t count;

  dwarf_formudata(dwarf_attr(die, DW_AT_call_file, &attribute), &file);
  dwarf_formudata(dwarf_attr(die, DW_AT_call_line, &attribute), &line);
  caller->line = (uint32_t)line;
  caller->file = dwarf_getsrcfiles(unit, &files, &count) == 0 ? dwarf_filesrc(files, file, NULL, NULL) : NULL;
}

/* The function at addr and what is inlined there, from outermost to innermost; how many. */
static unsigned find_functions(struct unit *u, uint64_t addr, struct symbol_frame outward[SYMBOL_FRAMES_MAX])
{
  const struct address_range *r = address_map_find(&u->functions, addr);
  Dwarf_Die die, inlined;
  unsigned n = 0;

  outward[n++] = (struct symbol_frame){0};
  if (!r || !dwarf_offdie(dwarf_cu_getdwarf(u->full.cu), r->value, &die))
    return n;
  name_die(&die, &outward[0]);
  while (n < SYMBOL_FRAMES_MAX && find_inlined(&u->space, &die, addr, &inlined, 0)) {
    find_call_site(&inlined, &u->die, &outward[n - 1]);
    outward[n] = (struct symbol_frame){0};
    name_die(&inlined, &outward[n++]);
    die = inlined;
  }
  return n;
}

static bool find_line(struct unit *u, uint64_t addr, struct symbol_frame *frame)
{
  Dwarf_Line *line = dwarf_getsrc_die(&u->die, addr);
  int number = 0;

  if (!line)
    return false;
  dwarf_lineno(line, &number);
  frame->line = number > 0 ? (uint32_t)number : 0;
  frame->file = dwarf_linesrc(line, NULL, NULL);
  return true;
}

unsigned dwarf_info_frames(struct dwarf_info *d, uint64_t addr, struct symbol_frame frames[SYMBOL_FRAMES_MAX])
{
  struct symbol_frame outward[SYMBOL_FRAMES_MAX];
  const struct address_range *r;
  struct unit *u;
  unsigned n;
  bool known;

  if (!d->indexed)
    index_units(d);
  r = address_map_find(&d->units, addr);
  if (!r)
    return 0;
  u = &d->unit[r->value];
  if (!u->indexed)
    index_unit(d, u);
  n = find_functions(u, addr, outward);
  known = find_line(u, addr, &outward[n - 1]);
  if (!d->budget && !d->told_budget) {
    d->told_budget = true;
    complain("%s: its debug information takes too long to read: not all of it is used", d->path);
  }
  if (!known && n == 1 && !outward[0].function)
    return 0;
  for (unsigned i = 0; i < n; i++)
    frames[i] = outward[n - 1 - i];
  return n;
}
