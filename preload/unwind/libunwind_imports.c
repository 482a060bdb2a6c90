/*
 * What the image of libunwind calls; see libunwind_image.h.  The generator reads
 * this file: a function that libunwind needs and that is not here is an error of the build.
 *
 * libunwind is asked to step through what unwind_source.c hands it, so that it
 * needs memory for its pools, locks around them, and strings; files, pipes and the loader's list are for other uses of
 * it, and fail here.  Its signals are blocked by the gate already (libunwind_gate.h).  errno is a word of its own.
 */
#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>

#include "base/lock_table.h"
#include "base/own.h"
#include "base/sys.h"
#include "unwind/loan_stack.h"

#define IMPORT(type, name, ...)                                                                                        \
  type libunwind_import_##name(__VA_ARGS__);                                                                           \
  type libunwind_import_##name(__VA_ARGS__)

static int errno_of_libunwind;

IMPORT(int *, __errno_location, void)
{
  return &errno_of_libunwind;
}

static int refuse(int error)
{
  errno_of_libunwind = error;
  return -1;
}

/* ---- strings ---- */

IMPORT(void *, memcpy, void *to, const void *from, size_t size)
{
  return memcpy(to, from, size);
}

IMPORT(void *, memmove, void *to, const void *from, size_t size)
{
  return memmove(to, from, size);
}

IMPORT(void *, memset, void *to, int byte, size_t size)
{
  return memset(to, byte, size);
}

IMPORT(void *, memchr, const void *in, int byte, size_t size)
{
  return memchr(in, byte, size);
}

IMPORT(int, memcmp, const void *a, const void *b, size_t size)
{
  return memcmp(a, b, size);
}

IMPORT(size_t, strlen, const char *s)
{
  return strlen(s);
}

IMPORT(int, strcmp, const char *a, const char *b)
{
  return strcmp(a, b);
}

IMPORT(int, strncmp, const char *a, const char *b, size_t size)
{
  return strncmp(a, b, size);
}

IMPORT(char *, strcpy, char *to, const char *from)
{
  return strcpy(to, from);
}

IMPORT(char *, stpcpy, char *to, const char *from)
{
  return stpcpy(to, from);
}

IMPORT(char *, strncpy, char *to, const char *from, size_t size)
{
  return strncpy(to, from, size);
}

IMPORT(char *, strrchr, const char *s, int byte)
{
  return strrchr(s, byte);
}

IMPORT(char *, strerror, int error)
{
  static char nothing[1];

  (void)error;
  return nothing;
}

/* ---- memory: the library's own ---- */

/* In front of what was asked for; it keeps the alignment that malloc promises. */
struct import_block {
  _Alignas(16) size_t size;
};

IMPORT(void *, malloc, size_t size)
{
  struct import_block *block = size < SIZE_MAX / 2 ? own_alloc(sizeof *block + size) : NULL;

  if (!block)
    return NULL;
  block->size = sizeof *block + size;
  return block + 1;
}

IMPORT(void *, calloc, size_t count, size_t size)
{
  size_t bytes;

  /* own_alloc gives zeroes. */
  return __builtin_mul_overflow(count, size, &bytes) ? NULL : libunwind_import_malloc(bytes);
}

IMPORT(void, free, void *p)
{
  struct import_block *block = p;

  if (block)
    own_free(block - 1, block[-1].size);
}

/* Anonymous memory for a pool; never a file. */
IMPORT(void *, mmap, void *addr, size_t size, int prot, int flags, int fd, off_t offset)
{
  void *p = flags & MAP_ANONYMOUS && !(flags & MAP_FIXED) ? own_map(size) : NULL;

  (void)addr;
  (void)prot;
  (void)fd;
  (void)offset;
  if (p)
    return p;
  refuse(ENOMEM);
  return MAP_FAILED;
}

IMPORT(int, munmap, void *p, size_t size)
{
  own_unmap(p, size);
  return 0;
}

/* ---- locks, signals, the process ---- */

/* One lock stands for all mutexes: they guard pools, for a few instructions at a time.  A thread may take a second one
 * while libunwind initialises itself. */
static unsigned depth; /* of the lock's holder */

IMPORT(int, pthread_mutex_init, void *mutex, const void *attributes)
{
  (void)mutex;
  (void)attributes;
  return 0;
}

IMPORT(int, pthread_mutex_destroy, void *mutex)
{
  (void)mutex;
  return 0;
}

IMPORT(int, pthread_mutex_lock, void *mutex)
{
  (void)mutex;
  if (!guarded_lock_is_mine(&lock_pools))
    guarded_lock_take(&lock_pools);
  depth++;
  return 0;
}

IMPORT(int, pthread_mutex_unlock, void *mutex)
{
  (void)mutex;
  if (--depth == 0)
    guarded_lock_release(&lock_pools);
  return 0;
}

/* Only walks that libunwind makes on its own have anything to keep per thread. */
IMPORT(int, pthread_once, int *control, void (*routine)(void))
{
  (void)control;
  (void)routine;
  return ENOSYS;
}

