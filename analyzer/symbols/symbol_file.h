/*
 * One ELF file with its debug information, opened lazily: indexes of symbols,
 * of compilation units and of the functions in each, and look-ups in them.
 * Called by symbols.c.
 */
#ifndef VMTRACE_SYMBOL_FILE_H
#define VMTRACE_SYMBOL_FILE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>

struct symbol_file;

/* One frame at an address, innermost first.  Names are as in the file (not demangled); strings are the file's. */
struct symbol_frame {
  const char *function; /* NULL: not known */
  const char *file;
  uint32_t line;
  bool plain; /* function is a name without its scope and parameters */
};
#define SYMBOL_FRAMES_MAX 64

/*
 * Opens a file, or, where it is not here or is another build, the separate
 * debug file of the build id ("": the file has none).  NULL: there are no symbols,
 * and *why says why.  *st is what was found at path; all zero: nothing, or another build.
 */
struct symbol_file *symbol_file_open(const char *path, const char *build_id, struct stat *st, const char **why);
void symbol_file_close(struct symbol_file *f);

/* The frames at an address in the file (as its program headers count); how many, at most SYMBOL_FRAMES_MAX; 0: nothing
 * is known. */
unsigned symbol_file_find(struct symbol_file *f, uint64_t addr, struct symbol_frame frames[SYMBOL_FRAMES_MAX]);

#endif
