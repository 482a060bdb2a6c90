/*
 * Which sanitizer owns malloc in this process, and how to leave it; see sanitizer.h.  Called by process.c at start,
 * maybe in the middle of the sanitizer's own start.
 *
 * A sanitizer's functions want to be called by the program itself: LeakSanitizer judges a block by who asked for it,
 * MemorySanitizer learns from fstat and pipe2 what they wrote.  A library in between changes what they find.  So the
 * program starts anew without it, as ThreadSanitizer itself starts a program anew where it needs other addresses.
 */
#include "entry/sanitizer.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "base/sys.h"
#include "entry/hook.h"

#define TEXT_SIZE ((size_t)4 << 20) /* the kernel takes no more than 6 MiB of arguments and environment by default */
#define PATH_SIZE 4096

/*
 * The runtime is a shared object (gcc) or part of the executable (clang).  Both export their start function.  It is
 * found by reference, not by dlsym: a dlsym that fails allocates its message, and the program's own malloc, if it has
 * one, may be in the middle of the mmap that is the first hook.
 */
extern void __asan_init(void) __attribute__((weak));
extern void __hwasan_init(void) __attribute__((weak));
extern void __lsan_init(void) __attribute__((weak));
extern void __msan_init(void) __attribute__((weak));
extern void __tsan_init(void) __attribute__((weak));

const char *sanitizer_name(void)
{
  if (__asan_init)
    return "AddressSanitizer";
  if (__hwasan_init)
    return "HWAddressSanitizer";
  if (__lsan_init)
    return "LeakSanitizer";
  if (__msan_init)
    return "MemorySanitizer";
  return __tsan_init ? "ThreadSanitizer" : NULL;
}

/*
 * gcc's AddressSanitizer ends a program in which another library was preloaded before its own, before any hook runs.
 * It asks this function for its defaults; a program's own definition comes before this one, and ASAN_OPTIONS overrides
 * both.
 */
EXPORT const char *__asan_default_options(void);

EXPORT const char *__asan_default_options(void)
{
  return "verify_asan_link_order=0";
}

/* Strings as the kernel has them, each ended by NUL, as a vector; NULL: they cannot be read.  Never given back. */
static char **read_strings(const char *file)
{
  size_t size = TEXT_SIZE + TEXT_SIZE / 2 * sizeof(char *), n = 0;
  char *text = sys_mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  char **vector;
  ssize_t length;

  if (sys_failed(text))
    return NULL;
  vector = (char **)(text + TEXT_SIZE);
  length = sys_read_file(file, text, TEXT_SIZE);
  if (length <= 0 || (size_t)length == TEXT_SIZE - 1)
    return NULL;
  for (char *s = text; s < text + length && n < TEXT_SIZE / 2 - 1; s += strlen(s) + 1)
    vector[n++] = s;
  return vector;
}

static bool ends_entry(char c)
{
  return c == '\0' || c == ' ' || c == ':';
}

static const char *base_name(const char *path)
{
  const char *slash = strrchr(path, '/');

  return slash ? slash + 1 : path;
}

/* Takes the entries with that file name out of the list; false: there is none. */
static bool list_drop(char *list, const char *name)
{
  size_t length = strlen(name), used = 0;
  bool dropped = false;

  for (const char *s = list; *s;) {
    const char *end = s;

    while (!ends_entry(*end))
      end++;
    if ((size_t)(end - s) >= length && !memcmp(end - length, name, length) &&
        ((size_t)(end - s) == length || end[-(ptrdiff_t)length - 1] == '/')) {
      dropped = true;
    } else {
      if (used)
        list[used++] = ':';
      memmove(list + used, s, (size_t)(end - s));
      used += (size_t)(end - s);
    }
    s = *end ? end + 1 : end;
  }
  list[used] = '\0';
  return dropped;
}

/* An environment without this library; false: it did not come that way. */
static bool drop_preload(char **env)
{
  static const char name[] = "LD_PRELOAD=";
  Dl_info info;

  if (!dladdr((void *)(uintptr_t)drop_preload, &info) || !info.dli_fname)
    return false;
  for (; *env; env++) {
    if (strncmp(*env, name, sizeof name - 1) != 0)
      continue;
    if (!list_drop(*env + sizeof name - 1, base_name(info.dli_fname)))
      return false;
    if (!(*env)[sizeof name - 1])
      do
        env[0] = env[1];
      while (*env++);
    return true;
  }
  return false;
}

static bool stat_path(const char *path, struct stat *st)
{
  return sys_call(SYS_newfstatat, AT_FDCWD, (long)path, (long)st, 0, 0, 0) == 0;
}

/* The name that the executable was started by, if it still leads there: its last part is what the kernel calls the
 * process.  A script's leads elsewhere. */
static const char *executable_path(char path[PATH_SIZE])
{
  static const char link[] = "/proc/self/exe";
  const char *started = (const char *)getauxval(AT_EXECFN);
  struct stat by_name, by_link;
  long length;

  if (started && stat_path(started, &by_name) && stat_path(link, &by_link) && by_name.st_dev == by_link.st_dev &&
      by_name.st_ino == by_link.st_ino)
    return started;
  length = sys_call(SYS_readlinkat, AT_FDCWD, (long)link, (long)path, PATH_SIZE - 1, 0, 0);
  if (length <= 0)
    return link;
  path[length] = '\0';
  return stat_path(path, &by_name) ? path : link;
}

void sanitizer_leave(uint64_t mask)
{
  char **argv = read_strings("/proc/self/cmdline"), **env = read_strings("/proc/self/environ");
  char path[PATH_SIZE];
  uint64_t old;

  if (!argv || !env || !drop_preload(env))
    return;
  sys_call(SYS_rt_sigprocmask, SIG_SETMASK, (long)&mask, (long)&old, sizeof mask, 0, 0);
  sys_call(SYS_execve, (long)executable_path(path), (long)argv, (long)env, 0, 0, 0);
  sys_call(SYS_rt_sigprocmask, SIG_SETMASK, (long)&old, 0, sizeof old, 0, 0);
}
