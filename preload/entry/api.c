/*
 * The functions of include/vmtrace/vmtrace.h.  Called by the program.
 */
#include <errno.h>

#include "base/peek.h"
#include "entry/hook.h"
#include "entry/process.h"
#include "trace/samples.h"

/* The header declares them weak for the program's sake. */
EXPORT void vmtrace_mark(const char *name);
EXPORT void vmtrace_snapshot(const char *name);
EXPORT int vmtrace_active(void);

#define SNAPSHOT_NS (UINT64_C(1000) * 1000000)

static void mark(const char *name)
{
  ssize_t length = peek_string_length(name, VT_TAIL_MAX);

  if (length < 0)
    return;
  trace_note_mark();
  event_record(VT_R_MARK, 0, NULL, name, (size_t)length);
}

/* Nobody waits for the sample: it comes as soon as the bound on the sampler's cost lets it. */
void vmtrace_mark(const char *name)
{
  int error = errno;

  hook_thread();
  if (name && process_is_traced()) {
    mark(name);
    samples_poke(VT_SAMPLE_TICK);
  }
  errno = error;
}

/* The mark comes last: at that moment the sample is complete. */
void vmtrace_snapshot(const char *name)
{
  int error = errno;

  hook_thread();
  if (process_is_traced()) {
    /* The child of a raw fork has none of what its parent's sampler keeps: it is noticed here first. */
    if (!process_is_borrowed())
      samples_take(VT_SAMPLE_MARK, SNAPSHOT_NS);
    if (name)
      mark(name);
  }
  errno = error;
}

int vmtrace_active(void)
{
  hook_thread();
  return process_is_traced();
}
