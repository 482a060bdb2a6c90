/*
 * The life of a trace: start, stop, end, fork, and the facts in the header.
 * Called by entry/ and the sampler's sink.  What goes into the streams is
 * written by trace_record.c and writer.c, the file is trace_output.c's.
 */
#include "trace/trace.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#include "base/log.h"
#include "base/own.h"
#include "base/sys.h"
#include "trace/stage.h"
#include "trace/trace_clock.h"
#include "trace/trace_header.h"
#include "trace/trace_output.h"
#include "trace/trace_state.h"

#define FIRST_STAGES 16384u /* bytes set aside along with the header: stages of the first thread and the sampler */

#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23 /* Linux 5.14 */
#endif

static struct trace_state no_state;
struct trace_state *trace_state = &no_state;

/* What a child of fork must know of its parent: not wiped. */
static uint8_t own_id[16], parent_id[16];
static bool is_forked; /* this image began as a copy of its parent's memory */
static uint32_t (*surprise_fork)(uint32_t stack);

static const struct {
  int error;
  enum vt_loss loss;
  const char *text;
} reasons[] = {
    {ENOSPC, VT_LOSS_DISK_FULL, "no space left on the device"},
    {EDQUOT, VT_LOSS_DISK_FULL, "disk quota exceeded"},
    {EFBIG, VT_LOSS_FILE_LIMIT, "file size limit (ulimit -f) reached"},
    {EBADF, VT_LOSS_FD, "the program closed its descriptor, and it cannot be opened again"},
    {ENOMEM, VT_LOSS_MEMORY, "no memory"},
    {EMFILE, VT_LOSS_FD, "too many open files (ulimit -n)"},
    {ENFILE, VT_LOSS_FD, "too many open files in the system"},
    {EINVAL, VT_LOSS_FD, "too few file descriptors (ulimit -n)"},
    {EACCES, VT_LOSS_IO, "permission denied"},
    {EPERM, VT_LOSS_IO, "operation not permitted"},
    {EROFS, VT_LOSS_IO, "read-only file system"},
    {ENOENT, VT_LOSS_IO, "no such directory"},
    {ENOTDIR, VT_LOSS_IO, "no such directory"},
    {ENAMETOOLONG, VT_LOSS_IO, "name too long"},
    {EEXIST, VT_LOSS_IO, "too many files of that name"},
    {EIO, VT_LOSS_IO, "input/output error"},
    {ENODEV, VT_LOSS_IO, "a trace is a regular file, and this is something else"},
    {SYS_EFILTER, VT_LOSS_FILTER, "a seccomp filter forbids it"},
};

/* Filters refuse by any error, most by one of these; which calls one from before the start refuses is not known. */
static bool may_be_by_filter(int error)
{
  return (error == -EPERM || error == -EACCES || error == -ENOSYS) && sys_filtered();
}

static enum vt_loss reason_of(int error, const char **text)
{
  if (may_be_by_filter(error))
    error = -SYS_EFILTER;
  for (unsigned i = 0; i < sizeof reasons / sizeof *reasons; i++)
    if (reasons[i].error == -error) {
      *text = reasons[i].text;
      return reasons[i].loss;
    }
  *text = "the file system refused";
  return VT_LOSS_IO;
}

/* ---- start ---- */

/* What children find wiped.  Before Linux 4.14 they do not: then fork is noticed by its hooks alone. */
static bool state_make(void)
{
  struct trace_state *state = trace_state;

  if (state == &no_state) {
    state = own_map(sizeof *state);
    if (!state)
      return false;
    state->wiped = sys_madvise(state, stage_blocks(sizeof *state), MADV_WIPEONFORK) == 0;
    trace_state = state;
  }
  return true;
}

/* The header's memory, and that of the first stages behind it: one call of each kind for all three.  Without shared
 * mappings the header is a copy, as all stages will be. */
static struct vt_file_header *header_map(const struct output_use *use)
{
  struct vt_file_header *header = own_map_file(VT_HEADER_SIZE + FIRST_STAGES, use->fd, 0);

  trace_state->shared = header != NULL;
  if (!header) {
    log_info("%s: no shared mappings on this file system: the trace is written at every sample and at the end",
             output_path());
    return own_map(VT_HEADER_SIZE);
  }
  /* Stages whose pages cannot be had now are mapped again when they are needed, and that says so. */
  if (sys_madvise(header, VT_HEADER_SIZE + FIRST_STAGES, MADV_POPULATE_WRITE) != -EFAULT)
    trace_state->stages = (uint8_t *)header + VT_HEADER_SIZE;
  if (trace_state->wiped)
    sys_madvise(header, VT_HEADER_SIZE + FIRST_STAGES, MADV_DONTFORK);
  return header;
}

