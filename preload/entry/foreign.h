/*
 * Addresses that the program frees and at which the pinned heap has nothing.  Most are
 * blocks of another allocator; some can be told to be no block of anybody's.
 * Called by allocation.c alone.
 */
#ifndef VMTRACE_FOREIGN_H
#define VMTRACE_FOREIGN_H

#include <stdint.h>

#include "entry/hook.h"

enum foreign_place {
  FOREIGN_ELSEWHERE, /* may be a block: mapped memory that says nothing of its owner */
  FOREIGN_NEXT, /* the same, and the next free is not libc's: that one knows, and would have been called without us */
  FOREIGN_UNMAPPED, /* nothing is mapped there */
  FOREIGN_STACK,    /* on the calling thread's own stack */
  FOREIGN_CODE,     /* in a module's segment that cannot be written to: code and constants */
  FOREIGN_DATA      /* in a module's data, and the next free is libc's, which never gives out such addresses */
};

/*
 * Where addr, at which the pinned heap has nothing, lies.  What stands after FOREIGN_NEXT is certain.  The
 * hook h was left (h->frame still is its frame), and thread->internal is raised: libc is asked, which takes locks of
 * the loader's and may allocate.  Not in a signal handler in the middle of a hook.  Changes errno.
 */
enum foreign_place foreign_place(const struct hook *h, uintptr_t addr);

#endif
