/*
 * After a run: which traces it left, and what is in them.  The only place of
 * the analyzer that writes into a trace, and only to say how a killed process
 * ended; packing makes a new file.  Called by cmd/run/run.c.
 */
#include "cmd/run/run_traces.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cmd/command.h"
#include "cmd/pack_trace.h"
#include "query/pictures.h"
#include "query/verdict/page_set.h"
#include "reader/file_place.h"
#include "reader/plain_text.h"
#include "reader/reader.h"
#include "reader/xalloc.h"
#include "report/info_report.h"
#include "report/pages_report.h"
#include "track/foreign_malloc.h"

/* The start of a file's header, if it is a trace of this format. */
static bool read_header(int fd, struct vt_file_header *header)
{
  return pread(fd, header, sizeof *header, 0) == (ssize_t)sizeof *header &&
         !memcmp(header->magic, VT_MAGIC, sizeof header->magic) && header->version == VT_VERSION;
}

static void add_trace(struct run_traces *traces, const char *path, const struct vt_file_header *h,
                      const struct stat *st)
{
  struct run_trace *t;

  traces->items = xgrow(traces->items, traces->count, &traces->room, sizeof *traces->items);
  t = &traces->items[traces->count++];
  *t = (struct run_trace){.path = xstrdup(path), .pid = h->pid, .start_ns = h->start_ns, .st = *st};
  memcpy(t->run_id, h->run_id, sizeof t->run_id);
  memcpy(t->trace_id, h->trace_id, sizeof t->trace_id);
  memcpy(t->parent_id, h->parent_id, sizeof t->parent_id);
}

static void add_file(struct run_traces *traces, const char *dir, const char *name)
{
  struct vt_file_header header;
  struct stat st;
  char path[PATH_MAX];
  int fd;

  if (snprintf(path, sizeof path, "%s/%s", dir, name) >= (int)sizeof path)
    return;
  fd = file_open_at(traces->dir, name, O_RDONLY, &st);
  if (fd < 0)
    return;
  if (read_header(fd, &header))
    add_trace(traces, path, &header, &st);
  close(fd);
}

static bool is_copy(const struct run_trace *t, const struct copy *copies, size_t count)
{
  for (size_t i = 0; i < count; i++) {
    if (copies[i].pid == t->pid)
      return true;
  }
  return false;
}

/* By the parent's random id: a program may have lost the run's with its environment. */
static bool is_child(const struct run_trace *t, const struct run_trace *parent)
{
  static const uint8_t none[sizeof t->parent_id];

  return memcmp(t->parent_id, none, sizeof none) != 0 && !memcmp(t->parent_id, parent->trace_id, sizeof none);
}

static int compare_traces(const void *a, const void *b)
{
  const struct run_trace *x = a, *y = b;

  if (x->start_ns != y->start_ns)
    return x->start_ns < y->start_ns ? -1 : 1;
  return (x->pid > y->pid) - (x->pid < y->pid);
}

/* Keeps the copies' own traces and those of their descendants: others may write into the directory at the same time,
 * and a header can claim any pid.  Parents come before their children, because they started earlier. */
static void keep_family(struct run_traces *traces, const uint8_t run_id[16])
{
  size_t kept = 0;

  qsort(traces->items, traces->count, sizeof *traces->items, compare_traces);
  for (size_t i = 0; i < traces->count; i++) {
    struct run_trace t = traces->items[i];
    bool ours = !memcmp(t.run_id, run_id, sizeof t.run_id);

    for (size_t j = 0; j < kept && !ours; j++)
      ours = is_child(&t, &traces->items[j]);
    if (ours)
      traces->items[kept++] = t;
    else
      free(t.path);
  }
  traces->count = kept;
}

int run_traces_find(struct run_traces *traces, const char *dir, const uint8_t run_id[16])
{
  DIR *d = opendir(dir);
  const struct dirent *entry;

  *traces = (struct run_traces){.dir = -1};
  if (!d) {
    command_error(0, "%s: %s", dir, strerror(errno));
    return -1;
  }
  traces->dir = fcntl(dirfd(d), F_DUPFD_CLOEXEC, 0);
  while ((entry = readdir(d)))
    add_file(traces, dir, entry->d_name);
  closedir(d);
  if (traces->count)
    keep_family(traces, run_id);
  return 0;
}

void run_traces_free(struct run_traces *traces)
{
  for (size_t i = 0; i < traces->count; i++)
    free(traces->items[i].path);
  free(traces->items);
  if (traces->dir >= 0)
    close(traces->dir);
  *traces = (struct run_traces){.dir = -1};
}

/* The end, then how: a reader that looks in between sees a trace that just stops. */
static void write_end(int dir, const struct run_trace *t, const struct copy *copy)
{
  struct vt_file_header header;
  struct stat st;
  int fd = file_open_at(dir, strrchr(t->path, '/') + 1, O_RDWR, &st);
  uint32_t ended = WIFSIGNALED(copy->status) ? VT_ENDED_SIGNAL : VT_ENDED_EXIT;
  int32_t status = WIFSIGNALED(copy->status) ? WTERMSIG(copy->status) : WEXITSTATUS(copy->status);

  if (fd < 0)
    return;
  if (st.st_dev == t->st.st_dev && st.st_ino == t->st.st_ino && read_header(fd, &header) && header.pid == copy->pid &&
      header.ended == VT_ENDED_UNKNOWN &&
      pwrite(fd, &copy->end_ns, sizeof copy->end_ns, offsetof(struct vt_file_header, end_ns)) > 0 &&
      pwrite(fd, &status, sizeof status, offsetof(struct vt_file_header, end_status)) > 0 &&
      pwrite(fd, &ended, sizeof ended, offsetof(struct vt_file_header, ended)) < 0)
    command_error(0, "%s: how the program ended could not be noted: %s", t->path, strerror(errno));
  close(fd);
}

