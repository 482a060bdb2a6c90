/*
 * Medians, paired ratios, geometric means, and the bars that the product is
 * held to.  Only arithmetic.  Called by bench_report.c and bench_json.c.
 */
#include <math.h>
#include <stdlib.h>

#include "bench.h"

static int compare_doubles(const void *a, const void *b)
{
  double x = *(const double *)a, y = *(const double *)b;

  return (x > y) - (x < y);
}

double stats_median(double *values, unsigned n)
{
  if (!n)
    return NAN;
  qsort(values, n, sizeof *values, compare_doubles);
  return n % 2 ? values[n / 2] : (values[n / 2 - 1] + values[n / 2]) / 2;
}

static double run_figure(const struct run *run, enum figure figure)
{
  return figure == FIGURE_RSS ? run->rss_kib : run->value;
}

double cell_median(const struct cell *cell, enum figure figure)
{
  double values[BENCH_REPS_MAX];

  for (unsigned i = 0; i < cell->n; i++)
    values[i] = run_figure(&cell->run[i], figure);
  return stats_median(values, cell->n);
}

double cell_ratio(const struct cell *cell, const struct cell *base, enum figure figure)
{
  unsigned n = cell->n < base->n ? cell->n : base->n;
  double values[BENCH_REPS_MAX];

  for (unsigned i = 0; i < n; i++)
    values[i] = run_figure(&cell->run[i], figure) / run_figure(&base->run[i], figure);
  return stats_median(values, n);
}

static double geomean(const struct bench *bench, enum config_id id, enum config_id base, enum figure figure, bool real)
{
  double sum = 0;
  unsigned n = 0;

  for (unsigned load = 0; load < LOAD_STACKS; load++) {
    double ratio = cell_ratio(&bench->cell[load][id], &bench->cell[load][base], figure);

    if (!isnan(ratio) && load != LOAD_REDIS && (!real || bench->load[load].real)) {
      sum += log(ratio);
      n++;
    }
  }
  return n ? exp(sum / n) : NAN;
}

double config_geomean(const struct bench *bench, enum config_id id, enum config_id base, enum figure figure)
{
  return geomean(bench, id, base, figure, false);
}

double config_real(const struct bench *bench, enum config_id id, enum config_id base)
{
  return geomean(bench, id, base, FIGURE_VALUE, true);
}

enum load_id stacks_load(const struct bench *bench, unsigned depth)
{
  unsigned load = LOAD_STACKS;

  while (load + 2 < LOAD_STACKS_END && bench->load[load].depth != depth)
    load += 2;
  return (enum load_id)load;
}

double config_worst(const struct bench *bench, enum config_id id, enum config_id base, enum load_id *load)
{
  double worst = NAN;

  for (unsigned i = 0; i < LOAD_REDIS; i++) {
    double ratio = cell_ratio(&bench->cell[i][id], &bench->cell[i][base], FIGURE_VALUE);

    if (!isnan(ratio) && !(ratio <= worst)) {
      worst = ratio;
      *load = (enum load_id)i;
    }
  }
  return worst;
}

double config_scaling(const struct bench *bench, enum config_id id, enum load_id load)
{
  return 2 * cell_ratio(&bench->cell[load][id], &bench->cell[load + 1][id], FIGURE_VALUE);
}

double trace_cost(const struct bench *bench, enum load_id load)
{
  const struct cell *heap = &bench->cell[load][CONFIG_HEAP], *trace = &bench->cell[load][CONFIG_TRACE];
  unsigned n = heap->n < trace->n ? heap->n : trace->n;
  double values[BENCH_REPS_MAX];

  /* An operation of these loads is two events. */
  for (unsigned i = 0; i < n; i++)
    values[i] = (trace->run[i].value - heap->run[i].value) / 2;
  return stats_median(values, n);
}

bool bar_met(const struct bar *bar)
{
  return bar->at_least ? bar->value >= bar->limit : bar->value <= bar->limit;
}

static double measured(double value)
{
  return value > 0 ? value : NAN;
}

