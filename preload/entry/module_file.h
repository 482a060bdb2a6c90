/*
 * What is recorded of a module's file beside its path: what it was like when
 * it was mapped, by which a reader knows it again, and under which name it was started.
 */
#ifndef VMTRACE_MODULE_FILE_H
#define VMTRACE_MODULE_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct module_file {
  uint64_t size;
  uint64_t mtime_ns; /* 0: nothing is known of the file */
  uint64_t device, inode;
};

/* Looks at a file: "/proc/self/exe" is the executable, even one that was deleted.  Asks nothing where a seccomp filter
 * judges it. */
void module_file_look(const char *path, struct module_file *file);

/* The name under which the executable was started, the last part of its path, if it is a link to that file and has
 * another name; its length, 0: it is none. */
size_t module_file_started_as(const struct module_file *executable, const char *path, char *name, size_t size);

#endif
