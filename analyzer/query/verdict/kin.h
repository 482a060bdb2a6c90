/*
 * Which of the traced processes may be compared, and which are related by
 * fork: frames mean something within one boot only, and only relatives
 * inherit pages.
 */
#ifndef VMTRACE_KIN_H
#define VMTRACE_KIN_H

#include <stddef.h>
#include <stdint.h>

#include "track/pages/process_picture.h"

/* Two processes with the same boot ran on the same machine since it was started; with the same family, they descend
 * from one process (traced or not) by fork alone, so that they may have inherited the same pages. */
struct kin {
  uint32_t boot;
  uint32_t family;
};

/* One entry per picture; the caller frees it.  NULL: out of memory. */
struct kin *kin_find(struct picture *const *pictures, size_t count);

#endif
