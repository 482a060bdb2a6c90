/*
 * The file behind the trace; contracts in trace_output.h.
 *
 * The descriptor's number is never trusted: every use compares device and
 * inode first, because programs close what they did not open (closefrom) and
 * the number may be somebody else's by then.
 */
#include "trace/trace_output.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>

#include "base/high_fd.h"
#include "base/log.h"
#include "base/option.h"
#include "base/sys.h"

#define OPEN_FLAGS (O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY)
#define TRACE_MODE                                                                                                     \
  0600 /* what /proc/PID/maps keeps from other users, a trace tells: addresses, frames, values, commands */
#define NAMES_MAX 100000 /* numbers of names that are taken */
#define MOVE_SPINS 20000 /* a transfer takes microseconds; a signal handler on top of one would wait for itself */

/* Not wiped in children of fork: they close the descriptor that they inherited. */
static struct {
  int fd;         /* its number in the program's table; -1: none, or lost and to be opened again */
  uint32_t users; /* transfers that run with that number */
  uint64_t dev, ino;
  uint64_t next;     /* where the next chunk goes */
  bool distrust;     /* nobody knows whether the descriptor table is this process's alone */
  bool table_shared; /* it is not: no descriptor stays in it */
  char path[TRACE_PATH_MAX];
} output = {.fd = -1};

/* 0: fd is the trace's; -EBADF: it is not; -SYS_EFILTER: nobody may ask. */
static int identify(int fd)
{
  struct stat st;
  int error = sys_fstat(fd, &st);

  if (error == 0 && st.st_dev == output.dev && st.st_ino == output.ino)
    return 0;
  return error == -SYS_EFILTER ? error : -EBADF;
}

bool output_is(int fd)
{
  return identify(fd) == 0;
}

int output_number(void)
{
  return __atomic_load_n(&output.fd, __ATOMIC_RELAXED);
}

const char *output_path(void)
{
  return output.path;
}

/* The limit on the size of files; where a filter hides it, the one that was seen last. */
static uint64_t size_limit(void)
{
  static uint64_t seen = UINT64_MAX;
  struct rlimit limit;
  long error = sys_call(SYS_prlimit64, 0, RLIMIT_FSIZE, 0, (long)&limit, 0, 0);

  if (error == -SYS_EFILTER)
    error = sys_call(SYS_getrlimit, RLIMIT_FSIZE, (long)&limit, 0, 0, 0, 0);
  if (error == 0)
    __atomic_store_n(&seen, limit.rlim_cur, __ATOMIC_RELAXED);
  return __atomic_load_n(&seen, __ATOMIC_RELAXED);
}

static int open_new(void)
{
  return sys_open(output.path, OPEN_FLAGS | O_CREAT | O_EXCL, TRACE_MODE);
}

/* The path names a directory: the trace goes into it by the usual name. */
static int enter_directory(int pid)
{
  size_t length = strlen(output.path);

  if (length && output.path[length - 1] != '/')
    output.path[length++] = '/';
  return options_trace_path(output.path + length, (unsigned)(sizeof output.path - length), options_default(VT_OPT_OUT),
                            pid);
}

/* Opens the next free name: a.1.vmt, a.2.vmt ... where there is an a.vmt, so that all are found by *.vmt. */
static int open_numbered(void)
{
  static const char ending[] = ".vmt";
  size_t length = strlen(output.path), tail = sizeof ending - 1;
  bool ends = length > tail && !strcmp(output.path + length - tail, ending);
  int fd = -EEXIST;

  length -= ends ? tail : 0;
  for (int i = 1; i < NAMES_MAX && fd == -EEXIST; i++) {
    text_format(output.path + length, sizeof output.path - length, ".%d%s", i, ends ? ending : "");
    fd = open_new();
  }
  return fd;
}

