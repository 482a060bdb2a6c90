/*
 * Every format, one line each; see output_format.h.
 */
#ifndef VMTRACE_FORMATS_H
#define VMTRACE_FORMATS_H

#include "output/output_format.h"

/* In the order of --help; the first is the default. */
#define FORMATS(X)                                                                                                     \
  X(text)                                                                                                              \
  X(json)                                                                                                              \
  X(csv)                                                                                                               \
  X(folded)                                                                                                            \
  X(svg)

#define X(name) extern const struct format format_##name;
FORMATS(X)
#undef X

#endif
