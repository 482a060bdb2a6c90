/*
 * The addresses of entries of DWARF.  For units in one file libdw knows them.
 * The entries of split DWARF name their addresses by numbers in a table of
 * another file, which libdw would have to open by itself.
 */
#ifndef VMTRACE_DIE_RANGES_H
#define VMTRACE_DIE_RANGES_H

#include <elfutils/libdw.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Bytes of a section that somebody else keeps. */
struct section_bytes {
  const uint8_t *bytes;
  size_t size;
};

/* Where the addresses of one unit's entries are. */
struct die_space {
  bool split;                /* false: libdw knows all, nothing of the others is used */
  bool old;                  /* DWARF 4 with GNU's extension; else DWARF 5 */
  struct section_bytes addr; /* table of addresses, from the unit's base on */
  struct section_bytes
      ranges;       /* DWARF 4: .debug_ranges, from the unit's base on; 5: .debug_rnglists.dwo, the unit's part */
  uint64_t base;    /* the unit's own lowest address: what lists of ranges count from */
  uint64_t *budget; /* steps that may still be made: what files say is not to be trusted */
};

/* Calls fn on each range; false from fn ends it. */
typedef bool (*die_range_fn)(void *arg, uint64_t start, uint64_t end);
void die_ranges(const struct die_space *space, Dwarf_Die *die, die_range_fn fn, void *arg);

bool die_covers(const struct die_space *space, Dwarf_Die *die, uint64_t addr);

/* Takes a step; false: there have been too many. */
bool die_step(const struct die_space *space);

#endif
