/*
 * Which module's code an address is in, and where that module keeps what tells how to unwind it.
 */
#ifndef VMTRACE_UNWIND_INFO_H
#define VMTRACE_UNWIND_INFO_H

#include <stdbool.h>
#include <stdint.h>

struct unwind_info {
  uint64_t start, end; /* of the module */
  uint64_t header;     /* its .eh_frame_hdr */
  uint64_t dynamic;    /* its dynamic section, which may say what data-relative addresses are relative to; 0: none */
};

/*
 * False: no module is there, or it has no such information.  Without a lock where
 * the C library has _dl_find_object (glibc 2.35), else by unwind_info_by_list.
 */
bool unwind_info_find(uint64_t pc, struct unwind_info *info);

/* The same by the list of the dynamic loader, under its lock, for which the caller may have to wait. */
bool unwind_info_by_list(uint64_t pc, struct unwind_info *info);

#endif