void run_traces_complete(const struct run_traces *traces, const struct copy *copies, size_t count)
{
  for (size_t c = 0; c < count; c++) {
    const struct run_trace *last = NULL;

    /* After exec, the last image with that pid is the one that ended. */
    for (size_t i = 0; i < traces->count; i++) {
      if (traces->items[i].pid == copies[c].pid)
        last = &traces->items[i];
    }
    if (last && copies[c].ended)
      write_end(traces->dir, last, &copies[c]);
  }
}

void run_traces_pack(const struct run_traces *traces)
{
  struct pack_wish wish = {.level = PACK_LEVEL, .quietly = true};
  struct pack_outcome outcome;

  for (size_t i = 0; i < traces->count; i++) {
    wish.only = &traces->items[i].st;
    pack_trace(traces->items[i].path, &wish, &outcome);
  }
}

static const struct run_trace *successor_of(const struct run_traces *traces, const struct run_trace *t)
{
  for (size_t i = 0; i < traces->count; i++) {
    const struct run_trace *next = &traces->items[i];

    if (next->pid == t->pid && next != t && !memcmp(next->parent_id, t->trace_id, sizeof t->trace_id))
      return next;
  }
  return NULL;
}

/* Without a trace: static, privileged, or started without the library in its environment. */
static void put_successor(const struct run_traces *traces, const struct run_trace *t, const char *exec_path)
{
  const struct run_trace *next = successor_of(traces, t);

  fputs("became ", stderr);
  if (*exec_path)
    plain_put(stderr, exec_path, strlen(exec_path));
  else
    fputs("another program", stderr);
  if (!next) {
    fputs(", which could not be traced (is it static or privileged, or LD_PRELOAD not passed on?)", stderr);
    return;
  }
  fputs(", traced in ", stderr);
  plain_put(stderr, next->path, strlen(next->path));
}

static void put_end(const struct vt_file_header *h)
{
  switch (h->ended) {
  case VT_ENDED_EXIT:
    fprintf(stderr, "exit %d", h->end_status);
    break;
  case VT_ENDED_SIGNAL:
    fprintf(stderr, "killed by signal %d (%s)", h->end_status, strsignal(h->end_status));
    break;
  default:
    fprintf(stderr, "still running, or killed");
    break;
  }
}

static int put_trace(const struct run_traces *traces, const struct run_trace *t)
{
  char exec_path[PATH_MAX] = "";
  struct reader *reader = reader_open(t->path, READER_ALL);
  const struct vt_file_header *h;
  const struct event *e;
  struct own_malloc own = {0};
  uint64_t allocations = 0, frees = 0, others = 0;

  if (!reader)
    return -1;
  while ((e = reader_next(reader))) {
    if (e->type == VT_R_ALLOC || e->type == VT_R_REALLOC)
      allocations++;
    else if (e->type == VT_R_FREE)
      frees++;
    else if (e->type == VT_R_UNTRACED)
      own_malloc_event(&own, reader_header(reader), e);
    else
      others += reader_is_program(e);
    if (e->type == VT_R_EXEC)
      snprintf(exec_path, sizeof exec_path, "%.*s", (int)e->tail_len, (const char *)e->tail);
  }
  h = reader_header(reader);
  fputs("  ", stderr);
  plain_puts(stderr, t->path);
  fprintf(stderr, ": process %d, allocations %" PRIu64 ", frees %" PRIu64 ", other events %" PRIu64 ", threads %u, ",
          t->pid, allocations, frees, others, reader_threads(reader));
  if (h->ended == VT_ENDED_EXEC)
    put_successor(traces, t, exec_path);
  else
    put_end(h);
  if (h->lost)
    fprintf(stderr, "; %" PRIu64 " events lost", h->lost);
  if (h->stop_reason)
    fprintf(stderr, "; tracing stopped early");
  fprintf(stderr, "\n");
  if (own.path)
    command_error(0, "the program calls the malloc of %s: what that serves is not in the trace (%s)", own.path,
                  own_malloc_advice(&own));
  own_malloc_release(&own);
  reader_close(reader);
  return 0;
}

/* What the copies themselves have in common; their children are for `vmtrace pages`. */
static int put_pages(const struct run_traces *traces, const struct copy *copies, size_t count)
{
  char **paths = xcalloc(traces->count + 1, sizeof(char *));
  struct picture **pictures;
  struct page_set *set;
  size_t chosen = 0, n, failed;
  int result = -1;

  for (size_t i = 0; i < traces->count; i++) {
    if (is_copy(&traces->items[i], copies, count))
      paths[chosen++] = traces->items[i].path;
  }
  pictures = pictures_load(paths, chosen, &n, &failed);
  free(paths);
  if (!pictures)
    return -1;
  set = page_set_new(pictures, n);
  if (set)
    result = pages_text_short(stderr, set);
  page_set_free(set);
  return result;
}

int run_traces_report(const struct run_traces *traces, const struct copy *copies, size_t count)
{
  int result = 0;

  if (!traces->count) {
    fprintf(stderr, "vmtrace: no trace was written\n");
    return -1;
  }
  fprintf(stderr, "vmtrace: %zu %s\n", traces->count, traces->count == 1 ? "trace" : "traces");
  for (size_t i = 0; i < traces->count; i++)
    result |= put_trace(traces, &traces->items[i]);
  if (count > 1)
    result |= put_pages(traces, copies, count);
  return result;
}
