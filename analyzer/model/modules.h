/*
 * The executables and shared objects of one traced process, and which of them
 * covered an address at a time.  Fed from MODULE and MODULE_GONE events.
 */
#ifndef VMTRACE_MODULES_H
#define VMTRACE_MODULES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "reader/reader.h"

struct module {
  uint64_t start, end;     /* where it was mapped */
  uint64_t bias;           /* what is added to the addresses in its ELF file */
  uint64_t from_ns, to_ns; /* when */
  char *path;              /* as the trace names it */
  char *build_id;          /* lower-case hexadecimal digits; "" when it has none */
  void *symbols;           /* symbols.c's, shared by modules of the same file */
};

struct modules {
  struct module **item;
  size_t count, room;
};

void modules_init(struct modules *m);
void modules_release(struct modules *m);

/* Takes a MODULE or MODULE_GONE event; ignores all others.  False when out of memory. */
bool modules_event(struct modules *m, const struct event *e);

/* Adds copies of all of from, as they were at a time: what was there then is gone behind it.  False when out of memory.
 */
bool modules_copy(struct modules *m, const struct modules *from, uint64_t time_ns);

/* The module that covered the address at that time (the latest one before it, when none did); NULL: none ever. */
struct module *modules_find(const struct modules *m, uint64_t addr, uint64_t time_ns);

#endif
