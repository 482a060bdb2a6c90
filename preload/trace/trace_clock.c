/*
 * See trace_clock.h.  Called by this room, and by entry/ after setns.
 *
 * The kernel tells the offsets of the namespace that children will be in, so they are the process's own only if that is
 * the same one.  A fork may bring another namespace, so each trace asks for itself: one readlink where there is none.
 */
#include "trace/trace_clock.h"

#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <sys/syscall.h>

#include "base/sys.h"
#include "vmtrace/format.h"

#define SECOND INT64_C(1000000000)
#define NAME_SIZE 64

/* The kernel's number of the first time namespace (PROC_TIME_INIT_INO). */
static const char first_namespace[] = "time:[4026531834]";

static int64_t offset_ns; /* atomic */

static bool namespace_name(const char *path, char name[NAME_SIZE])
{
  long n = sys_call(SYS_readlinkat, AT_FDCWD, (long)path, (long)name, NAME_SIZE - 1, 0, 0);

  if (n <= 0)
    return false;
  name[n] = '\0';
  return true;
}

/* A decimal number with a sign behind blanks; NULL: there is none. */
static const char *read_number(const char *s, int64_t *value)
{
  bool negative;
  int64_t v = 0;

  while (*s == ' ' || *s == '\t')
    s++;
  negative = *s == '-';
  s += negative;
  if (*s < '0' || *s > '9')
    return NULL;
  for (; *s >= '0' && *s <= '9'; s++)
    v = v * 10 + (*s - '0');
  *value = negative ? -v : v;
  return s;
}

/* The line "monotonic SECONDS NANOSECONDS". */
static int64_t read_offset(void)
{
  char text[256];
  ssize_t n = sys_read_file("/proc/self/timens_offsets", text, sizeof text - 1);
  const char *at;
  int64_t seconds, rest;

  if (n <= 0)
    return VT_CLOCK_UNKNOWN;
  text[n] = '\0';
  at = strstr(text, "monotonic");
  at = at ? read_number(at + strlen("monotonic"), &seconds) : NULL;
  at = at ? read_number(at, &rest) : NULL;
  return at ? seconds * SECOND + rest : VT_CLOCK_UNKNOWN;
}

void trace_clock_look(void)
{
  char own[NAME_SIZE], children[NAME_SIZE];
  int64_t offset = 0;

  if (namespace_name("/proc/self/ns/time", own) && strcmp(own, first_namespace) != 0)
    offset = namespace_name("/proc/self/ns/time_for_children", children) && !strcmp(own, children) ? read_offset()
                                                                                                   : VT_CLOCK_UNKNOWN;
  __atomic_store_n(&offset_ns, offset, __ATOMIC_RELAXED);
}

int64_t trace_clock_offset(void)
{
  return __atomic_load_n(&offset_ns, __ATOMIC_RELAXED);
}

uint64_t trace_time(uint64_t own_ns)
{
  int64_t offset = trace_clock_offset();

  return offset == VT_CLOCK_UNKNOWN ? own_ns : own_ns - (uint64_t)offset;
}

uint64_t trace_now(void)
{
  return trace_time(sys_now());
}
