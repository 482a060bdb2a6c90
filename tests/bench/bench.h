/*
 * The bench driver's parts and what they share.  The driver starts workloads
 * under one allocator after the other, interleaved, and reports medians and ratios.
 * It is small and allocates little: a started program inherits the
 * peak RSS of the process that it was forked from.
 */
#ifndef BENCH_BENCH_H
#define BENCH_BENCH_H

#include <jansson.h>
#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define BENCH_REPS_MAX 101
#define BENCH_PATH 1024

/* How a configuration is set up; the order is that of the tables' columns. */
enum config_id {
  CONFIG_GLIBC,
  CONFIG_JEMALLOC, /* the baseline of all ratios */
  CONFIG_MIMALLOC,
  CONFIG_TCMALLOC,
  CONFIG_HEAP,          /* vmtrace, pinned heap alone */
  CONFIG_TRACE,         /* vmtrace, trace without stacks */
  CONFIG_FULL,          /* vmtrace, trace with stacks */
  CONFIG_HEAPTRACK,     /* its library alone */
  CONFIG_HEAPTRACK_RUN, /* as its users start it */
  CONFIG_LTTNG,
  CONFIG_JEPROF,
  CONFIG_GPERF,
  CONFIG_COUNT
};

struct config {
  const char *name;
  const char *meaning;
  bool heavy;               /* runs fewer repetitions: a tracer that costs many times the program's time */
  bool chosen;              /* asked for */
  bool available;           /* found on this machine */
  char preload[BENCH_PATH]; /* the library, "" for none */
  const char *command;      /* starts the program in its way, instead of a preloaded library; NULL: none */
  char version[160];        /* or, when not available, why */
};

enum load_id {
  LOAD_PAIR,
  LOAD_PAIR_2,
  LOAD_PRODUCER,
  LOAD_REALLOC,
  LOAD_LARGE,
  LOAD_PYTHON,
  LOAD_SQLITE,
  LOAD_CC,
  LOAD_REDIS,
  LOAD_STACKS, /* pairs at each depth of load_depth, on one thread and on two */
  LOAD_STACKS_END = LOAD_STACKS + 8,
  LOAD_COUNT = LOAD_STACKS_END
};

#define LOAD_ARGS 8
#define STACK_DEPTHS 4

struct load {
  const char *name;
  const char *meaning;
  const char *unit; /* of its values: ns per operation as it says itself, or ms from outside */
  bool inside;      /* it measures itself and prints the result */
  bool chosen;
  bool available;
  unsigned depth; /* of its stacks, where that is the subject; 0: any */
  bool wraps;     /* it starts what is measured, and preloads it itself */
  bool real;      /* a real program */
  char program[BENCH_PATH];
  const char *arg[LOAD_ARGS];
  char input[BENCH_PATH]; /* its standard input, "" for none */
  char version[160];      /* or, when not available, why */
};

/* One run. */
struct run {
  double value;   /* in the load's unit */
  double cpu_ms;  /* user and system time of the process and its children */
  double rss_kib; /* largest peak RSS among them */
  double faults;  /* page faults that needed no reading */
};

/* All runs of one load under one configuration, in order of repetition; n is 0 when it could not be measured. */
struct cell {
  unsigned n;
  struct run run[BENCH_REPS_MAX];
  char why[160];
};

/* Whether a configuration has something to say about a load: tracers of stacks alone are for the loads of given depth,
 * and allocators alone are for the others. */
bool load_takes(const struct load *load, enum config_id id);

/* What is measured apart from the grid of loads and configurations; 0 or negative: not measured. */
struct extras {
  double bytes_per_event; /* of a trace of LOAD_PAIR */
  double trace_events;    /* in that trace */
  double events_per_cpu_s, events_per_s;
  double packed_bytes_per_event; /* of the traces of the real programs with stacks, after vmtrace pack */
  double heap_events_per_cpu_s;  /* vmtrace heap on a trace of pairs at depth 15 with stacks */
  char why[160];
};

struct bench {
  struct config config[CONFIG_COUNT];
  struct load load[LOAD_COUNT];
  struct cell cell[LOAD_COUNT][CONFIG_COUNT];
  struct extras extras;
  unsigned reps, heavy_reps;
  bool cpu_clock;
  bool quiet;              /* no progress on stderr */
  uint64_t analyzer_pairs; /* operations of the trace that the analyzer reads; 0: not measured */
  const char *json_path;
  char program_dir[BENCH_PATH]; /* where the workload programs are */
  char data_dir[BENCH_PATH];    /* where json_load.py and sqlite_load.sql are */
  char product_dir[BENCH_PATH]; /* where libvmtrace.so and vmtrace are */
  char temp_dir[BENCH_PATH];    /* made by this run and removed at its end */
};

