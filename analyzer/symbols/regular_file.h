/*
 * Files that a trace, an ELF file or another file names: opened only if they
 * are regular files.  A FIFO would hang the reader, a device might do anything.
 */
#ifndef VMTRACE_REGULAR_FILE_H
#define VMTRACE_REGULAR_FILE_H

#include <stdbool.h>
#include <sys/stat.h>

/* From now on all these files are looked for below directory, as if that were "/": neither ".." nor a symbolic link
 * leads out of it.  False, with errno: it cannot be used. */
bool regular_file_root(const char *directory);

/*
 * Opens an absolute path for reading.  A descriptor (close-on-exec), and what
 * fstat says of it in *st; -1 with errno: ENODATA for an empty file, EINVAL for
 * anything but a regular one.  Neither is opened.
 */
int regular_file_open(const char *path, struct stat *st);

#endif
