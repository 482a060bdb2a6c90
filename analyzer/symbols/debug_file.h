/*
 * Separate debug files: found by build id and by debug link, on this machine
 * or, where the user has set DEBUGINFOD_URLS, on a debuginfod server.
 *
 * libdw looks for such files by itself in some cases, and opens whatever it finds.  So it is given descriptors of
 * ours, and what it could still look for is set.
 */
#ifndef VMTRACE_DEBUG_FILE_H
#define VMTRACE_DEBUG_FILE_H

#include <elfutils/libdw.h>
#include <elfutils/libdwfl.h>
#include <stdbool.h>
#include <stddef.h>

/* A further directory in which separate debug files are looked for. */
void debug_file_root(const char *directory);
/* The directories in which they are looked for, from 0; NULL: no more. */
const char *debug_file_directory(unsigned i);
/* No server is asked from now on. */
void debug_file_stay_local(void);

/* The debug file of a build (lower-case hexadecimal digits), a descriptor; -1: none.  *path, to be freed, is where. */
int debug_file_by_build_id(const char *build_id, char **path);

/* dwfl's callback: the debug file of an ELF file. */
int debug_file_find(Dwfl_Module *module, void **userdata, const char *name, Dwarf_Addr base, const char *file,
                    const char *link, GElf_Word crc, char **found);

/*
 * What dwarf refers to in a second debug file (.gnu_debugaltlink), the file
 * beside which that lies being path: from now on libdw opens none by itself.  *alternate,
 * NULL if there is none, is to be ended after dwarf, and *fd closed.  False:
 * dwarf must not be used.
 */
bool debug_file_set_alternate(Dwarf *dwarf, const char *path, Dwarf **alternate, int *fd);

/* Whether an ELF file's build id is that one (hexadecimal digits). */
bool debug_file_is_build(Elf *elf, const char *build_id);

#endif
