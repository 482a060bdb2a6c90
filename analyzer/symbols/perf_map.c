/*
 * Maps of JIT compilers.  See perf_map.h.  Called by symbols/modules.c.
 */
#include "symbols/perf_map.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "reader/complain.h"
#include "reader/xalloc.h"
#include "symbols/address_map.h"
#include "symbols/regular_file.h"

#define SIZE_MOST (64u << 20) /* what lies behind is not read */
/* The map may be made a moment before the trace: clocks of files are as coarse as a tick. */
#define CLOCK_SLACK_NS UINT64_C(100000000)

struct perf_map {
  char *text;              /* the file; each name is ended by NUL */
  struct address_map code; /* value: where the name begins in text */
};

static bool is_trusted(const char *path, const struct stat *st, uid_t user, uint64_t since_real_ns)
{
  uint64_t changed = (uint64_t)st->st_mtim.tv_sec * UINT64_C(1000000000) + (uint64_t)st->st_mtim.tv_nsec;

  if (st->st_uid != user && st->st_uid != geteuid()) {
    complain("%s: not used: it belongs to neither the process's user nor to you", path);
    return false;
  }
  if (changed + CLOCK_SLACK_NS < since_real_ns) {
    complain("%s: not used: it is older than the process", path);
    return false;
  }
  return true;
}

/* A line is "START SIZE NAME", numbers in hexadecimal digits, with or without "0x". */
static void add_line(struct perf_map *m, char *line, uint64_t number)
{
  char *end;
  uint64_t start = strtoull(line, &end, 16), size;

  if (end == line || *end != ' ')
    return;
  line = end + 1;
  size = strtoull(line, &end, 16);
  if (end == line || *end != ' ' || !end[1] || start + size < start)
    return;
  address_map_add(&m->code, (struct address_range){start, start + size, (uint64_t)(end + 1 - m->text), number});
}

static void parse_map(struct perf_map *m, size_t size)
{
  uint64_t number = 0;

  m->text[size] = '\0';
  for (char *line = m->text, *end; line < m->text + size; line = end + 1) {
    end = memchr(line, '\n', (size_t)(m->text + size - line));
    /* The last line may be in the middle of being written. */
    if (!end)
      break;
    *end = '\0';
    add_line(m, line, number++);
  }
  address_map_finish(&m->code, ADDRESS_LATEST);
}

static struct perf_map *read_map(int fd, size_t size)
{
  struct perf_map *m = xcalloc(1, sizeof *m);
  size_t got = 0;
  ssize_t n = 0;

  m->text = xmalloc(size + 1);
  while (got < size && (n = pread(fd, m->text + got, size - got, (off_t)got)) > 0)
    got += (size_t)n;
  parse_map(m, got);
  return m;
}

struct perf_map *perf_map_open(int pid, uid_t user, uint64_t since_real_ns)
{
  struct perf_map *m = NULL;
  char path[64];
  struct stat st;
  int fd;

  snprintf(path, sizeof path, "/tmp/perf-%d.map", pid);
  fd = regular_file_open(path, &st);
  if (fd < 0) {
    if (errno == EINVAL)
      complain("%s: not used: it is not a regular file", path);
    return NULL;
  }
  if (is_trusted(path, &st, user, since_real_ns)) {
    if (st.st_size > SIZE_MOST)
      complain("%s: longer than %u MiB: what follows is not read", path, SIZE_MOST >> 20);
    m = read_map(fd, st.st_size > SIZE_MOST ? SIZE_MOST : (size_t)st.st_size);
  }
  close(fd);
  return m;
}

void perf_map_close(struct perf_map *m)
{
  if (!m)
    return;
  address_map_release(&m->code);
  free(m->text);
  free(m);
}

const char *perf_map_find(const struct perf_map *m, uint64_t addr)
{
  const struct address_range *r = address_map_find(&m->code, addr);

  return r ? m->text + r->value : NULL;
}
