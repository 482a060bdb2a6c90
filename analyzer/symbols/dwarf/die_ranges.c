/*
 * The addresses of entries.  See die_ranges.h.  Called by symbols/dwarf/dwarf_info.c.
 *
 * Everything here is little-endian and of 64 bits, as traces are.
 */
#include "symbols/dwarf/die_ranges.h"

#include <dwarf.h>
#include <string.h>

bool die_step(const struct die_space *space)
{
  if (*space->budget == 0)
    return false;
  --*space->budget;
  return true;
}

/* ---- reading ---- */

struct cursor {
  const uint8_t *at, *end;
  bool failed;
};

static uint64_t read_fixed(struct cursor *c, unsigned bytes)
{
  uint64_t value = 0;

  if ((size_t)(c->end - c->at) < bytes) {
    c->failed = true;
    return 0;
  }
  memcpy(&value, c->at, bytes);
  c->at += bytes;
  return value;
}

static uint64_t read_leb(struct cursor *c)
{
  uint64_t value = 0;

  for (unsigned shift = 0; shift < 64; shift += 7) {
    uint8_t byte = (uint8_t)read_fixed(c, 1);

    value |= (uint64_t)(byte & 0x7f) << shift;
    if (c->failed || !(byte & 0x80))
      return value;
  }
  c->failed = true;
  return 0;
}

static struct cursor cursor_at(const struct section_bytes *section, uint64_t offset)
{
  struct cursor c = {section->bytes, section->bytes + section->size, offset > section->size};

  if (!c.failed && section->bytes)
    c.at += offset;
  return c;
}

static bool address_of_index(const struct die_space *space, uint64_t index, uint64_t *addr)
{
  struct cursor c;

  if (index >= space->addr.size / 8)
    return false;
  c = cursor_at(&space->addr, index * 8);
  *addr = read_fixed(&c, 8);
  return !c.failed;
}

/* ---- attributes ---- */

/* An attribute's own bytes; libdw checked that they are there when it found it. */
static uint64_t attribute_number(const Dwarf_Attribute *attribute, unsigned bytes)
{
  struct cursor c = {attribute->valp, attribute->valp + (bytes ? bytes : 10), false};

  return bytes ? read_fixed(&c, bytes) : read_leb(&c);
}

static bool attribute_address(const struct die_space *space, Dwarf_Attribute *attribute, uint64_t *addr)
{
  Dwarf_Addr plain;

  switch (dwarf_whatform(attribute)) {
  case DW_FORM_addrx:
  case DW_FORM_GNU_addr_index:
    return address_of_index(space, attribute_number(attribute, 0), addr);
  case DW_FORM_addrx1:
    return address_of_index(space, attribute_number(attribute, 1), addr);
  case DW_FORM_addrx2:
    return address_of_index(space, attribute_number(attribute, 2), addr);
  case DW_FORM_addrx3:
    return address_of_index(space, attribute_number(attribute, 3), addr);
  case DW_FORM_addrx4:
    return address_of_index(space, attribute_number(attribute, 4), addr);
  case DW_FORM_addr:
    if (dwarf_formaddr(attribute, &plain) != 0)
      return false;
    *addr = plain;
    return true;
  default:
    return false;
  }
}

static bool split_low_and_high(const struct die_space *space, Dwarf_Die *die, uint64_t *low, uint64_t *high)
{
  Dwarf_Attribute attribute;
  Dwarf_Word size;

  if (!dwarf_attr(die, DW_AT_low_pc, &attribute) || !attribute_address(space, &attribute, low) ||
      !dwarf_attr(die, DW_AT_high_pc, &attribute))
    return false;
  if (attribute_address(space, &attribute, high))
    return true;
  if (dwarf_formudata(&attribute, &size) != 0)
    return false;
  *high = *low + size;
  return true;
}

/* ---- lists ---- */

/* DWARF 4: pairs; one whose first is all ones sets the base. */
static void old_list(const struct die_space *space, uint64_t offset, die_range_fn fn, void *arg)
{
  struct cursor c = cursor_at(&space->ranges, offset);
  uint64_t base = space->base;

  while (!c.failed && die_step(space)) {
    uint64_t start = read_fixed(&c, 8), end = read_fixed(&c, 8);

    if (c.failed || (!start && !end))
      return;
    if (start == UINT64_MAX)
      base = end;
    else if (!fn(arg, base + start, base + end))
      return;
  }
}

