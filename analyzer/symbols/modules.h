/*
 * The executables and shared objects of one traced process, and which of them
 * covered an address at a time; and the map of its JIT compiler.  Fed from
 * MODULE, MODULE_FILE and MODULE_GONE events.
 */
#ifndef VMTRACE_MODULES_H
#define VMTRACE_MODULES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "reader/reader.h"
#include "symbols/perf_map.h"

/* What a module's file was like when it was mapped. */
struct module_facts {
  uint64_t size;
  uint64_t mtime_ns; /* 0: not known */
};

struct module {
  uint64_t start, end;     /* where it was mapped */
  uint64_t bias;           /* what is added to the addresses in its ELF file */
  uint64_t from_ns, to_ns; /* when */
  char *path;              /* as the trace names it */
  char *build_id;          /* lower-case hexadecimal digits; "" when it has none */
  char *name;              /* for people: the last part of the path, or the name under which it was started */
  struct module_facts facts;
  /* symbols.c's: the file, shared by modules of the same one, and the number of the lookup that has it open. */
  void *symbols;
  uint64_t symbols_of;
};

struct modules {
  struct module **item;
  size_t count, room;
  int pid;                /* 0: modules_of was not called */
  uid_t user;             /* whose the trace is */
  uint64_t start_real_ns; /* when the trace began */
  struct perf_map *jit;
  bool jit_sought;
};

void modules_init(struct modules *m);
void modules_release(struct modules *m);

/* Whose modules they are: without it no JIT compiler's map is looked for. */
void modules_of(struct modules *m, const struct reader *r);

/* Takes such an event; ignores all others.  False when out of memory. */
bool modules_event(struct modules *m, const struct event *e);

/* Adds copies of all of from, as they were at a time: what was there then is gone behind it.  False when out of memory.
 */
bool modules_copy(struct modules *m, const struct modules *from, uint64_t time_ns);

/* The module that covered the address at that time (the latest one before it, when none did); NULL: none ever. */
struct module *modules_find(const struct modules *m, uint64_t addr, uint64_t time_ns);

/* The name of code that no module has, from the process's perf map; NULL: not known. */
const char *modules_jit_name(struct modules *m, uint64_t addr);

#endif
