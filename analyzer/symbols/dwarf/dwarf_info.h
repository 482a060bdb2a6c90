/*
 * The debug information of one file: which functions, inlined ones too, are
 * at an address, and which lines.  Indexes are made when they are needed: of units on
 * the first question, of a unit's functions when an address first falls into it.
 */
#ifndef VMTRACE_DWARF_INFO_H
#define VMTRACE_DWARF_INFO_H

#include <elfutils/libdw.h>
#include <stdbool.h>
#include <stdint.h>

#include "symbols/symbol_file.h"

struct dwarf_info;

/* file is the path of the ELF file that was traced, debug of the one that dwarf was read from. */
struct dwarf_info *dwarf_info_new(Dwarf *dwarf, const char *file, const char *debug);
void dwarf_info_free(struct dwarf_info *d);

/*
 * The frames at an address as the DWARF counts, innermost first; how many.
 * The outermost may lack a name, where a unit has lines and no functions: then it is
 * the symbol table's to say.
 */
unsigned dwarf_info_frames(struct dwarf_info *d, uint64_t addr, struct symbol_frame frames[SYMBOL_FRAMES_MAX]);

#endif
