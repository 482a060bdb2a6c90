/*
 * The options of commands that name functions, as argp children: they take
 * effect where they are parsed, and need no input.
 */
#ifndef VMTRACE_SYMBOL_OPTIONS_H
#define VMTRACE_SYMBOL_OPTIONS_H

#include <argp.h>

/* --debug-root, --sysroot, --no-symbols, --no-debuginfod: where names come from. */
extern const struct argp_child symbol_options_files;
/* --skip: which function a block is ascribed to. */
extern const struct argp_child symbol_options_sites;

#endif
