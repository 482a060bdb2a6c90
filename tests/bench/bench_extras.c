/*
 * Figures about the trace itself: how many bytes an event takes as written and
 * packed, and how fast the analyzer reads them.  Makes one long trace of pair_mixed for
 * `vmtrace info`, one of stacks_15 for `vmtrace heap`, and packs those of the real programs.  Called by bench.c.
 */
#include <dirent.h>
#include <string.h>
#include <sys/stat.h>

#include "bench.h"

/* The largest *.vmt of a directory (the workload is one process, one file). */
static bool find_trace(const char *dir, char *path, size_t size, double *bytes)
{
  DIR *d = opendir(dir);
  struct dirent *entry;

  *bytes = 0;
  while (d && (entry = readdir(d))) {
    char candidate[2 * BENCH_PATH];
    struct stat st;

    snprintf(candidate, sizeof candidate, "%s/%s", dir, entry->d_name);
    if (!stat(candidate, &st) && S_ISREG(st.st_mode) && (double)st.st_size > *bytes) {
      *bytes = (double)st.st_size;
      snprintf(path, size, "%s", candidate);
    }
  }
  if (d)
    closedir(d);
  return *bytes > 0;
}

/* Sum of the counts in "events". */
static double count_events(const char *output)
{
  json_t *root = json_loads(output, 0, NULL), *value;
  json_t *info = json_is_array(root) ? json_array_get(root, 0) : root;
  double sum = 0;
  const char *key;

  json_object_foreach(json_object_get(info, "events"), key, value)
    sum += json_number_value(value);
  json_decref(root);
  return sum;
}

static bool run_info(const struct bench *bench, const char *trace, double *events, struct process_result *result)
{
  static char output[1 << 16];
  char program[BENCH_PATH + 16];
  struct process process = {
      .argv = {program, "info", "--format=json", trace}, .output = output, .output_size = sizeof output};

  snprintf(program, sizeof program, "%s/vmtrace", bench->product_dir);
  if (!process_run(&process, result) || result->status)
    return false;
  *events = count_events(output);
  return *events > 0;
}

/* The faster of two runs: the first one may have to fetch pages that were written out meanwhile. */
static void measure_analyzer(struct bench *bench, const char *trace, double bytes)
{
  struct extras *extras = &bench->extras;
  struct process_result result;

  for (unsigned i = 0; i < 2; i++) {
    if (!run_info(bench, trace, &extras->trace_events, &result)) {
      snprintf(extras->why, sizeof extras->why, "vmtrace info could not read the trace");
      return;
    }
    if (extras->trace_events / result.cpu_ms * 1e3 > extras->events_per_cpu_s) {
      extras->events_per_cpu_s = extras->trace_events / result.cpu_ms * 1e3;
      extras->events_per_s = extras->trace_events / result.wall_ms * 1e3;
    }
  }
  extras->bytes_per_event = bytes / extras->trace_events;
}

/* Runs `vmtrace COMMAND TRACE`. */
static bool run_command(const struct bench *bench, const char *command, const char *trace,
                        struct process_result *result)
{
  char program[BENCH_PATH + 16], output[64];
  struct process process = {.argv = {program, command, trace}, .output = output, .output_size = sizeof output};

  snprintf(program, sizeof program, "%s/vmtrace", bench->product_dir);
  return process_run(&process, result) && !result->status;
}

/* Bytes and events of one real program's trace with stacks, packed. */
static bool pack_load(struct bench *bench, enum load_id id, double *bytes, double *events)
{
  struct extras *extras = &bench->extras;
  char dir[BENCH_PATH], trace[2 * BENCH_PATH];
  struct process_result result;
  struct run run;
  bool ok;

  grid_trace_dir(bench, dir, sizeof dir);
  if (!grid_run(bench, &bench->load[id], &bench->config[CONFIG_FULL], NULL, true, &run, extras->why,
                sizeof extras->why))
    return false;
  ok = find_trace(dir, trace, sizeof trace, bytes) && run_info(bench, trace, events, &result) &&
       run_command(bench, "pack", trace, &result) && find_trace(dir, trace, sizeof trace, bytes);
  if (!ok)
    snprintf(extras->why, sizeof extras->why, "the trace of %s could not be packed", bench->load[id].name);
  remove_tree(dir);
  return ok;
}

/* Of those real programs that are here. */
static void measure_packed(struct bench *bench)
{
  double bytes = 0, events = 0;

  for (unsigned id = 0; id < LOAD_STACKS; id++) {
    double more_bytes, more_events;

    if (!bench->load[id].real || !bench->load[id].available || !bench->load[id].chosen || bench_interrupted())
      continue;
    if (!pack_load(bench, (enum load_id)id, &more_bytes, &more_events))
      return;
    bytes += more_bytes;
    events += more_events;
  }
  if (events > 0)
    bench->extras.packed_bytes_per_event = bytes / events;
}

/* vmtrace heap, over a trace with a stack at every allocation. */
static void measure_heap(struct bench *bench)
{
  struct extras *extras = &bench->extras;
  char ops[32], dir[BENCH_PATH], trace[2 * BENCH_PATH];
  const char *args[] = {"-n", ops, NULL};
  struct process_result result;
  double bytes, events;
  struct run run;

  snprintf(ops, sizeof ops, "%llu", (unsigned long long)bench->analyzer_pairs / 2);
  grid_trace_dir(bench, dir, sizeof dir);
  if (!grid_run(bench, &bench->load[stacks_load(bench, 15)], &bench->config[CONFIG_FULL], args, true, &run, extras->why,
                sizeof extras->why))
    return;
  if (find_trace(dir, trace, sizeof trace, &bytes) && run_info(bench, trace, &events, &result) &&
      run_command(bench, "heap", trace, &result))
    extras->heap_events_per_cpu_s = events / result.cpu_ms * 1e3;
  else
    snprintf(extras->why, sizeof extras->why, "vmtrace heap could not read the trace of stacks_15");
  remove_tree(dir);
}

static void measure_info(struct bench *bench)
{
  char ops[32], dir[BENCH_PATH], trace[2 * BENCH_PATH];
  const char *args[] = {"-n", ops, NULL};
  struct extras *extras = &bench->extras;
  double bytes;
  struct run run;

  snprintf(ops, sizeof ops, "%llu", (unsigned long long)bench->analyzer_pairs);
  grid_trace_dir(bench, dir, sizeof dir);
  if (!grid_run(bench, &bench->load[LOAD_PAIR], &bench->config[CONFIG_TRACE], args, true, &run, extras->why,
                sizeof extras->why))
    return;
  if (find_trace(dir, trace, sizeof trace, &bytes))
    measure_analyzer(bench, trace, bytes);
  else
    snprintf(extras->why, sizeof extras->why, "no trace was written");
  remove_tree(dir);
}

void extras_measure(struct bench *bench)
{
  if (!bench->analyzer_pairs || bench_interrupted() || !bench->config[CONFIG_TRACE].available ||
      !bench->load[LOAD_PAIR].available)
    return;
  if (!bench->quiet)
    fprintf(stderr, "\r%-18s\033[K", "analyzer");
  measure_info(bench);
  if (!bench_interrupted())
    measure_heap(bench);
  measure_packed(bench);
  if (!bench->quiet)
    fprintf(stderr, "\r\033[K");
}
