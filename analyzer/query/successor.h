/*
 * After exec: the trace of the program that took the process over.
 */
#ifndef VMTRACE_SUCCESSOR_H
#define VMTRACE_SUCCESSOR_H

#include <stdbool.h>
#include <stddef.h>

#include "vmtrace/format.h"

/* Whether next is of the image that process h became by exec. */
bool successor_is(const struct vt_file_header *h, const struct vt_file_header *next);

/* Looks for it beside the trace at path whose header is h.  Its path is stored in next (size bytes); false: there is
 * none.  Opens regular files only, of names that tell of the same process or are the trace's own with a number. */
bool successor_find(const char *path, const struct vt_file_header *h, char *next, size_t size);

#endif
