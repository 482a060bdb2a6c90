/*
 * System calls on memory that the program has asked for: made as they are, also
 * where a seccomp filter ends the program for them, as it does without the library.
 */
#ifndef VMTRACE_PROGRAM_CALL_H
#define VMTRACE_PROGRAM_CALL_H

#include <stddef.h>
#include <sys/syscall.h>
#include <sys/types.h>

#include "base/sys.h"

/* As sys_mmap and so on (base/sys.h). */
static inline void *program_mmap(void *addr, size_t size, int prot, int flags, int fd, off_t offset)
{
  return (void *)sys_call_raw(SYS_mmap, (long)addr, (long)size, prot, flags, fd, (long)offset);
}

static inline int program_munmap(void *addr, size_t size)
{
  return (int)sys_call_raw(SYS_munmap, (long)addr, (long)size, 0, 0, 0, 0);
}

static inline void *program_mremap(void *old, size_t old_size, size_t size, int flags, void *addr)
{
  return (void *)sys_call_raw(SYS_mremap, (long)old, (long)old_size, (long)size, flags, (long)addr, 0);
}

static inline int program_mprotect(void *addr, size_t size, int prot)
{
  return (int)sys_call_raw(SYS_mprotect, (long)addr, (long)size, prot, 0, 0, 0);
}

static inline int program_madvise(void *addr, size_t size, int advice)
{
  return (int)sys_call_raw(SYS_madvise, (long)addr, (long)size, advice, 0, 0, 0);
}

#endif