/* -ENODEV: there is a device or the like, which is not for us to write to, nor to put a file beside. */
static int create_new(int pid)
{
  int fd = open_new(), error;
  struct stat st = {0};

  if (fd == -EEXIST || fd == -EISDIR) {
    sys_call(SYS_newfstatat, AT_FDCWD, (long)output.path, (long)&st, 0, 0, 0);
    if (fd == -EISDIR || S_ISDIR(st.st_mode)) {
      error = enter_directory(pid);
      fd = error ? error : open_new();
    } else if (st.st_mode && !S_ISREG(st.st_mode)) {
      return -ENODEV;
    }
  }
  return fd == -EEXIST ? open_numbered() : fd;
}

static void unlink_path(void)
{
  sys_call(SYS_unlinkat, AT_FDCWD, (long)output.path, 0, 0, 0, 0);
}

/* Whether the process that made this one has fd, which is new and the file st, too: then the table is its. */
static bool table_is_shared(int fd, const struct stat *st)
{
  struct stat theirs;
  char link[64];
  long error;

  text_format(link, sizeof link, "/proc/%d/fd/%d", (int)sys_call(SYS_getppid, 0, 0, 0, 0, 0, 0), fd);
  error = sys_call(SYS_newfstatat, AT_FDCWD, (long)link, (long)&theirs, 0, 0, 0);
  return error == 0 ? theirs.st_dev == st->st_dev && theirs.st_ino == st->st_ino : error != -ENOENT;
}

void output_distrust(void)
{
  output.distrust = true;
}

/* The file's descriptor, before it is remembered: in a table of somebody else's it does not stay; in this process's
 * own, what was inherited goes. */
static int settle(int fd, const struct stat *st, int inherited)
{
  bool distrust = output.distrust;

  output.distrust = false;
  if (!distrust)
    return fd;
  output.table_shared = table_is_shared(fd, st);
  if (output.table_shared) {
    sys_close(fd);
    return -1;
  }
  if (output_is(inherited))
    sys_close(inherited);
  return fd;
}

int output_create(const char *path_template, int pid)
{
  struct stat st;
  int fd, error, inherited = output.fd;

  output.fd = -1;
  output.users = 0;
  output.next = 0;
  error = options_trace_path(output.path, OPTION_PATH_MAX, path_template, pid);
  if (error)
    return error;
  fd = create_new(pid);
  if (fd < 0)
    return fd;
  fd = high_fd(fd);
  error = fd < 0 ? fd : sys_fstat(fd, &st);
  if (error < 0) {
    unlink_path();
    return error;
  }
  fd = settle(fd, &st, inherited);
  output.dev = st.st_dev;
  output.ino = st.st_ino;
  output.fd = fd;
  return 0;
}

void output_forget(void)
{
  output.table_shared = false;
  if (!output.distrust) {
    if (output_is(output.fd))
      sys_close(output.fd);
    output.fd = -1;
  }
  output.path[0] = '\0';
}

void output_discard(void)
{
  unlink_path();
  output_forget();
}

/* Opens the trace by one of its names: its descriptor, -SYS_EFILTER, or -EBADF, for another file as well. */
static int open_as(const char *name, int flags)
{
  int fd = sys_open(name, flags, 0);
  int error = fd < 0 ? fd : identify(fd);

  if (!error)
    return fd;
  if (fd >= 0)
    sys_close(fd);
  return error == -SYS_EFILTER ? error : -EBADF;
}

/* Opens the trace again; by its path, or, where that leads elsewhere by now, through the program's own table. */
static int open_again(void)
{
  int number = output_number();
  int fd = open_as(output.path, OPEN_FLAGS);
  char link[64];

  if (fd >= 0 || number < 0)
    return fd;
  text_format(link, sizeof link, "/proc/%d/fd/%d", sys_getpid(), number);
  return open_as(link, OPEN_FLAGS & ~O_NOFOLLOW);
}

/* 0: the file's number is good, and the caller is counted as its user.  Else as identify. */
static int take_number(struct output_use *use)
{
  int error;

  __atomic_fetch_add(&output.users, 1, __ATOMIC_SEQ_CST);
  use->fd = __atomic_load_n(&output.fd, __ATOMIC_SEQ_CST);
  use->transient = false;
  error = identify(use->fd);
  if (error)
    __atomic_fetch_sub(&output.users, 1, __ATOMIC_SEQ_CST);
  return error;
}