static int header_make(const struct trace_config *config)
{
  uint64_t reserved = VT_HEADER_SIZE + FIRST_STAGES;
  struct vt_file_header *header = NULL;
  struct output_use use;
  int64_t offset = output_claim(VT_HEADER_SIZE);
  int error = offset < 0 ? (int)offset : output_begin(&use, false);

  if (error)
    return error;
  error = output_reserve(&use, 0, reserved);
  if (!error) {
    header = header_map(&use);
    error = header ? 0 : -ENOMEM;
  }
  output_end(&use);
  if (error)
    return error;
  sys_random(own_id, sizeof own_id);
  header_fill(header, config, own_id, parent_id, trace_state->pid);
  header->origin = is_forked ? VT_ORIGIN_FORK : VT_ORIGIN_IMAGE;
  header->claimed = reserved;
  trace_state->reserved = reserved;
  __atomic_store_n(&trace_state->header, header, __ATOMIC_RELEASE);
  return 0;
}

/* Without shared mappings: header and stages to their places in the output.  Called from any descriptor table. */
static void sync_copies(void)
{
  struct vt_file_header *header = trace_state->header;
  struct output_use use;

  if (trace_state->shared || output_begin(&use, true) != 0)
    return;
  if (output_reserve(&use, 0, VT_HEADER_SIZE) == 0)
    output_write(&use, header, sizeof *header, NULL, 0, 0);
  output_end(&use);
  writer_sync_all();
}

bool trace_start(const struct trace_config *config)
{
  const char *text;
  int pid = sys_getpid();
  int error = state_make() ? output_create(config->path_template, pid) : -ENOMEM;

  if (!error) {
    trace_state->pid = pid;
    trace_state->shift = config->addr_shift;
    trace_state->ticks = config->sample_ms > 0;
    trace_state->every_time = config->flags & VT_F_EVERY_TIME;
    error = header_make(config);
    if (error)
      output_discard();
  }
  if (error) {
    /* Children and what is exec'ed name the nearest ancestor that has a trace. */
    memcpy(own_id, parent_id, sizeof own_id);
    reason_of(error, &text);
    if (pid > 0)
      log_warn("no trace of process %d: %s: %s", pid, output_path(), text);
    else
      log_warn("no trace of a child: %s", text);
    return false;
  }
  sync_copies();
  return true;
}

bool trace_active(void)
{
  return trace_state->header && !__atomic_load_n(&trace_state->stopped, __ATOMIC_RELAXED);
}

const char *trace_path(void)
{
  return output_path();
}

const uint8_t *trace_id(void)
{
  return own_id;
}

void trace_set_parent(const uint8_t id[16])
{
  memcpy(parent_id, id, sizeof parent_id);
}

/* ---- while it runs ---- */

void trace_grown(uint64_t size)
{
  struct vt_file_header *header = trace_state->header;
  uint64_t claimed = __atomic_load_n(&header->claimed, __ATOMIC_RELAXED);

  while (claimed < size &&
         !__atomic_compare_exchange_n(&header->claimed, &claimed, size, true, __ATOMIC_RELAXED, __ATOMIC_RELAXED))
    ;
}

static void stop(enum vt_loss reason, const char *text)
{
  struct vt_file_header *header = trace_state->header;
  uint32_t none = VT_LOSS_NONE;

  if (!header ||
      !__atomic_compare_exchange_n(&trace_state->stopped, &none, reason, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED))
    return;
  __atomic_store_n(&header->stop_ns, trace_now(), __ATOMIC_RELAXED);
  __atomic_store_n(&header->stop_reason, (uint32_t)reason, __ATOMIC_RELAXED);
  log_warn("tracing of process %d stops, the program goes on: %s: %s", trace_state->pid, output_path(), text);
}

void trace_stop(int error)
{
  const char *text;
  enum vt_loss reason = reason_of(error, &text);

  stop(reason, text);
}

void trace_stop_confined(void)
{
  stop(VT_LOSS_CONFINED, "strict seccomp leaves it no system calls for that");
}

void trace_note_nondet(enum vt_nondet reason)
{
  struct vt_file_header *header = trace_state->header;
  uint32_t none = VT_NONDET_NONE;

  if (!header || !__atomic_compare_exchange_n(&header->nondet_reason, &none, (uint32_t)reason, false, __ATOMIC_RELAXED,
                                              __ATOMIC_RELAXED))
    return;
  __atomic_store_n(&header->nondet_ns, trace_now(), __ATOMIC_RELAXED);
}

