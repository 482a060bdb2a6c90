/*
 * Opens a trace, says clearly what is wrong with a file that is none, and
 * finds its chunks.  Does not decode records; never maps the file, because a
 * file that shrinks under a mapping is a SIGBUS.  Called by reader.c.
 */
#include "reader/trace_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "reader/complain.h"
#include "reader/file_place.h"
#include "reader/unpack.h"
#include "reader/xalloc.h"

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "the format's structures are read as they lie in the file");

size_t trace_file_read(const struct trace_file *file, void *buf, size_t size, uint64_t offset)
{
  size_t done = 0;

  while (done < size && offset + done < file->size) {
    ssize_t n = pread(file->fd, (char *)buf + done, size - done, (off_t)(offset + done));

    if (n < 0 && errno == EINTR)
      continue;
    if (n <= 0)
      break;
    done += (size_t)n;
  }
  return done;
}

static bool all_zero(const void *p, size_t n)
{
  const unsigned char *bytes = p;

  return n == 0 || (bytes[0] == 0 && memcmp(bytes, bytes + 1, n - 1) == 0);
}

/* The header's numbers that decoding relies on. */
static bool header_holds(const struct vt_file_header *h)
{
  return h->header_size >= VT_HEADER_SIZE && h->header_size <= VT_CHUNK_MAX && h->header_size % VT_CHUNK_ALIGN == 0 &&
         h->addr_shift <= 12 && h->page_size >= 4096 && h->page_size <= (1u << 30) &&
         (h->page_size & (h->page_size - 1)) == 0;
}

static void header_terminate(struct vt_file_header *h)
{
  h->host[sizeof h->host - 1] = '\0';
  h->exe[sizeof h->exe - 1] = '\0';
  h->cwd[sizeof h->cwd - 1] = '\0';
  if (h->cmdline_len > sizeof h->cmdline)
    h->cmdline_len = sizeof h->cmdline;
  h->cmdline[sizeof h->cmdline - 1] = '\0';
}

/* The library creates the file, sets space aside, and writes the header's magic number last. */
static void complain_early(const struct trace_file *file, const char *what)
{
  complain("%s: the process ended before it began to trace: %s", file->path, what);
}

static int header_read(struct trace_file *file)
{
  struct vt_file_header *h = &file->header;
  size_t got = trace_file_read(file, h, sizeof *h, 0);

  if (got == sizeof *h && all_zero(h->magic, sizeof h->magic)) {
    complain_early(file, "its header was never written");
    return -1;
  }
  if (got < sizeof h->magic || memcmp(h->magic, VT_MAGIC, sizeof h->magic) != 0) {
    complain("%s: not a vmtrace trace: name a file that libvmtrace.so wrote (by default vmtrace.PID.vmt)", file->path);
    return -1;
  }
  if (got < sizeof *h) {
    complain("%s: cut within its header (%zu of %zu bytes): nothing of this trace can be read; copy it again",
             file->path, got, sizeof *h);
    return -1;
  }
  if (h->version > VT_VERSION) {
    complain("%s: written in version %u of the format, this program reads versions up to %u: use a newer vmtrace",
             file->path, h->version, VT_VERSION);
    return -1;
  }
  if (h->version == 1) {
    complain("%s: written in version 1 of the format, before the first release; this program reads version %u: record "
             "it again, "
             "or read it with the vmtrace that wrote it",
             file->path, VT_VERSION);
    return -1;
  }
  if (h->version == 0 || !header_holds(h)) {
    complain("%s: its header is damaged: nothing of this trace can be read; copy it again", file->path);
    return -1;
  }
  if (h->flags & VT_F_PACKED && !unpack_operations()) {
    complain("%s: packed, and this program cannot unpack traces", file->path);
    return -1;
  }
  header_terminate(h);
  if (file->size < h->claimed || file->size < h->header_size)
    file->damage.cut = true;
  return 0;
}

bool trace_file_chunk(const struct trace_file *file, uint64_t offset, struct vt_chunk_header *h)
{
  return trace_file_read(file, h, sizeof *h, offset) == sizeof *h && h->magic == VT_CHUNK_MAGIC &&
         h->check == vt_chunk_check(h) && h->size >= VT_CHUNK_ALIGN && h->size <= VT_CHUNK_MAX &&
         h->size % VT_CHUNK_ALIGN == 0 && h->raw_size <= VT_CHUNK_MAX && h->packed <= h->size - sizeof *h;
}

void damage_at(struct reader_damage *damage, uint64_t offset)
{
  if (!damage->first_offset)
    damage->first_offset = offset;
}

/* The next place after a header of zeros where a chunk may start: holes of the file are jumped over. */
static uint64_t after_zeros(const struct trace_file *file, uint64_t offset)
{
  uint64_t next = offset + VT_CHUNK_ALIGN;
  off_t data = lseek(file->fd, (off_t)next, SEEK_DATA);

  if (data < 0)
    return errno == ENXIO ? file->size : next;
  data -= data % VT_CHUNK_ALIGN;
  return (uint64_t)data > next ? (uint64_t)data : next;
}

static void index_add(struct trace_file *file, size_t *room, const struct chunk_place *place)
{
  file->chunks = xgrow(file->chunks, file->chunk_count, room, sizeof *file->chunks);
  file->chunks[file->chunk_count++] = *place;
}

/*
 * A header of which some bytes are wrong: told from the stale data that gaps
 * may hold.  One that is whole but for a magic number of 0 is a stage that was being begun or cleared when the process
 * was killed: nothing, as a chunk that is not there; if it was the only one of its number, that is missed below.
 */
