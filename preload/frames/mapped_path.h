/*
 * Whose file is mapped where, as the kernel names it.
 */
#ifndef VMTRACE_MAPPED_PATH_H
#define VMTRACE_MAPPED_PATH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The path of the file that is mapped at addr (the kernel's: absolute, with " (deleted)" behind it if it is),
 * NUL-terminated, and its length; 0: none, or /proc cannot be read.  Opens a descriptor for a moment. */
size_t mapped_path(uint64_t addr, char *path, size_t size);

/* The path of the executable: also where the loader was started and told to run it.  The same result. */
size_t mapped_executable(char *path, size_t size);

#endif
