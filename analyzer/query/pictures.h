/*
 * The pictures of several processes, for those who compare them page by page
 * (query/verdict/page_set.h).
 */
#ifndef VMTRACE_PICTURES_H
#define VMTRACE_PICTURES_H

#include <stddef.h>

#include "track/pages/process_picture.h"

/* Reads the traces, each once; what cannot be read is left out after one line on stderr, and counted in *failed.  The
 * caller frees the array and what is in it; NULL when there is nothing in it. */
struct picture **pictures_load(char *const *paths, size_t count, size_t *loaded, size_t *failed);

#endif
