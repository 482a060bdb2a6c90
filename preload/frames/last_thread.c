/*
 * See last_thread.h.  Called by sampler.c.
 *
 * The status of a process is that of a group exit, if there was one.  Else, up to Linux 5.16, the first thread's; and
 * since 5.17 that of the thread that was last.  So the helper, being last, must
 * end as the program's last thread did: by the same exit, or by the same signal (a filter's SECCOMP_RET_KILL_THREAD
 * is SIGSYS, strict mode's is SIGKILL).  A bare exit changes nothing on the older kernels.
 *
 * The first thread stays as a zombie, and tells its end in its stat.  Another one is gone without a trace,
 * except to who holds a descriptor of it (PIDFD_GET_INFO, Linux 6.15).  Without that, it is taken for an exit with 0,
 * as of each thread that libc has made.
 */
#include "frames/last_thread.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <signal.h>
#include <stddef.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <time.h>

#include "base/sys.h"
#include "frames/helper.h"

#define SECOND UINT64_C(1000000000)
#define SIGNAL_BITS 0x7f
#define ENTRY_BYTES 1024

#ifndef SYS_futex_waitv
#define SYS_futex_waitv 449 /* Linux 5.16 */
#endif
#ifndef SYS_pidfd_open
#define SYS_pidfd_open 434
#endif
#define WAITER_32 2u
#define PIDFD_THREAD_FLAG 0200  /* O_EXCL; Linux 6.9 */
#define PIDFD_INFO 0xc040ff0bul /* _IOWR(0xff, 11, struct pidfd_exit) */
#define PIDFD_INFO_EXIT 8u

/* The first version of the kernel's struct pidfd_info. */
struct pidfd_exit {
  uint64_t mask, cgroup;
  uint32_t ids[11];
  int32_t status;
};
_Static_assert(sizeof(struct pidfd_exit) == 64, "as the kernel has it");

struct waiter {
  uint64_t value, word;
  uint32_t flags, reserved;
};

static struct {
  uint32_t *first_tid; /* libc's word with the first thread's id, which the kernel clears when it ends; NULL: unknown */
  uint32_t pid, self;
  bool plain; /* no sleeping on two words: an older kernel, or a filter that may not like it */
  bool near;  /* the first thread was found dead, without the word */
  bool first_was_last;
  int pidfd, watched; /* the one other thread that was left, and its descriptor; 0: none */
} last;

void last_thread_announce(void)
{
  uint32_t *word = NULL;

  if (!last.first_tid && sys_call(SYS_prctl, PR_GET_TID_ADDRESS, (long)&word, 0, 0, 0, 0) == 0 && word &&
      *word == (uint32_t)sys_getpid())
    last.first_tid = word;
}

void last_thread_forget(void)
{
  last.first_tid = NULL;
}

void last_thread_watch(void)
{
  last.pid = (uint32_t)sys_getpid();
  last.self = (uint32_t)sys_gettid();
  last.plain = sys_filtered();
  last.near = false;
  last.first_was_last = true;
  last.watched = 0;
  last.pidfd = -1;
}

static bool first_has_ended(void)
{
  return last.first_tid && __atomic_load_n(last.first_tid, __ATOMIC_ACQUIRE) == 0;
}

/* The kernel wakes one of those that sleep on the word, and libc may have some there (a join of the first thread). */
static void pass_on(void)
{
  sys_call(SYS_futex, (long)last.first_tid, FUTEX_WAKE, INT32_MAX, 0, 0, 0);
}

void last_thread_sleep(uint32_t *word, uint32_t expected, uint64_t until_ns)
{
  struct waiter waiters[2] = {
      {expected, (uint64_t)(uintptr_t)word, WAITER_32 | FUTEX_PRIVATE_FLAG, 0},
      {last.pid, (uint64_t)(uintptr_t)last.first_tid, WAITER_32, 0},
  };
  struct timespec until = {(time_t)(until_ns / SECOND), (long)(until_ns % SECOND)};
  long result;

  if (last.plain || !last.first_tid || first_has_ended()) {
    helper_sleep(word, expected, until_ns);
    return;
  }
  result = sys_call(SYS_futex_waitv, (long)waiters, 2, 0, (long)&until, CLOCK_MONOTONIC, 0);
  if (first_has_ended())
    pass_on();
  else if (result == -ENOSYS || result == -EPERM || result == -EINVAL) {
    last.plain = true;
    helper_sleep(word, expected, until_ns);
  }
}

bool last_thread_is_near(void)
{
  return last.near || first_has_ended();
}

