/*
 * Figures about the trace itself: how many bytes an event takes, and how fast
 * the analyzer reads them.  Makes one long trace of pair_mixed and reads it with
 * `vmtrace info`.  Called by bench.c.
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

void extras_measure(struct bench *bench)
{
  char ops[32], dir[BENCH_PATH], trace[2 * BENCH_PATH];
  const char *args[] = {"-n", ops, NULL};
  struct extras *extras = &bench->extras;
  double bytes;
  struct run run;

  if (!bench->analyzer_pairs || bench_interrupted() || !bench->config[CONFIG_TRACE].available ||
      !bench->load[LOAD_PAIR].available)
    return;
  if (!bench->quiet)
    fprintf(stderr, "\r%-18s\033[K", "analyzer");
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
  if (!bench->quiet)
    fprintf(stderr, "\r\033[K");
}