void trace_note_lost(uint64_t events)
{
  if (trace_state->header)
    __atomic_fetch_add(&trace_state->header->lost, events, __ATOMIC_RELAXED);
}

void trace_note_alive(uint64_t now_ns)
{
  if (!trace_state->header)
    return;
  __atomic_store_n(&trace_state->header->last_ns, trace_time(now_ns), __ATOMIC_RELAXED);
  writer_report_all();
  sync_copies();
}

void trace_note_mark(void)
{
  uint64_t mask = sys_block_signals(); /* as in set_end */

  if (trace_state->header)
    __atomic_fetch_add(&trace_state->header->marks, 1, __ATOMIC_RELAXED);
  sys_restore_signals(mask);
}

/* ---- the end ---- */

static void set_end(enum vt_ended how, int status, uint64_t when)
{
  struct vt_file_header *header = trace_state->header;
  uint64_t mask;

  if (!header)
    return;
  mask = sys_block_signals(); /* the header is not there in a child that a handler might fork and return in */
  writer_report_all();
  __atomic_store_n(&header->end_status, status, __ATOMIC_RELAXED);
  __atomic_store_n(&header->end_ns, when, __ATOMIC_RELAXED);
  __atomic_store_n(&header->ended, (uint32_t)how, __ATOMIC_RELAXED);
  sync_copies();
  sys_restore_signals(mask);
}

void trace_end(enum vt_ended how, int status)
{
  set_end(how, status, trace_now());
}

void trace_end_undo(void)
{
  set_end(VT_ENDED_UNKNOWN, 0, 0);
}

/* ---- the descriptor ---- */

bool trace_owns_fd(int fd)
{
  return trace_state->header && fd >= 0 && fd == output_number() && output_is(fd);
}

int trace_fd(void)
{
  return trace_state->header ? output_number() : -1;
}

void trace_move_fd(void)
{
  if (trace_state->header)
    output_move();
}

/* ---- fork ---- */

void trace_distrust_table(void)
{
  output_distrust();
}

void trace_leave(struct trace_left *left, struct trace_writer *w)
{
  left->writer = w == &trace_none ? NULL : w;
  if (left->writer)
    left->copy = *w;
  left->header = trace_state->header;
}

/* Private memory in place of what was not inherited. */
static void map_nothing(void *p, size_t size)
{
  sys_mmap(p, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
}

static void make_good(const struct trace_left *left)
{
  uint64_t start = (uintptr_t)left->header, chunk = (uintptr_t)left->copy.chunk;

  if (left->header)
    map_nothing(left->header, VT_HEADER_SIZE + FIRST_STAGES);
  if (left->writer && chunk && chunk - start >= VT_HEADER_SIZE + FIRST_STAGES)
    map_nothing(left->copy.chunk, left->copy.chunk_size);
  writer_abandon(left->writer, &left->copy);
  trace_state->surprised = 1; /* it is known */
}

void trace_renew(const struct trace_left *left)
{
  struct trace_state *state = trace_state;
  bool told = state->wiped; /* in a child: that the page is wiped, and it is not (qemu's madvise says yes to all) */

  is_forked = true;
  if (state == &no_state)
    return;
  /* Marks that other threads of the parent were setting. */
  __atomic_fetch_and(&trace_tick, ~(TRACE_TICK - 1), __ATOMIC_RELAXED);
  if (left)
    writer_keep_all();
  /* Where the kernel did not wipe and unmap, it is done by hand. */
  writer_forget_all(!told);
  own_unmap(state->header, VT_HEADER_SIZE + (state->shared ? FIRST_STAGES : 0));
  memset(state, 0, sizeof *state);
  state->wiped = !told && sys_madvise(state, stage_blocks(sizeof *state), MADV_WIPEONFORK) == 0;
  if (left)
    make_good(left);
  output_forget();
  memcpy(parent_id, own_id, sizeof parent_id);
}

void trace_set_surprise_fork(uint32_t (*fn)(uint32_t stack))
{
  surprise_fork = fn;
}

struct trace_writer *trace_surprise(uint32_t *stack)
{
  uint32_t told = 0;

  if (trace_state->header || !surprise_fork ||
      !__atomic_compare_exchange_n(&trace_state->surprised, &told, 1, false, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED))
    return NULL;
  *stack = surprise_fork(*stack);
  return trace_state->latest;
}