/* Without libc's word.  A dead thread's memory is out of reach by its id. */
static bool first_is_dead(void)
{
  char byte, copy;
  struct iovec here = {&copy, 1}, there = {&byte, 1};

  return sys_call(SYS_process_vm_readv, last.pid, (long)&here, 1, (long)&there, 1, 0) == -ESRCH;
}

/* ---- the end of the program's last thread ---- */

/* The last number of stat, as wait has it. */
static int first_status(void)
{
  char text[1024];
  ssize_t n = sys_read_file("/proc/self/stat", text, sizeof text);
  int status = 0;

  while (n > 0 && text[n - 1] != ' ')
    n--;
  for (; n > 0 && text[n] >= '0' && text[n] <= '9'; n++)
    status = status * 10 + (text[n] - '0');
  return status;
}

static int watched_status(void)
{
  struct pidfd_exit info = {.mask = PIDFD_INFO_EXIT};

  if (last.pidfd < 0 || sys_call(SYS_ioctl, last.pidfd, (long)PIDFD_INFO, (long)&info, 0, 0, 0) < 0 ||
      !(info.mask & PIDFD_INFO_EXIT))
    return 0;
  return info.status;
}

static uint32_t parse_id(const char *name)
{
  uint32_t id = 0;

  while (*name >= '0' && *name <= '9')
    id = id * 10 + (uint32_t)(*name++ - '0');
  return id;
}

/* A thread of the program that is not the first one, 0: none was found. */
static uint32_t other_thread(void)
{
  char entries[ENTRY_BYTES];
  int dir = sys_open("/proc/self/task", O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);
  uint32_t found = 0;
  long n;

  if (dir < 0)
    return 0;
  while (!found && (n = sys_call(SYS_getdents64, dir, (long)entries, sizeof entries, 0, 0, 0)) > 0) {
    /* struct linux_dirent64: inode and offset, the length of the entry at 16, the name at 19. */
    for (long at = 0; at < n && !found;) {
      uint32_t id = parse_id(entries + at + 19);
      uint16_t length;

      memcpy(&length, entries + at + 16, sizeof length);
      if (id && id != last.pid && id != last.self)
        found = id;
      at += length;
    }
  }
  sys_close(dir);
  return found;
}

/* The first thread is gone, and exactly one other is left: its end will be the process's. */
static void watch_other(void)
{
  uint32_t id;

  last.first_was_last = false;
  if (last.watched && sys_call(SYS_tgkill, last.pid, last.watched, 0, 0, 0, 0) == 0)
    return;
  if (last.pidfd >= 0)
    sys_close(last.pidfd);
  id = other_thread();
  last.watched = (int)id;
  last.pidfd = id && !last.plain ? (int)sys_call(SYS_pidfd_open, id, PIDFD_THREAD_FLAG, 0, 0, 0, 0) : -1;
}

/* Threads of the process, zombies among them; a directory has two links besides.  0: cannot be told. */
static unsigned count_threads(void)
{
  struct stat st;

  if (sys_call(SYS_newfstatat, AT_FDCWD, (long)"/proc/self/task", (long)&st, 0, 0, 0) != 0 || st.st_nlink < 2)
    return 0;
  return (unsigned)st.st_nlink - 2;
}

/* Nobody is left to have the signal handled otherwise.  A core is dumped where it would have been. */
static void die_by(int signo)
{
  const struct {
    void (*handler)(int);
    unsigned long flags;
    void (*restorer)(void);
    uint64_t mask;
  } by_default = {0};
  uint64_t set = UINT64_C(1) << (signo - 1);

  sys_call(SYS_rt_sigaction, signo, (long)&by_default, 0, sizeof set, 0, 0);
  sys_call(SYS_tgkill, last.pid, last.self, signo, 0, 0, 0);
  sys_call(SYS_rt_sigprocmask, SIG_UNBLOCK, (long)&set, 0, sizeof set, 0, 0);
}

void last_thread_look(void)
{
  unsigned threads;
  int status;

  if (!last.first_tid && !last.near)
    last.near = first_is_dead();
  if (!last_thread_is_near())
    return;
  threads = count_threads();
  if (threads == 3)
    watch_other();
  else if (threads > 3)
    last.first_was_last = false;
  if (threads != 2)
    return;
  status = last.first_was_last ? first_status() : watched_status();
  if (status & SIGNAL_BITS)
    die_by(status & SIGNAL_BITS);
  sys_call(SYS_exit, status >> 8, 0, 0, 0, 0, 0);
}
