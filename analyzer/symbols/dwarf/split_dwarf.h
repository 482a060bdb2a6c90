/*
 * Split DWARF: the entries of a unit lie in a .dwo file, or with those of
 * other units in a .dwp package; the file that was linked has a skeleton.
 *
 * libdw would open .dwo files by itself and knows no packages; here both are
 * found, opened (regular files only) and read by descriptors of ours.
 */
#ifndef VMTRACE_SPLIT_DWARF_H
#define VMTRACE_SPLIT_DWARF_H

#include <elfutils/libdw.h>
#include <stdbool.h>

#include "symbols/dwarf/die_ranges.h"

struct split_dwarf;

/* For the units of dwarf.  file is the ELF file that was traced, debug the one that dwarf was read from: packages lie
 * beside them. */
struct split_dwarf *split_dwarf_new(Dwarf *dwarf, const char *file, const char *debug);
void split_dwarf_free(struct split_dwarf *s);

/*
 * The full unit of a skeleton: its first entry in *full, where its addresses
 * are in *space (but for the budget).  0; 1: it is none, the unit is whole as it
 * is; -1: its other file is not here.
 */
int split_dwarf_find(struct split_dwarf *s, Dwarf_Die *skeleton, Dwarf_Die *full, struct die_space *space);

/* What was missing last, for a message; "" when nothing was. */
const char *split_dwarf_missing(const struct split_dwarf *s);

#endif
