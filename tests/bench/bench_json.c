/*
 * The report for programs: everything that was measured, run by run, with the
 * computed figures beside it.  Keys are stable: more may be added, none
 * renamed.  Called by bench.c.
 */
#include <math.h>
#include <string.h>

#include "bench.h"

static json_t *number(double value)
{
  return isnan(value) || isinf(value) ? json_null() : json_real(value);
}

static json_t *machine_json(const struct bench *bench)
{
  struct machine machine;

  machine_describe(bench, &machine);
  return json_pack("{s:s, s:s, s:s, s:I, s:f, s:f, s:s, s:s}", "cpu", machine.cpu, "kernel", machine.kernel, "libc",
                   machine.libc, "cores", (json_int_t)machine.cores, "memory_gib", machine.memory_gib, "load_average",
                   machine.load_average, "trace_fs", machine.temp_fs, "product", machine.product);
}

static json_t *configs_json(const struct bench *bench)
{
  json_t *list = json_array();

  for (unsigned i = 0; i < CONFIG_COUNT; i++) {
    const struct config *config = &bench->config[i];
    enum config_id id = (enum config_id)i;

    if (config->chosen)
      json_array_append_new(list,
                            json_pack("{s:s, s:s, s:s, s:b, s:o, s:o, s:o}", "name", config->name, "meaning",
                                      config->meaning, "version", config->version, "available", config->available,
                                      "time_geomean", number(config_geomean(bench, id, CONFIG_JEMALLOC, FIGURE_VALUE)),
                                      "rss_geomean", number(config_geomean(bench, id, CONFIG_JEMALLOC, FIGURE_RSS)),
                                      "two_threads", number(config_scaling(bench, id, LOAD_PAIR))));
  }
  return list;
}

static json_t *runs_json(const struct cell *cell)
{
  json_t *list = json_array();

  for (unsigned i = 0; i < cell->n; i++)
    json_array_append_new(list,
                          json_pack("{s:f, s:f, s:f, s:f}", "value", cell->run[i].value, "cpu_ms", cell->run[i].cpu_ms,
                                    "rss_kib", cell->run[i].rss_kib, "faults", cell->run[i].faults));
  return list;
}

static json_t *results_json(const struct bench *bench)
{
  json_t *list = json_array();

  for (unsigned l = 0; l < LOAD_COUNT; l++)
    for (unsigned c = 0; c < CONFIG_COUNT; c++) {
      const struct cell *cell = &bench->cell[l][c], *base = &bench->cell[l][CONFIG_JEMALLOC];

      if (cell->n || cell->why[0])
        json_array_append_new(
            list, json_pack("{s:s, s:s, s:s, s:o, s:o, s:o, s:o, s:o, s:s}", "workload", bench->load[l].name, "config",
                            bench->config[c].name, "unit", bench->load[l].unit, "value",
                            number(cell_median(cell, FIGURE_VALUE)), "rss_kib", number(cell_median(cell, FIGURE_RSS)),
                            "time_ratio", number(cell_ratio(cell, base, FIGURE_VALUE)), "rss_ratio",
                            number(cell_ratio(cell, base, FIGURE_RSS)), "runs", runs_json(cell), "error", cell->why));
    }
  return list;
}

static json_t *bars_json(const struct bench *bench)
{
  json_t *list = json_array();
  struct bar bars[BARS_MAX];
  unsigned n = bars_compute(bench, bars);

  for (unsigned i = 0; i < n; i++)
    json_array_append_new(list, json_pack("{s:s, s:s, s:o, s:f, s:s, s:s, s:o}", "name", bars[i].name, "meaning",
                                          bars[i].meaning, "value", number(bars[i].value), "limit", bars[i].limit,
                                          "sense", bars[i].at_least ? "at least" : "at most", "unit", bars[i].unit,
                                          "met", isnan(bars[i].value) ? json_null() : json_boolean(bar_met(&bars[i]))));
  return list;
}

bool report_write_json(const struct bench *bench, const char *path)
{
  const struct extras *extras = &bench->extras;
  json_t *trace =
      json_pack("{s:f, s:f, s:f, s:f, s:f, s:f, s:s}", "events", extras->trace_events, "bytes_per_event",
                extras->bytes_per_event, "analyzer_events_per_cpu_s", extras->events_per_cpu_s, "analyzer_events_per_s",
                extras->events_per_s, "packed_bytes_per_event", extras->packed_bytes_per_event, "heap_events_per_cpu_s",
                extras->heap_events_per_cpu_s, "error", extras->why);
  json_t *root = json_pack("{s:o, s:i, s:i, s:s, s:o, s:o, s:o, s:o}", "machine", machine_json(bench), "repetitions",
                           (int)bench->reps, "slow_tracer_repetitions", (int)bench->heavy_reps, "clock",
                           bench->cpu_clock ? "cpu" : "elapsed", "configs", configs_json(bench), "results",
                           results_json(bench), "trace", trace, "bars", bars_json(bench));
  int failed =
      strcmp(path, "-") ? json_dump_file(root, path, JSON_INDENT(1)) : json_dumpf(root, stdout, JSON_INDENT(1));

  json_decref(root);
  return !failed;
}
