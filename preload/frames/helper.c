/*
 * Life of the bare thread, see helper.h.  Called by sampler.c.
 */
#include "frames/helper.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <time.h>

#include "base/own.h"
#include "base/sys.h"

#ifndef SYS_close_range
#define SYS_close_range 436 /* Linux 5.9 */
#endif

#define GUARD_SIZE (UINT64_C(4) << 10)
#define STACK_SIZE (UINT64_C(64) << 10)
#define TLS_BELOW (UINT64_C(64) << 10) /* variables of every module's static TLS block lie below the thread pointer */
#define TLS_ABOVE (UINT64_C(8) << 10)  /* the thread control block */
#define MEMORY_SIZE (GUARD_SIZE + STACK_SIZE + TLS_BELOW + TLS_ABOVE)

#define SECOND UINT64_C(1000000000)
#define READY_LIMIT SECOND
#define JOIN_LIMIT (2 * SECOND)

/* Everything but CLONE_FILES: the descriptor table is a copy. */
#define HELPER_FLAGS                                                                                                   \
  (CLONE_VM | CLONE_FS | CLONE_SIGHAND | CLONE_THREAD | CLONE_SYSVSEM | CLONE_SETTLS | CLONE_PARENT_SETTID |           \
   CLONE_CHILD_CLEARTID)

void helper_sleep(uint32_t *word, uint32_t expected, uint64_t until_ns)
{
  struct timespec until = {(time_t)(until_ns / SECOND), (long)(until_ns % SECOND)};

  sys_call(SYS_futex, (long)word, FUTEX_WAIT_BITSET_PRIVATE, expected, (long)&until, 0, (long)FUTEX_BITSET_MATCH_ANY);
}

static void close_one_by_one(unsigned from, unsigned to)
{
  struct rlimit limit = {0, 0};

  sys_call(SYS_prlimit64, 0, RLIMIT_NOFILE, 0, (long)&limit, 0, 0);
  if (to > limit.rlim_max)
    to = (unsigned)limit.rlim_max;
  for (unsigned fd = from; fd <= to; fd++)
    sys_close((int)fd);
}

static void close_from_to(unsigned from, unsigned to)
{
  if (from <= to && sys_call(SYS_close_range, from, to, 0, 0, 0, 0) < 0)
    close_one_by_one(from, to);
}

/*
 * The table is a copy that holds the program's pipes and sockets open: away
 * with them.  Numbers 0 to 2 are then filled with something that cannot be written, so that no
 * message ever ends up in a file that happened to get the number of stderr.
 */
static void own_descriptors(int keep)
{
  int fd;

  if (keep > 0)
    close_from_to(0, (unsigned)keep - 1);
  close_from_to((unsigned)(keep + 1), ~0u);
  fd = (int)sys_call(SYS_epoll_create1, O_CLOEXEC, 0, 0, 0, 0, 0);
  while (fd >= 0 && fd < 2)
    fd = (int)sys_call(SYS_fcntl, fd, F_DUPFD_CLOEXEC, 0, 0, 0, 0);
  if (fd > 2)
    sys_close(fd);
}

static void helper_main(void *arg)
{
  struct helper *helper = arg;
  struct sched_param normal = {0};

  own_descriptors(helper->keep_fd);
  /* Not at the program's real-time priority, if it has one. */
  sys_call(SYS_sched_setscheduler, 0, SCHED_OTHER, (long)&normal, 0, 0, 0);
  sys_call(SYS_prctl, PR_SET_NAME, (long)"vmtrace", 0, 0, 0, 0);
  helper->open();
  __atomic_store_n(&helper->ready, 1, __ATOMIC_RELEASE);
  sys_futex_wake(&helper->ready, 1);
  helper->run();
}

/* Every signal, those that libc keeps for itself included. */
static void block_signals(uint64_t *old)
{
  uint64_t all = ~UINT64_C(0);

  sys_call(SYS_rt_sigprocmask, SIG_SETMASK, (long)&all, (long)old, sizeof all, 0, 0);
}

static void restore_signals(const uint64_t *old)
{
  sys_call(SYS_rt_sigprocmask, SIG_SETMASK, (long)old, 0, sizeof *old, 0, 0);
}

bool helper_alive(const struct helper *helper)
{
  return __atomic_load_n(&helper->tid, __ATOMIC_ACQUIRE) != 0;
}

static bool wait_ready(struct helper *helper)
{
  uint64_t until = sys_now() + READY_LIMIT;

  while (!__atomic_load_n(&helper->ready, __ATOMIC_ACQUIRE) && helper_alive(helper) && sys_now() < until)
    helper_sleep(&helper->ready, 0, until);
  return __atomic_load_n(&helper->ready, __ATOMIC_ACQUIRE);
}

bool helper_start(struct helper *helper, int keep_fd, void (*open)(void), void (*run)(void))
{
  uint8_t *memory = own_map_alone(MEMORY_SIZE);
  uint64_t mask;
  long id;

  if (!memory)
    return false;
  sys_mprotect(memory, GUARD_SIZE, PROT_NONE);
  helper_prepare_tls(memory + MEMORY_SIZE - TLS_ABOVE);
  *helper = (struct helper){.keep_fd = keep_fd, .open = open, .run = run, .memory = memory};
  block_signals(&mask);
  id = helper_clone(HELPER_FLAGS, memory + GUARD_SIZE + STACK_SIZE, &helper->tid, memory + MEMORY_SIZE - TLS_ABOVE,
                    helper_main, helper);
  restore_signals(&mask);
  if (id < 0) {
    helper_forget(helper);
    return false;
  }
  helper->number = (int32_t)id;
  /* Too slow to get ready means that the machine is: the helper then goes on by itself, only its closing of
   * descriptors was not waited for. */
  wait_ready(helper);
  return true;
}

/* tid is zeroed while the thread still counts as one of the process; that it no longer does shows when its id is not
 * found. */
bool helper_join(struct helper *helper)
{
  uint64_t until = sys_now() + JOIN_LIMIT;
  struct timespec pause = {0, 20000};
  uint32_t tid;

  while ((tid = __atomic_load_n(&helper->tid, __ATOMIC_ACQUIRE)) && sys_now() < until) {
    struct timespec limit = {0, 100000000};

    /* The kernel's own wake-up is not a private one. */
    sys_call(SYS_futex, (long)&helper->tid, FUTEX_WAIT, tid, (long)&limit, 0, 0);
  }
  while (helper->number && sys_call(SYS_tgkill, sys_getpid(), helper->number, 0, 0, 0, 0) != -ESRCH) {
    if (sys_now() >= until)
      return false;
    sys_call(SYS_nanosleep, (long)&pause, 0, 0, 0, 0, 0);
  }
  helper_forget(helper);
  return true;
}

void helper_forget(struct helper *helper)
{
  own_unmap(helper->memory, helper->memory ? MEMORY_SIZE : 0);
  *helper = (struct helper){.keep_fd = -1};
}
