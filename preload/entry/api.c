/*
 * The functions of include/vmtrace/vmtrace.h.  Called by the program.
 */
#include <errno.h>
#include <string.h>

#include "entry/hook.h"
#include "entry/process.h"
#include "trace/samples.h"

/* The header declares them weak for the program's sake. */
EXPORT void vmtrace_mark(const char *name);
EXPORT void vmtrace_snapshot(void);

#define SNAPSHOT_NS (UINT64_C(1000) * 1000000)

void vmtrace_mark(const char *name)
{
  hook_thread();
  if (process_is_traced())
    event_record(VT_R_MARK, 0, NULL, name, strnlen(name, VT_TAIL_MAX));
}

void vmtrace_snapshot(void)
{
  int error = errno;

  hook_thread();
  if (process_is_traced())
    samples_take(VT_SAMPLE_MARK, SNAPSHOT_NS);
  errno = error;
}