int output_begin(struct output_use *use, bool foreign)
{
  int error = take_number(use), lost = use->fd, fd;

  if (error != -EBADF)
    return error;
  fd = open_again();
  if (fd < 0)
    return fd;
  if (!foreign && !output.table_shared) {
    fd = high_fd(fd);
    if (fd < 0)
      return -EBADF;
    if (!__atomic_compare_exchange_n(&output.fd, &lost, fd, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST))
      sys_close(fd);
    return take_number(use);
  }
  *use = (struct output_use){fd, true};
  return 0;
}

void output_end(const struct output_use *use)
{
  if (use->transient)
    sys_close(use->fd);
  else
    __atomic_fetch_sub(&output.users, 1, __ATOMIC_SEQ_CST);
}

/* Going past the limit raises SIGXFSZ, which would kill the program. */
static bool may_grow_to(uint64_t end)
{
  return end <= INT64_MAX && end <= size_limit();
}

int64_t output_claim(uint32_t size)
{
  uint64_t offset = __atomic_fetch_add(&output.next, size, __ATOMIC_RELAXED);

  return may_grow_to(offset + size) ? (int64_t)offset : -EFBIG;
}

static int write_zeros(const struct output_use *use, uint64_t start, uint64_t end)
{
  static const uint8_t zeros[4096];

  for (; start < end; start += sizeof zeros) {
    ssize_t n = sys_pwrite(use->fd, zeros, sizeof zeros, (off_t)start);

    if (n != (ssize_t)sizeof zeros)
      return n < 0 ? (int)n : -ENOSPC;
  }
  return 0;
}

int output_reserve(const struct output_use *use, uint64_t start, uint64_t end)
{
  long error;

  if (!may_grow_to(end))
    return -EFBIG;
  do
    error = sys_call(SYS_fallocate, use->fd, 0, (long)start, (long)(end - start), 0, 0);
  while (error == -EINTR);
  if (error == -EOPNOTSUPP || error == -ENOSYS || error == -SYS_EFILTER)
    return write_zeros(use, start, end);
  return (int)error;
}

int output_write(const struct output_use *use, const void *head, size_t head_size, const void *body, size_t body_size,
                 uint64_t offset)
{
  struct iovec parts[2] = {{(void *)(uintptr_t)head, head_size}, {(void *)(uintptr_t)body, body_size}};
  const uint8_t *rest = body;
  size_t done;
  ssize_t n;

  do
    n = sys_call(SYS_pwritev, use->fd, (long)parts, 2, (long)offset, 0, 0);
  while (n == -EINTR);
  if (n == -SYS_EFILTER)
    n = sys_pwrite(use->fd, head, head_size, (off_t)offset);
  if (n < 0)
    return (int)n;
  done = (size_t)n;
  if (done == head_size + body_size)
    return 0;
  if (done < head_size)
    return -ENOSPC;
  rest += done - head_size;
  n = sys_pwrite(use->fd, rest, head_size + body_size - done, (off_t)(offset + done));
  if (n < 0)
    return (int)n;
  return done + (size_t)n == head_size + body_size ? 0 : -ENOSPC;
}

void output_move(void)
{
  int old = __atomic_load_n(&output.fd, __ATOMIC_SEQ_CST), copy, fd;

  if (!output_is(old))
    return;
  copy = (int)sys_call(SYS_fcntl, old, F_DUPFD_CLOEXEC, 3, 0, 0, 0);
  fd = copy < 0 ? copy : high_fd(copy);
  __atomic_store_n(&output.fd, fd < 0 ? -1 : fd, __ATOMIC_SEQ_CST);
  for (int i = 0; i < MOVE_SPINS && __atomic_load_n(&output.users, __ATOMIC_SEQ_CST); i++)
    sys_call(SYS_sched_yield, 0, 0, 0, 0, 0, 0);
  sys_close(old);
}