static bool damaged_header(const struct vt_chunk_header *h)
{
  struct vt_chunk_header mended = *h;

  mended.magic = VT_CHUNK_MAGIC;
  return h->magic == VT_CHUNK_MAGIC || (h->magic && h->check == vt_chunk_check(&mended));
}

/* The chunk that runs past the end of the file counts if it is no copy of another one. */
static void index_cut(struct trace_file *file)
{
  file->damage.bad_chunks++;
  file->damage.cut = true;
  damage_at(&file->damage, file->size);
}

/* Whether the header at offset could be read at all: bytes that the disk does not give are not zeros. */
static bool readable(const struct trace_file *file, uint64_t offset)
{
  uint64_t left = file->size - offset;
  struct vt_chunk_header h;
  size_t n = left < sizeof h ? (size_t)left : sizeof h;

  return trace_file_read(file, &h, n, offset) == n;
}

/*
 * One pass over the chunk headers.  What is no header is a gap, zeros or
 * stale data (the program was killed between claiming space and using it); the search goes on at
 * the next place where a chunk may start.
 */
static void index_chunks(struct trace_file *file)
{
  size_t room = 0;
  uint64_t offset = file->header.header_size;

  while (offset < file->size) {
    struct vt_chunk_header h = {0};

    if (trace_file_chunk(file, offset, &h)) {
      uint64_t left = file->size - offset;
      struct chunk_place place = {
          .offset = offset, .thread = h.thread, .number = h.number, .size = h.size, .start_ns = h.start_ns};

      if (left < h.size) {
        place.size = (uint32_t)left;
        file->short_chunk = offset;
      }
      index_add(file, &room, &place);
      offset += h.size;
    } else if (!readable(file, offset)) {
      file->damage.bad_chunks++;
      damage_at(&file->damage, offset);
      offset += VT_CHUNK_ALIGN;
    } else if (all_zero(&h, sizeof h)) {
      offset = after_zeros(file, offset);
    } else {
      if (damaged_header(&h)) {
        file->damage.bad_chunks++;
        damage_at(&file->damage, offset);
      }
      offset += VT_CHUNK_ALIGN;
    }
  }
}

static int place_compare(const void *a, const void *b)
{
  const struct chunk_place *x = a, *y = b;

  if (x->thread != y->thread)
    return x->thread < y->thread ? -1 : 1;
  if (x->number != y->number)
    return x->number < y->number ? -1 : 1;
  return (x->offset > y->offset) - (x->offset < y->offset);
}

/*
 * Sorts by stream and number.  Of two chunks with one number the first in the
 * file is the whole one (format.h).  A missing number is damage: its header was unreadable (and
 * perhaps counted), or all of it reads as zeros.
 */
static void index_sort(struct trace_file *file)
{
  size_t kept = 0;
  uint64_t missing = 0;

  qsort(file->chunks, file->chunk_count, sizeof *file->chunks, place_compare);
  for (size_t i = 0; i < file->chunk_count; i++) {
    const struct chunk_place *c = &file->chunks[i], *before = kept ? &file->chunks[kept - 1] : NULL;
    bool first = !before || before->thread != c->thread;

    if (!first && before->number == c->number)
      continue;
    if (c->number != (first ? 0 : before->number + 1)) {
      missing++;
      damage_at(&file->damage, c->offset);
    }
    if (file->short_chunk && c->offset == file->short_chunk)
      index_cut(file);
    file->chunks[kept++] = *c;
  }
  file->chunk_count = kept;
  if (file->damage.bad_chunks < missing)
    file->damage.bad_chunks = missing;
}

static int use_size(struct trace_file *file, const struct stat *st)
{
  if (st->st_size == 0) {
    complain_early(file, "the file is empty");
    return -1;
  }
  file->size = (uint64_t)st->st_size;
  return 0;
}

static int open_regular(struct trace_file *file)
{
  struct stat st;

  file->fd = file_open_path(file->path, &st);
  if (file->fd == -EINVAL) {
    complain("%s: not a regular file: name a trace, a file that ends in .vmt, or a directory of them", file->path);
    return -1;
  }
  if (file->fd < 0) {
    complain("%s: cannot be opened: %s%s", file->path, strerror(-file->fd),
             file->fd == -ENOENT ? " (the library writes vmtrace.PID.vmt unless VMTRACE_OUT says otherwise)" : "");
    return -1;
  }
  return use_size(file, &st);
}

static int trace_file_index(struct trace_file *file)
{
  if (header_read(file) < 0) {
    trace_file_close(file);
    return -1;
  }
  index_chunks(file);
  if (file->chunk_count)
    index_sort(file);
  return 0;
}

int trace_file_open(struct trace_file *file, const char *path)
{
  *file = (struct trace_file){.fd = -1, .path = xstrdup(path)};
  if (open_regular(file) < 0) {
    trace_file_close(file);
    return -1;
  }
  return trace_file_index(file);
}

int trace_file_use(struct trace_file *file, const char *path, int fd)
{
  struct stat st;

  *file = (struct trace_file){.fd = fcntl(fd, F_DUPFD_CLOEXEC, 0), .path = xstrdup(path)};
  if (file->fd < 0 || fstat(file->fd, &st) < 0) {
    complain("%s: cannot be read: %s", path, strerror(errno));
    trace_file_close(file);
    return -1;
  }
  if (use_size(file, &st) < 0) {
    trace_file_close(file);
    return -1;
  }
  return trace_file_index(file);
}

void trace_file_close(struct trace_file *file)
{
  if (file->fd >= 0)
    close(file->fd);
  free(file->chunks);
  free(file->path);
  *file = (struct trace_file){.fd = -1};
}
