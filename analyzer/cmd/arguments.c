/*
 * Arguments of the commands; see arguments.h.  Reads directories, opens no trace.
 */
#include "cmd/arguments.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "reader/file_place.h"
#include "reader/xalloc.h"
#include "vmtrace/format.h"

#define SUFFIX ".vmt"

bool argument_number(const char *text, uint64_t least, uint64_t most, uint64_t *value)
{
  uint64_t v = 0;

  if (!*text)
    return false;
  for (; *text; text++) {
    if (*text < '0' || *text > '9' || __builtin_mul_overflow(v, 10, &v) ||
        __builtin_add_overflow(v, (uint64_t)(*text - '0'), &v))
      return false;
  }
  *value = v;
  return v >= least && v <= most;
}

bool argument_seconds(const char *text, double *value)
{
  char *end;

  if (text[strspn(text, "0123456789.eE+-")] || (!isdigit((unsigned char)*text) && *text != '.'))
    return false;
  *value = strtod(text, &end);
  return end != text && !*end && isfinite(*value) && *value >= 0;
}

bool argument_address(const char *text, const char **end, uint64_t *value)
{
  bool hex = text[0] == '0' && (text[1] == 'x' || text[1] == 'X');
  char *after;

  if (!isxdigit((unsigned char)text[hex ? 2 : 0]) || (!hex && !isdigit((unsigned char)*text)))
    return false;
  errno = 0;
  *value = strtoull(text, &after, hex ? 16 : 10);
  *end = after;
  return !errno;
}

/* The flags of a trace, from its header; 0: it has none that could be read. */
static uint64_t trace_flags(int fd)
{
  uint64_t flags = 0;

  if (pread(fd, &flags, sizeof flags, offsetof(struct vt_file_header, flags)) != sizeof flags)
    return 0;
  return flags;
}

void argument_trace(const char *path)
{
  size_t least = XALLOC_SHARE_PLAIN, size = 0;
  struct stat st;
  int fd = file_open_path(path, &st);

  if (fd >= 0) {
    size = st.st_size > 0 ? (size_t)st.st_size : 0;
    if (trace_flags(fd) & VT_F_PACKED)
      least = XALLOC_SHARE;
    close(fd);
  }
  xalloc_allow_work(size);
  size = size < SIZE_MAX / XALLOC_SHARE_FACTOR ? size * XALLOC_SHARE_FACTOR : SIZE_MAX / 2;
  xalloc_allow(size > least ? size : least);
}

struct paths {
  char **item;
  size_t count, room;
};

static void paths_add(struct paths *paths, char *path)
{
  paths->item = xgrow(paths->item, paths->count, &paths->room, sizeof *paths->item);
  paths->item[paths->count++] = path;
}

static int compare_paths(const void *a, const void *b)
{
  return strcmp(*(char *const *)a, *(char *const *)b);
}

static bool is_directory(const char *path)
{
  struct stat st;

  return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

/* Without a trace in it, the directory itself: what opens it says that it is none. */
static void add_directory(struct paths *paths, char *path)
{
  size_t first = paths->count, length = strlen(path);
  const struct dirent *entry;
  DIR *dir = opendir(path);

  while (dir && (entry = readdir(dir))) {
    size_t n = strlen(entry->d_name);

    if (n <= strlen(SUFFIX) || strcmp(entry->d_name + n - strlen(SUFFIX), SUFFIX) != 0 || entry->d_name[0] == '.')
      continue;
    paths_add(paths, xasprintf("%s%s%s", path, path[length - 1] == '/' ? "" : "/", entry->d_name));
  }
  if (dir)
    closedir(dir);
  if (paths->count == first)
    paths_add(paths, path);
  qsort(paths->item + first, paths->count - first, sizeof *paths->item, compare_paths);
}

char **argument_traces(struct argp_state *state, int *count)
{
  struct paths paths = {0};

  for (; state->next < state->argc; state->next++) {
    if (is_directory(state->argv[state->next]))
      add_directory(&paths, state->argv[state->next]);
    else
      paths_add(&paths, state->argv[state->next]);
  }
  for (size_t i = 0; i < paths.count; i++)
    argument_trace(paths.item[i]);
  *count = (int)paths.count;
  return paths.item;
}
