/*
 * System calls without libc: no errno, no cancellation points, no interposed
 * symbol.  Each returns the kernel's result, -errno on failure.  All are safe
 * in signal handlers, in the sampler's bare thread and between fork and exec.
 */
#ifndef VMTRACE_SYS_H
#define VMTRACE_SYS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct stat;

/* The call itself; numbers are SYS_* of <sys/syscall.h>.  For what the program asks for: a filter of its own may judge
 * that. */
long sys_call_raw(long number, long a, long b, long c, long d, long e, long f);
/* By what name filters know this machine. */
extern const uint32_t sys_audit_arch __attribute__((visibility("hidden")));

/* Whether the program has installed a filter, and whether those in force for the calling thread let a call pass
 * (filter.h). */
extern bool filter_any __attribute__((visibility("hidden")));
bool filter_permits(long number, const long args[6]);

/* The result of a call that was not made, because a filter does not let it pass; no error number of the kernel's. */
#define SYS_EFILTER 4000

/* The same for what the library needs for itself. */
static inline long sys_call(long number, long a, long b, long c, long d, long e, long f)
{
  if (__builtin_expect(__atomic_load_n(&filter_any, __ATOMIC_RELAXED), 0)) {
    const long args[6] = {a, b, c, d, e, f};

    if (!filter_permits(number, args))
      return -SYS_EFILTER;
  }
  return sys_call_raw(number, a, b, c, d, e, f);
}

/* Address, or -errno cast to an address (see sys_failed). */
void *sys_mmap(void *addr, size_t size, int prot, int flags, int fd, off_t offset);
void *sys_mremap(void *old, size_t old_size, size_t size, int flags, void *addr);
int sys_munmap(void *addr, size_t size);
int sys_madvise(void *addr, size_t size, int advice);
int sys_mprotect(void *addr, size_t size, int prot);

static inline bool sys_failed(const void *p)
{
  return (uintptr_t)p >= (uintptr_t)-4095;
}

static inline int sys_errno(const void *p)
{
  return (int)-(intptr_t)p;
}

/* Maps anonymous private memory at exactly addr, never over something else; 0, -EEXIST or another -errno.  Works on
 * kernels before 4.17, which take MAP_FIXED_NOREPLACE for a hint. */
int sys_map_at(uint64_t addr, uint64_t size, int prot);

int sys_open(const char *path, int flags, int mode);
int sys_close(int fd);
/* Whole count unless the file ends or fails; interrupted calls go on.  Bytes, or -errno when none were moved. */
ssize_t sys_pread(int fd, void *buf, size_t size, off_t offset);
ssize_t sys_pwrite(int fd, const void *buf, size_t size, off_t offset);
ssize_t sys_read(int fd, void *buf, size_t size);
ssize_t sys_write(int fd, const void *buf, size_t size);
int sys_fstat(int fd, struct stat *st);
/* Reads a small file whole into buf, NUL-terminated; its length (at most size - 1) or -errno. */
ssize_t sys_read_file(const char *path, char *buf, size_t size);

/* Whether a seccomp filter judges the calling thread's calls: it may end the process for one that is unusual. */
bool sys_filtered(void);

int sys_getpid(void);
int sys_gettid(void);
uint64_t sys_clock_ns(int clock); /* CLOCK_*, in nanoseconds */
uint64_t sys_now(void);           /* CLOCK_MONOTONIC, in nanoseconds, through the vDSO */
void sys_random(void *buf, size_t size);

/*
 * Between the two no signal handler runs in this thread.  Around code that
 * holds a lock and may be reached in the middle of a hook: a handler that
 * leaves by longjmp would take the lock with it for ever.  They nest.
 */
uint64_t sys_block_signals(void);
void sys_restore_signals(uint64_t mask);

/* Futex on a word of this process.  timeout_ns < 0: none. */
int sys_futex_wait(uint32_t *word, uint32_t expected, int64_t timeout_ns);
int sys_futex_wake(uint32_t *word, int count);

#endif
