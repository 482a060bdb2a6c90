/*
 * Every relation, one line each; each is in query/relation_NAME.c.
 */
#ifndef VMTRACE_RELATIONS_H
#define VMTRACE_RELATIONS_H

#include "query/relation.h"

#define RELATIONS(X)                                                                                                   \
  X(processes)                                                                                                         \
  X(threads)                                                                                                           \
  X(stacks)                                                                                                            \
  X(blocks)                                                                                                            \
  X(mappings)                                                                                                          \
  X(modules)                                                                                                           \
  X(pages)                                                                                                             \
  X(samples)                                                                                                           \
  X(marks)                                                                                                             \
  X(values)                                                                                                            \
  X(errors)                                                                                                            \
  X(losses)

#define X(name) extern const struct relation relation_##name;
RELATIONS(X)
#undef X

#endif
