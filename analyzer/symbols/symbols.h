/*
 * Addresses to names: function, file and line, with inlined frames, from the
 * files that were mapped, through elfutils libdw.  Separate debug files are found
 * by build id and by debug link under /usr/lib/debug; without DWARF .symtab and
 * .dynsym serve; names are demangled (C++, Rust, D).
 *
 * A file on disk is used only if its build id is that of the trace.
 */
#ifndef VMTRACE_SYMBOLS_H
#define VMTRACE_SYMBOLS_H

#include <stdbool.h>
#include <stdint.h>

#include "symbols/modules.h"

struct symbol {
  const char *function; /* NULL: not known */
  const char *file;     /* NULL: not known */
  const char *module;   /* the last part of its path; NULL: no module covers the address */
  uint32_t line;        /* 0: not known */
  bool inlined;         /* into the next one */
  uint64_t address;     /* in the module's file, or, without a module, in memory */
};

/* The frames that one return address stands for, innermost first; at least one. */
struct symbols_frames {
  unsigned count;
  struct symbol frame[];
};

struct symbols;

/* What holds for all that is looked up from now on. */

/* Separate debug files are looked for below this directory too, by build id (.build-id/xx/...) and by debug link. */
void symbols_debug_root(const char *directory);
/* All files are looked for below this directory as if it were "/".  False, with errno: it cannot be used. */
bool symbols_sysroot(const char *directory);
/* No debuginfod server is asked. */
void symbols_stay_local(void);
/* No file is opened: there are modules and offsets alone. */
void symbols_off(void);

/* NULL when out of memory. */
struct symbols *symbols_open(void);
void symbols_close(struct symbols *s);

/* What stood at pc in a process at that time: a return address, as below.  Strings live no longer than m does. */
const struct symbols_frames *symbols_at(struct symbols *s, struct modules *m, uint64_t pc, uint64_t time_ns);

/*
 * What stood at pc in module (NULL: in none).  pc is a return address: the
 * call before it is looked up.  Cached; the result and all strings live as long as s.  NULL
 * when out of memory.
 */
const struct symbols_frames *symbols_resolve(struct symbols *s, struct module *module, uint64_t pc);

#endif
