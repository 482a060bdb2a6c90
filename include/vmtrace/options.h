/*
 * The environment variables, once: the library's parser, `vmtrace run`'s
 * options and the manual page are made from this table.
 *
 * X(ID, "VARIABLE", "option", "default", "values", "meaning")
 */
#ifndef VMTRACE_OPTIONS_H
#define VMTRACE_OPTIONS_H

#define VT_OPTIONS(X)                                                                                                  \
  X(OUT, "VMTRACE_OUT", "out", "vmtrace.%p.vmt", "a path, a directory or off",                                         \
    "trace path: %p pid, %e executable, %h host, %% percent; a directory = vmtrace.%p.vmt in it; off = no trace, the " \
    "pinned heap alone; an existing file is never overwritten: a number is put before .vmt")                           \
  X(HEAP, "VMTRACE_HEAP", "heap", "pin", "pin or next",                                                                \
    "pin = every allocation at a reproducible address; next = the program's own allocator, only observed")             \
  X(STACK, "VMTRACE_STACK", "stack", "64", "a number from 0 to 1024", "frames kept per call stack; 0 = none")          \
  X(UNWIND, "VMTRACE_UNWIND", "unwind", "cached", "cached, plain or compare",                                          \
    "how stacks are walked: cached = by what earlier walks found out; plain = by libunwind every time; compare = "     \
    "both, "                                                                                                           \
    "every difference is reported")                                                                                    \
  X(SAMPLE_MS, "VMTRACE_SAMPLE_MS", "sample-ms", "100", "a number from 0 to 3600000",                                  \
    "period of frame samples in milliseconds; 0 = at fork and exit only")                                              \
  X(FAULTS, "VMTRACE_FAULTS", "faults", "off", "on or off", "exact page-fault records (privileged)")                   \
  X(WATCH, "VMTRACE_WATCH", "watch", "", "ADDR:TYPE[,ADDR:TYPE...], TYPE one of int, uint, long, ulong, double, ptr",  \
    "values recorded whenever they changed")                                                                           \
  X(ON_ERROR, "VMTRACE_ON_ERROR", "on-error", "abort", "abort or continue",                                            \
    "what follows the report of a double free or another misuse of the heap; continue = the call is ignored")          \
  X(LOG, "VMTRACE_LOG", "log", "warn", "error, warn, info or debug", "how much the library says on stderr")

enum vt_option {
#define X(id, variable, option, value, values, meaning) VT_OPT_##id,
  VT_OPTIONS(X)
#undef X
      VT_OPT_COUNT
};

#endif