IMPORT(int, pthread_key_create, unsigned *key, void (*destructor)(void *))
{
  (void)key;
  (void)destructor;
  return EAGAIN;
}

IMPORT(int, pthread_setspecific, unsigned key, const void *value)
{
  (void)key;
  (void)value;
  return EINVAL;
}

IMPORT(void *, __tls_get_addr, void *index)
{
  static uint64_t variables[16];

  (void)index;
  return variables;
}

IMPORT(int, sigfillset, sigset_t *set)
{
  memset(set, 0xff, sizeof *set);
  return 0;
}

IMPORT(int, sigprocmask, int how, const sigset_t *set, sigset_t *old)
{
  (void)how;
  (void)set;
  if (old)
    memset(old, 0, sizeof *old);
  return 0;
}

IMPORT(int, getpid, void)
{
  return sys_getpid();
}

IMPORT(int, getpagesize, void)
{
  return (int)getauxval(AT_PAGESZ);
}

IMPORT(long, sysconf, int name)
{
  (void)name; /* it is asked for the size of a page only */
  return (long)getauxval(AT_PAGESZ);
}

IMPORT(unsigned long, __getauxval, unsigned long type)
{
  return getauxval(type);
}

IMPORT(char *, getenv, const char *name)
{
  (void)name;
  return NULL;
}

/* An assertion of libunwind's: this walk ends, the program goes on. */
IMPORT(void, abort, void)
{
  loan_stack_abandon();
}

IMPORT(void, __stack_chk_fail, void)
{
  loan_stack_abandon();
}

IMPORT(void, __assert_fail, const char *assertion, const char *file, unsigned line, const char *function)
{
  (void)assertion;
  (void)file;
  (void)line;
  (void)function;
  loan_stack_abandon();
}

/* ---- what it is not used for ---- */

IMPORT(int, open, const char *path, int flags, ...)
{
  (void)path;
  (void)flags;
  return refuse(ENOSYS);
}

IMPORT(int, close, int fd)
{
  (void)fd;
  return refuse(EBADF);
}

IMPORT(long, read, int fd, void *to, size_t size)
{
  (void)fd;
  (void)to;
  (void)size;
  return refuse(EBADF);
}

IMPORT(long, write, int fd, const void *from, size_t size)
{
  (void)fd;
  (void)from;
  (void)size;
  return refuse(EBADF);
}

IMPORT(int, stat, const char *path, void *to)
{
  (void)path;
  (void)to;
  return refuse(ENOSYS);
}

IMPORT(int, fstat, int fd, void *to)
{
  (void)fd;
  (void)to;
  return refuse(EBADF);
}

IMPORT(int, pipe2, int fds[2], int flags)
{
  (void)fds;
  (void)flags;
  return refuse(ENOSYS);
}

IMPORT(int, mincore, void *addr, size_t size, unsigned char *vec)
{
  (void)addr;
  (void)size;
  (void)vec;
  return refuse(ENOSYS);
}

IMPORT(int, msync, void *addr, size_t size, int flags)
{
  (void)addr;
  (void)size;
  (void)flags;
  return refuse(ENOSYS);
}

IMPORT(long, syscall, long number, ...)
{
  (void)number;
  return refuse(ENOSYS);
}

IMPORT(long, process_vm_readv, int pid, const void *here, unsigned long n, const void *there, unsigned long m,
       unsigned long flags)
{
  (void)pid;
  (void)here;
  (void)n;
  (void)there;
  (void)m;
  (void)flags;
  return refuse(ENOSYS);
}

IMPORT(int, dl_iterate_phdr, void *callback, void *arg)
{
  (void)callback;
  (void)arg;
  return 0;
}

/* To go on in a frame is unw_resume's business. */
IMPORT(int, _Ux86_64_setcontext, const void *context)
{
  (void)context;
  return refuse(ENOSYS);
}

#define LZMA_PROG_ERROR 11

IMPORT(int, lzma_stream_footer_decode, void *options, const uint8_t *in)
{
  (void)options;
  (void)in;
  return LZMA_PROG_ERROR;
}

IMPORT(int, lzma_index_buffer_decode, void **index, uint64_t *limit, const void *allocator, const uint8_t *in,
       size_t *at, size_t size)
{
  (void)index;
  (void)limit;
  (void)allocator;
  (void)in;
  (void)at;
  (void)size;
  return LZMA_PROG_ERROR;
}

IMPORT(int, lzma_stream_buffer_decode, uint64_t *limit, uint32_t flags, const void *allocator, const uint8_t *in,
       size_t *at, size_t size)
{
  (void)limit;
  (void)flags;
  (void)allocator;
  (void)in;
  (void)at;
  (void)size;
  return LZMA_PROG_ERROR;
}

IMPORT(uint64_t, lzma_index_size, const void *index)
{
  (void)index;
  return 0;
}

IMPORT(uint64_t, lzma_index_uncompressed_size, const void *index)
{
  (void)index;
  return 0;
}

IMPORT(void, lzma_index_end, void *index, const void *allocator)
{
  (void)index;
  (void)allocator;
}
