/*
 * One ELF file with its debug information, opened lazily: indexes of symbols,
 * of compilation units and of the functions in each, and look-ups in them.
 * Called by symbols.c.
 */
#ifndef VMTRACE_SYMBOL_FILE_H
#define VMTRACE_SYMBOL_FILE_H

#include <stdbool.h>
#include <stdint.h>

struct symbol_file;

/* One frame at an address, innermost first.  Names are as in the file (not demangled); strings are the file's. */
struct symbol_frame {
  const char *function; /* NULL: not known */
  const char *file;
  uint32_t line;
};
#define SYMBOL_FRAMES_MAX 64

/* A further directory in which separate debug files are looked for; false when out of memory. */
bool symbol_file_debug_root(const char *directory);

/* NULL when the file cannot be read or its build id is another one (said once on stderr by the caller through *why). */
struct symbol_file *symbol_file_open(const char *path, const char *build_id, const char **why);
void symbol_file_close(struct symbol_file *f);

/* The frames at an address in the file (as its program headers count); how many, at most SYMBOL_FRAMES_MAX; 0: nothing
 * is known. */
unsigned symbol_file_find(struct symbol_file *f, uint64_t addr, struct symbol_frame frames[SYMBOL_FRAMES_MAX]);

#endif
