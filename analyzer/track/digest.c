/*
 * Counting what a trace holds.  Decides nothing but what follows from header,
 * damage and counts.  Called by cmd/info.c.
 */
#include "track/digest.h"

#include <stdlib.h>
#include <string.h>

#include "reader/xalloc.h"

static void judge(struct digest *d)
{
  const struct vt_file_header *h = d->header;

  /* The three tell of the same events: none is added to another. */
  d->lost = h->lost;
  if (d->lost < d->chunks_lost)
    d->lost = d->chunks_lost;
  if (d->lost < d->records_lost)
    d->lost = d->records_lost;
  d->end_ns = h->end_ns;
  if (!d->end_ns)
    d->end_ns = h->last_ns > d->seen_ns ? h->last_ns : d->seen_ns;
  d->complete =
      !d->own_malloc.path && !h->stop_reason && !d->damage->cut && !d->damage->bad_chunks && !d->damage->bad_records;
  d->deterministic = !h->nondet_reason;
}

static void take_exec(struct digest *d, const struct event *e)
{
  free(d->exec_path);
  d->exec_path = xstrndup((const char *)e->tail, e->tail_len);
  d->exec_length = strlen(d->exec_path);
}

/* Everything that is not of a block. */
static void take_other(struct digest *d, const struct event *e)
{
  if (e->type == VT_R_EXEC)
    take_exec(d, e);
  if (e->type == VT_R_LOSS)
    *(e->field[0] ? &d->records_lost : &d->chunks_lost) += e->field[1];
  heap_errors_event(d->errors, e);
  marks_event(&d->marks, e);
  caveats_event(&d->caveats, e);
  own_malloc_event(&d->own_malloc, d->header, e);
}

static void digest_begin(struct digest *d, const struct reader *r)
{
  *d = (struct digest){.reader = r, .header = reader_header(r), .damage = reader_damage(r)};
  stack_digest_init(&d->stacks);
  d->errors = heap_errors_new(r);
  d->seen_ns = d->header->start_ns;
}

static void digest_finish(struct digest *d)
{
  for (unsigned i = 0; i < VT_R_LIMIT; i++)
    d->events += d->count[i];
  judge(d);
  stack_digest_finish(&d->stacks);
}

static void digest_release(struct digest *d)
{
  stack_digest_release(&d->stacks);
  marks_release(&d->marks);
  caveats_release(&d->caveats);
  free(d->exec_path);
  d->exec_path = NULL;
  own_malloc_release(&d->own_malloc);
  heap_errors_free(d->errors);
  d->errors = NULL;
}

static void digest_tracker_begin(void *state, const struct reader *r, struct boot_group *group)
{
  (void)group;
  digest_begin(state, r);
}

static void digest_tracker_event(void *state, const struct event *e)
{
  struct digest *d = state;

  d->count[e->type & (VT_R_LIMIT - 1)]++;
  stack_digest_event(&d->stacks, e);
  d->seen_ns = e->time_ns;
  if (e->type != VT_R_ALLOC && e->type != VT_R_FREE)
    take_other(d, e);
}

static const struct event *digest_tracker_run(void *state, struct reader *r, const struct event *e, uint64_t limit_ns,
                                              struct tracker_taken *taken)
{
  struct digest *d = state;
  uint64_t n = taken->count;

  for (; tracker_runs(e, limit_ns, n); n++) {
    d->count[e->type]++;
    stack_digest_event(&d->stacks, e);
    d->seen_ns = e->time_ns;
    e = reader_next(r);
  }
  *taken = (struct tracker_taken){n, d->seen_ns};
  return e;
}

static void digest_tracker_finish(void *state)
{
  digest_finish(state);
}

static void digest_tracker_release(void *state)
{
  digest_release(state);
}

const struct tracker tracker_digest = {
    .name = "digest",
    .size = sizeof(struct digest),
    .classes = UINT64_MAX,
    .begin = digest_tracker_begin,
    .event = digest_tracker_event,
    .run = digest_tracker_run,
    .finish = digest_tracker_finish,
    .release = digest_tracker_release,
};

const char *digest_ended(const struct digest *d)
{
  switch (d->header->ended) {
  case VT_ENDED_EXIT:
    return "exit";
  case VT_ENDED_SIGNAL:
    return "signal";
  case VT_ENDED_EXEC:
    return "exec";
  default:
    return "unknown";
  }
}

const char *digest_stop_words(uint32_t loss)
{
  static const char *const words[VT_LOSS_MAX] = {
      [VT_LOSS_NONE] = "",
      [VT_LOSS_DISK_FULL] = "the disk was full",
      [VT_LOSS_FILE_LIMIT] = "the limit of the file size (ulimit -f) was reached",
      [VT_LOSS_FD] = "the program closed the trace's descriptor and the file could not be opened again",
      [VT_LOSS_MEMORY] = "there was no memory for more of the trace",
      [VT_LOSS_IO] = "the file system failed",
      [VT_LOSS_SIGNAL] = "calls from signal handlers came in the middle of a hook",
      [VT_LOSS_THREADS] = "there were more threads than the trace can number",
      [VT_LOSS_CONFINED] = "the program gave up the system calls that tracing needs (strict seccomp)",
      [VT_LOSS_FILTER] = "a seccomp filter forbids the system calls that tracing needs",
  };

  return loss < VT_LOSS_MAX ? words[loss] : "an unknown reason";
}

const char *digest_untraced_words(uint32_t untraced)
{
  static const char *const words[VT_UNTRACED_MAX] = {
      [VT_UNTRACED_MALLOC] = "what the program allocates with the malloc of ",
      [VT_UNTRACED_FAULTS] = "page faults: ",
  };

  return untraced < VT_UNTRACED_MAX && words[untraced] ? words[untraced] : "";
}

const char *digest_nondet_words(uint32_t nondet)
{
  static const char *const words[VT_NONDET_MAX] = {
      [VT_NONDET_NONE] = "",
      [VT_NONDET_TAKEN] = "an address of the plan was already taken",
      [VT_NONDET_REGION] = "a thread used up its region of addresses",
      [VT_NONDET_THREAD] = "a thread of unknown creator allocated",
      [VT_NONDET_SIGNAL] = "a signal handler allocated in the middle of another allocation",
      [VT_NONDET_LOW] = "the executable itself occupies 0x200000",
      [VT_NONDET_NEXT] = "the program's own allocator was only observed (VMTRACE_HEAP=next)",
      [VT_NONDET_RECYCLED] = "memory that other threads freed or left was used again, so as not to waste it",
      [VT_NONDET_OVER] = "the program mapped, unmapped or protected memory of the heap that was in use",
      [VT_NONDET_PLACED] = "the kernel chose the address of a mapping",
      [VT_NONDET_HINT] = "the program asked for an address of its own, and the next run may have something else there",
      [VT_NONDET_BREAK] = "more than one thread moved the program break",
      [VT_NONDET_SHARED] = "threads took addresses from a range that they share (MAP_32BIT)",
      [VT_NONDET_JOIN] = "which thread was joined first depended on time",
  };

  return nondet < VT_NONDET_MAX ? words[nondet] : "an unknown reason";
}