/* bench.c.  The user wants it to end: no further run is started. */
bool bench_interrupted(void);

/* bench_config.c: fills the table, finds what is installed. */
void config_init(struct bench *bench);
/* In a driver that was started under the library of that name: prints where it is and, on a second line, its version.
 */
void config_probe(const char *name);
/* In a driver that was started under jemalloc: prints "yes" when it has its profiler. */
void config_probe_profiler(void);

/* bench_load.c: fills the table, finds programs, writes generated input to temp_dir. */
void load_init(struct bench *bench);

/* What a process to start is made of.  env entries ("NAME=value") replace those of the driver. */
#define PROCESS_ENV 10
struct process {
  const char *argv[LOAD_ARGS + 5];
  const char *env[PROCESS_ENV];
  const char *input; /* path; NULL: /dev/null */
  char *output;      /* first bytes of its standard output, NUL-terminated; may be NULL (then it goes to /dev/null) */
  size_t output_size;
  bool silent; /* standard error goes to /dev/null */
};

struct process_result {
  int status; /* as waitpid gives it */
  double wall_ms, cpu_ms, rss_kib, faults;
};

/* bench_process.c.  Runs it to its end; false when it could not be started.  Its environment has no LD_PRELOAD and none
 * of the variables that steer an allocator or a tracer but those in env. */
bool process_run(const struct process *process, struct process_result *result);
/* The same without measuring: true when it ended with status 0. */
bool process_ok(const struct process *process);
/* Removes a directory and the plain files and directories in it. */
void remove_tree(const char *path);

/* bench_lttng.c: a tracing session around one run.  start: starts the session daemon when none runs, once. */
bool lttng_begin(const struct bench *bench, char *why, size_t why_size);
void lttng_end(const struct bench *bench);
void lttng_shutdown(void);

/* bench_grid.c: all repetitions of all chosen loads and configurations. */
void grid_measure(struct bench *bench);
/* One run of a load under a configuration; extra_args ("-n", "1000") are appended, NULL for none.  keep: the directory
 * that receives the trace is left for the caller to read and remove.  False with the reason in why. */
bool grid_run(const struct bench *bench, const struct load *load, const struct config *config,
              const char *const *extra_args, bool keep, struct run *run, char *why, size_t why_size);
/* Where a run under a tracer leaves its files. */
void grid_trace_dir(const struct bench *bench, char *path, size_t size);

/* bench_extras.c: trace size and analyzer speed. */
void extras_measure(struct bench *bench);

/* bench_stats.c.  NAN where there is nothing to compute from. */
enum figure { FIGURE_VALUE, FIGURE_RSS };
double stats_median(double *values, unsigned n); /* sorts values */
double cell_median(const struct cell *cell, enum figure figure);
/* Median of the ratios of paired repetitions: cell against base. */
double cell_ratio(const struct cell *cell, const struct cell *base, enum figure figure);
/* Over the loads that both have, but for those of given depth; real: over the real programs alone, without redis. */
double config_geomean(const struct bench *bench, enum config_id id, enum config_id base, enum figure figure);
double config_real(const struct bench *bench, enum config_id id, enum config_id base);
/* The largest ratio in time, and whose it is. */
double config_worst(const struct bench *bench, enum config_id id, enum config_id base, enum load_id *load);
/* Throughput of two threads over that of one, on a load whose two-threaded twin comes next. */
double config_scaling(const struct bench *bench, enum config_id id, enum load_id load);
/* The load of stacks of that depth on one thread; the next one is the same on two. */
enum load_id stacks_load(const struct bench *bench, unsigned depth);
/* ns per event that the trace costs on top of the heap, for LOAD_PAIR or LOAD_PAIR_2. */
double trace_cost(const struct bench *bench, enum load_id load);

/* A figure that must not be missed. */
struct bar {
  const char *name; /* stable, for the machine-readable output */
  const char *meaning;
  double value, limit; /* value NAN: not measured */
  bool at_least;       /* else at most */
  const char *unit;
  const char *note; /* may be "" */
};
#define BARS_MAX 20
bool bar_met(const struct bar *bar);
unsigned bars_compute(const struct bench *bench, struct bar bars[BARS_MAX]);

/* bench_machine.c: one line each about where this was measured. */
struct machine {
  char kernel[256], cpu[160], libc[64], temp_fs[32], product[160];
  long cores;
  double memory_gib, load_average;
};
void machine_describe(const struct bench *bench, struct machine *machine);

/* bench_report.c, bench_json.c. */
void report_print(const struct bench *bench, FILE *out);
bool report_write_json(const struct bench *bench, const char *path);

#endif