/* One entry of a list of DWARF 5: 0 its end, 1 a range, 2 something else; -1 damage. */
static int list_entry(const struct die_space *space, struct cursor *c, uint64_t *base, uint64_t *start, uint64_t *end)
{
  switch (read_fixed(c, 1)) {
  case DW_RLE_end_of_list:
    return c->failed ? -1 : 0;
  case DW_RLE_base_addressx:
    return address_of_index(space, read_leb(c), base) ? 2 : -1;
  case DW_RLE_base_address:
    *base = read_fixed(c, 8);
    return 2;
  case DW_RLE_startx_endx:
    return address_of_index(space, read_leb(c), start) && address_of_index(space, read_leb(c), end) ? 1 : -1;
  case DW_RLE_startx_length:
    if (!address_of_index(space, read_leb(c), start))
      return -1;
    *end = *start + read_leb(c);
    return 1;
  case DW_RLE_offset_pair:
    *start = *base + read_leb(c);
    *end = *base + read_leb(c);
    return 1;
  case DW_RLE_start_end:
    *start = read_fixed(c, 8);
    *end = read_fixed(c, 8);
    return 1;
  case DW_RLE_start_length:
    *start = read_fixed(c, 8);
    *end = *start + read_leb(c);
    return 1;
  default:
    return -1;
  }
}

static void new_list(const struct die_space *space, uint64_t offset, die_range_fn fn, void *arg)
{
  struct cursor c = cursor_at(&space->ranges, offset);
  uint64_t base = space->base, start, end;

  while (!c.failed && die_step(space)) {
    int kind = list_entry(space, &c, &base, &start, &end);

    if (kind <= 0 || c.failed || (kind == 1 && !fn(arg, start, end)))
      return;
  }
}

/* Header of the lists (DWARF 5, 7.28): length, version, sizes, how many offsets follow. */
#define LISTS_HEADER 12
#define LISTS_HEADER_64 20

/* Where in the section the list of that number is. */
static bool list_offset(const struct section_bytes *section, uint64_t index, uint64_t *offset)
{
  struct cursor c = cursor_at(section, 0);
  bool wide = read_fixed(&c, 4) == UINT32_MAX;
  uint64_t header = wide ? LISTS_HEADER_64 : LISTS_HEADER, size = wide ? 8 : 4;

  if (index > section->size / size)
    return false;
  c = cursor_at(section, header + index * size);
  *offset = header + read_fixed(&c, (unsigned)size);
  return !c.failed;
}

static void split_ranges(const struct die_space *space, Dwarf_Die *die, die_range_fn fn, void *arg)
{
  Dwarf_Attribute attribute;
  uint64_t low, high, offset;
  Dwarf_Word word;

  if (split_low_and_high(space, die, &low, &high)) {
    fn(arg, low, high);
    return;
  }
  if (!dwarf_attr(die, DW_AT_ranges, &attribute) || !space->ranges.bytes)
    return;
  if (dwarf_whatform(&attribute) == DW_FORM_rnglistx) {
    if (list_offset(&space->ranges, attribute_number(&attribute, 0), &offset))
      new_list(space, offset, fn, arg);
    return;
  }
  word = attribute_number(&attribute, dwarf_whatform(&attribute) == DW_FORM_data8 ? 8 : 4);
  if (space->old)
    old_list(space, word, fn, arg);
  else
    new_list(space, word, fn, arg);
}

void die_ranges(const struct die_space *space, Dwarf_Die *die, die_range_fn fn, void *arg)
{
  Dwarf_Addr base, start, end;
  ptrdiff_t at = 0;

  if (space->split) {
    split_ranges(space, die, fn, arg);
    return;
  }
  while (die_step(space) && (at = dwarf_ranges(die, at, &base, &start, &end)) > 0) {
    if (!fn(arg, start, end))
      return;
  }
}

struct question {
  uint64_t addr;
  bool inside;
};

static bool ask_range(void *arg, uint64_t start, uint64_t end)
{
  struct question *q = arg;

  q->inside = q->addr >= start && q->addr < end;
  return !q->inside;
}

bool die_covers(const struct die_space *space, Dwarf_Die *die, uint64_t addr)
{
  struct question q = {addr, false};

  die_ranges(space, die, ask_range, &q);
  return q.inside;
}
