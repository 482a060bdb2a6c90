/*
 * Reading memory that is not the library's own; see peek.h.
 *
 * Two ways to do it.  process_vm_readv on oneself copies and cannot be
 * deceived: it is taken for the few reads of strings and vectors.  It costs some ten times what the other way does, and
 * filters of system calls often end a process for it.  The other way asks whether a page can be read and then reads it:
 * for walks, which remember the answer, and wherever a filter judges.
 */
#include "base/peek.h"

#include <errno.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/uio.h>

#include "base/sys.h"
#include "base/valgrind.h"

#define PAGE UINT64_C(4096) /* the smallest page there is */
#define PIECES 16           /* pages copied by one call */

static uint32_t generation = 1; /* atomic */
static bool refused;            /* atomic: the kernel has no process_vm_readv for us */

/* Valgrind answers for calls of rt_sigprocmask that it takes for mistakes, and says so on standard error. */
static bool is_readable_under_valgrind(const void *p)
{
  char byte;
  struct iovec here = {&byte, 1}, there = {(void *)(uintptr_t)p, 1};

  return sys_call(SYS_process_vm_readv, sys_gettid(), (long)&here, 1, (long)&there, 1, 0) == 1;
}

/*
 * The kernel reads the new mask before it looks at the first argument, which is
 * no valid one: nothing changes, and no filter of a real program forbids the call.  Not NULL, which is no mask at all:
 * the first page is nobody's, but where it is mapped its second word stands for it.
 */
bool peek_readable(const void *p)
{
  uint64_t word = (uint64_t)p & ~UINT64_C(7);

  if (unlikely(valgrind_runs_us()))
    return is_readable_under_valgrind(p);
  return sys_call(SYS_rt_sigprocmask, -1, (long)(word ? word : 8), 0, sizeof(uint64_t), 0, 0) == -EINVAL;
}

static uint64_t page_end(uint64_t addr)
{
  return (addr | (PAGE - 1)) + 1;
}

/* Up to size bytes of one page after the other, each of which is asked about. */
static size_t copy_by_asking(char *to, uint64_t from, size_t size)
{
  size_t done = 0;

  while (done < size) {
    uint64_t at = from + done, left = page_end(at) - at;
    size_t n = left < size - done ? left : size - done;

    if (at < from || !peek_readable((const void *)at))
      break;
    memcpy(to + done, (const void *)at, n);
    done += n;
  }
  return done;
}

/* Up to PIECES pages in one call; a page that cannot be read ends it.  Bytes, or -errno. */
static long copy_pieces(char *to, uint64_t from, size_t size)
{
  struct iovec here = {to, 0}, there[PIECES];
  int n = 0;

  for (uint64_t at = from; n < PIECES && here.iov_len < size && at >= from; n++) {
    uint64_t left = page_end(at) - at;
    size_t piece = left < size - here.iov_len ? left : size - here.iov_len;

    there[n] = (struct iovec){(void *)at, piece};
    here.iov_len += piece;
    at += piece;
  }
  /* By thread: the process's first one may have ended before the others. */
  return sys_call(SYS_process_vm_readv, sys_gettid(), (long)&here, 1, (long)there, n, 0);
}

size_t peek_copy(void *to, const void *from, size_t size)
{
  size_t done = 0;

  if (__atomic_load_n(&refused, __ATOMIC_RELAXED) || sys_filtered())
    return copy_by_asking(to, (uint64_t)from, size);
  while (done < size) {
    long n = copy_pieces((char *)to + done, (uint64_t)from + done, size - done);

    if (n < 0 && n != -EFAULT) {
      __atomic_store_n(&refused, true, __ATOMIC_RELAXED);
      return done + copy_by_asking((char *)to + done, (uint64_t)from + done, size - done);
    }
    if (n <= 0)
      break;
    done += (size_t)n;
  }
  return done;
}

/* Calls of peek_copy need no more than a string is long, and seldom more than one. */
#define STRING_PIECE 256

ssize_t peek_string_length(const char *s, size_t max)
{
  char piece[STRING_PIECE];
  size_t length = 0;

  while (length < max) {
    size_t size = max - length < sizeof piece ? max - length : sizeof piece;
    size_t n = peek_copy(piece, s + length, size), here = strnlen(piece, n);

    length += here;
    if (here < n)
      return (ssize_t)length;
    if (n < size)
      return -EFAULT;
  }
  return (ssize_t)length;
}

ssize_t peek_string(char *to, size_t size, const char *s)
{
  size_t n = peek_copy(to, s, size - 1), length = strnlen(to, n);

  if (length == n && n < size - 1) {
    to[0] = '\0';
    return -EFAULT;
  }
  to[length] = '\0';
  return (ssize_t)length;
}

/* ---- words ---- */

void peek_mappings_changed(void)
{
  __atomic_fetch_add(&generation, 1, __ATOMIC_RELAXED);
}

bool peek_has_slow(struct peek *p, uint64_t addr)
{
  uint64_t page = addr & ~(PAGE - 1), *known = &p->pages[addr / PAGE % PEEK_PAGES];
  uint32_t now = __atomic_load_n(&generation, __ATOMIC_RELAXED);

  if (addr % 8)
    return false;
  if (p->generation != now) {
    memset(p->pages, 0, sizeof p->pages);
    p->generation = now;
  }
  if (*known == page && page)
    return true;
  if (!peek_readable((const void *)addr))
    return false;
  *known = page;
  return true;
}

bool peek_crooked_word_slow(struct peek *p, uint64_t addr, uint64_t *value)
{
  uint64_t low = addr & ~UINT64_C(7);

  if (!peek_has(p, low) || !peek_has(p, low + 8))
    return false;
  memcpy(value, (const void *)addr, sizeof *value);
  return true;
}