unsigned bars_compute(const struct bench *bench, struct bar bars[BARS_MAX])
{
  enum load_id worst = LOAD_PAIR;
  enum load_id stacks = stacks_load(bench, 15);
  const struct cell *deep = bench->cell[stacks], *deep2 = bench->cell[stacks + 1];
  const struct cell *redis = bench->cell[LOAD_REDIS];
  double worst_ratio = config_worst(bench, CONFIG_HEAP, CONFIG_JEMALLOC, &worst);
  const struct bar list[] = {
      {"heap_time", "pinned heap against jemalloc, time, geometric mean",
       config_geomean(bench, CONFIG_HEAP, CONFIG_JEMALLOC, FIGURE_VALUE), 1.0, false, "x", ""},
      {"heap_time_worst", "the same, slowest program", worst_ratio, 1.15, false, "x", bench->load[worst].name},
      {"heap_rss", "pinned heap against jemalloc, peak RSS, geometric mean",
       config_geomean(bench, CONFIG_HEAP, CONFIG_JEMALLOC, FIGURE_RSS), 1.1, false, "x", ""},
      {"trace_cost", "trace without stacks, above the heap alone", trace_cost(bench, LOAD_PAIR), 18, false, "ns/event",
       "pair_mixed"},
      {"trace_cost_2", "the same on two threads", trace_cost(bench, LOAD_PAIR_2), 18, false, "ns/event",
       "pair_mixed_2"},
      {"heap_scaling", "two threads over one, pinned heap", config_scaling(bench, CONFIG_HEAP, LOAD_PAIR), 1.9, true,
       "x", ""},
      {"trace_scaling", "two threads over one, with trace", config_scaling(bench, CONFIG_TRACE, LOAD_PAIR), 1.9, true,
       "x", ""},
      {"trace_size", "trace file", measured(bench->extras.bytes_per_event), 6, false, "bytes/event", "pair_mixed"},
      {"analyzer", "vmtrace info on one core", measured(bench->extras.events_per_cpu_s) / 1e6, 30, true, "M events/s",
       "pair_mixed"},
      {"stacks_pair", "pair with stacks, depth 15", cell_median(&deep[CONFIG_FULL], FIGURE_VALUE), 60, false, "ns",
       "VMTRACE_STACK=64"},
      {"stacks_heaptrack", "the same against heaptrack",
       cell_ratio(&deep[CONFIG_FULL], &deep[CONFIG_HEAPTRACK_RUN], FIGURE_VALUE), 0.1, false, "x",
       "as its users start it"},
      {"stacks_heaptrack_2", "two threads with stacks against heaptrack",
       cell_ratio(&deep2[CONFIG_FULL], &deep2[CONFIG_HEAPTRACK_RUN], FIGURE_VALUE), 0.1, false, "x",
       "as its users start it"},
      {"stacks_heaptrack_library", "pair with stacks against heaptrack's library alone",
       cell_ratio(&deep[CONFIG_FULL], &deep[CONFIG_HEAPTRACK], FIGURE_VALUE), 0.1, false, "x", "no interpreter"},
      {"stacks_scaling", "the same, two threads over one", config_scaling(bench, CONFIG_FULL, stacks), 1.9, true, "x",
       ""},
      {"real_time", "real programs with stacks against jemalloc, time",
       config_real(bench, CONFIG_FULL, CONFIG_JEMALLOC), 1.5, false, "x", "python_json, sqlite_memory, cc1"},
      {"redis", "redis SET throughput with stacks against jemalloc",
       cell_ratio(&redis[CONFIG_JEMALLOC], &redis[CONFIG_FULL], FIGURE_VALUE), 0.85, true, "x", ""},
      {"packed_size", "packed trace with stacks", measured(bench->extras.packed_bytes_per_event), 1.5, false,
       "bytes/event", "real programs"},
      {"analyzer_heap", "vmtrace heap on one core, stacks and symbols",
       measured(bench->extras.heap_events_per_cpu_s) / 1e6, 20, true, "M events/s", "stacks_15"},
  };
  unsigned n = sizeof list / sizeof *list;

  _Static_assert(sizeof list / sizeof *list <= BARS_MAX, "all bars fit");
  for (unsigned i = 0; i < n; i++)
    bars[i] = list[i];
  return n;
}
