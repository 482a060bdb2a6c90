/*
 * A package of split DWARF (.dwp), DWARF 5's or GNU's of DWARF 4.  An index
 * says which parts of its sections are a unit's; each unit is shown to libdw as
 * a file of its own, whose section headers point into the package.
 */
#ifndef VMTRACE_SPLIT_PACKAGE_H
#define VMTRACE_SPLIT_PACKAGE_H

#include <elfutils/libdw.h>
#include <stdint.h>

struct split_package;

/* Takes the descriptor of a file of that size.  NULL: it is no package. */
struct split_package *split_package_open(int fd, uint64_t size);
void split_package_close(struct split_package *p);

/* The unit of that id as a Dwarf of its own, which lives as long as p; NULL: not there. */
Dwarf *split_package_unit(struct split_package *p, uint64_t id);

#endif
