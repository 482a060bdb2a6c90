/*
 * Listings of the process's descriptors, without those of the library.
 */
#ifndef VMTRACE_HOOK_FD_LIST_H
#define VMTRACE_HOOK_FD_LIST_H

#include <stdbool.h>
#include <sys/types.h>

/* Whether an entry of the directory with descriptor dir is one of the library's descriptors.  Cheap when it is none. */
bool fd_list_hides(int dir, const char *name);
/* Takes those out of what getdents64 gave: how many bytes are left. */
ssize_t fd_list_filter(int dir, void *entries, ssize_t size);

#endif
