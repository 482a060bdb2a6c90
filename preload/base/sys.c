/*
 * System calls without libc.  See sys.h; nothing here keeps state.  The call
 * instruction itself is in sys_call_<architecture>.c, the clock in sys_clock.c.
 */
#include "base/sys.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#ifndef MAP_FIXED_NOREPLACE
#define MAP_FIXED_NOREPLACE 0x100000 /* Linux 4.17 */
#endif

static int result(long value)
{
  return (int)value;
}

void *sys_mmap(void *addr, size_t size, int prot, int flags, int fd, off_t offset)
{
  return (void *)sys_call(SYS_mmap, (long)addr, (long)size, prot, flags, fd, (long)offset);
}

void *sys_mremap(void *old, size_t old_size, size_t size, int flags, void *addr)
{
  return (void *)sys_call(SYS_mremap, (long)old, (long)old_size, (long)size, flags, (long)addr, 0);
}

int sys_munmap(void *addr, size_t size)
{
  return result(sys_call(SYS_munmap, (long)addr, (long)size, 0, 0, 0, 0));
}

int sys_madvise(void *addr, size_t size, int advice)
{
  return result(sys_call(SYS_madvise, (long)addr, (long)size, advice, 0, 0, 0));
}

int sys_mprotect(void *addr, size_t size, int prot)
{
  return result(sys_call(SYS_mprotect, (long)addr, (long)size, prot, 0, 0, 0));
}

int sys_map_at(uint64_t addr, uint64_t size, int prot)
{
  int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE;
  void *p = sys_mmap((void *)addr, size, prot, flags, -1, 0);

  if (sys_failed(p))
    return -sys_errno(p);
  if ((uint64_t)p == addr)
    return 0;
  sys_munmap(p, size);
  return -EEXIST;
}

int sys_open(const char *path, int flags, int mode)
{
  return result(sys_call(SYS_openat, AT_FDCWD, (long)path, flags, mode, 0, 0));
}

int sys_close(int fd)
{
  return result(sys_call(SYS_close, fd, 0, 0, 0, 0, 0));
}

/* Repeats a transfer until size bytes are moved, the file ends or fails; offset -1: at the file's own position. */
static ssize_t transfer(long number, int fd, char *buf, size_t size, off_t offset)
{
  size_t done = 0;

  while (done < size) {
    long at = offset < 0 ? 0 : (long)(offset + (off_t)done);
    long n = sys_call(number, fd, (long)(buf + done), (long)(size - done), at, 0, 0);

    if (n == -EINTR)
      continue;
    if (n < 0)
      return done ? (ssize_t)done : n;
    if (n == 0)
      break;
    done += (size_t)n;
  }
  return (ssize_t)done;
}

ssize_t sys_pread(int fd, void *buf, size_t size, off_t offset)
{
  return transfer(SYS_pread64, fd, buf, size, offset);
}

ssize_t sys_pwrite(int fd, const void *buf, size_t size, off_t offset)
{
  return transfer(SYS_pwrite64, fd, (char *)(uintptr_t)buf, size, offset);
}

ssize_t sys_read(int fd, void *buf, size_t size)
{
  return transfer(SYS_read, fd, buf, size, -1);
}

ssize_t sys_write(int fd, const void *buf, size_t size)
{
  return transfer(SYS_write, fd, (char *)(uintptr_t)buf, size, -1);
}

int sys_fstat(int fd, struct stat *st)
{
  int error;

  /* With AT_FDCWD the second call would describe the working directory. */
  if (fd < 0)
    return -EBADF;
  /* Sandboxes pass the first more often: the second could name a file.  Both fill libc's struct stat on all 64-bit
   * architectures. */
  error = result(sys_call(SYS_fstat, fd, (long)st, 0, 0, 0, 0));
  if (error != -SYS_EFILTER)
    return error;
  return result(sys_call(SYS_newfstatat, fd, (long)"", (long)st, AT_EMPTY_PATH, 0, 0));
}

ssize_t sys_read_file(const char *path, char *buf, size_t size)
{
  int fd = sys_open(path, O_RDONLY | O_CLOEXEC, 0);
  ssize_t n;

  if (fd < 0)
    return fd;
  n = sys_read(fd, buf, size - 1);
  sys_close(fd);
  if (n >= 0)
    buf[n] = '\0';
  return n;
}

bool sys_filtered(void)
{
  return __atomic_load_n(&filter_any, __ATOMIC_RELAXED) || sys_call(SYS_prctl, PR_GET_SECCOMP, 0, 0, 0, 0, 0) > 0;
}

int sys_getpid(void)
{
  return result(sys_call(SYS_getpid, 0, 0, 0, 0, 0, 0));
}

int sys_gettid(void)
{
  return result(sys_call(SYS_gettid, 0, 0, 0, 0, 0, 0));
}

void sys_random(void *buf, size_t size)
{
  unsigned char *p = buf;
  uint64_t x = sys_now() ^ (uint64_t)sys_gettid() << 40 ^ (uint64_t)(uintptr_t)&x;

  if (sys_call(SYS_getrandom, (long)buf, (long)size, 0, 0, 0, 0) == (long)size)
    return;
  /* Names, not secrets: without getrandom (a seccomp filter) splitmix64 over time, thread and stack address will do. */
  for (size_t i = 0; i < size; i++) {
    uint64_t z = (x += UINT64_C(0x9e3779b97f4a7c15));

    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    p[i] = (unsigned char)(z ^ z >> 31);
  }
}

uint64_t sys_block_signals(void)
{
  uint64_t all = ~UINT64_C(0), mask = 0;

  sys_call(SYS_rt_sigprocmask, SIG_SETMASK, (long)&all, (long)&mask, sizeof mask, 0, 0);
  return mask;
}

void sys_restore_signals(uint64_t mask)
{
  sys_call(SYS_rt_sigprocmask, SIG_SETMASK, (long)&mask, 0, sizeof mask, 0, 0);
}

int sys_futex_wait(uint32_t *word, uint32_t expected, int64_t timeout_ns)
{
  struct timespec t = {timeout_ns / 1000000000, timeout_ns % 1000000000};

  return result(sys_call(SYS_futex, (long)word, FUTEX_WAIT_PRIVATE, expected, timeout_ns < 0 ? 0 : (long)&t, 0, 0));
}

int sys_futex_wake(uint32_t *word, int count)
{
  return result(sys_call(SYS_futex, (long)word, FUTEX_WAKE_PRIVATE, count, 0, 0, 0));
}
