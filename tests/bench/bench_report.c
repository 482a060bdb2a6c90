/*
 * The report in text: what was compared, the tables of medians and of ratios to
 * the baseline, and each bar with its figure.  Called by bench.c.
 */
#include <math.h>
#include <string.h>

#include "bench.h"

static bool load_measured(const struct bench *bench, unsigned load)
{
  for (unsigned i = 0; i < CONFIG_COUNT; i++)
    if (bench->cell[load][i].n)
      return true;
  return false;
}

static bool config_measured(const struct bench *bench, unsigned config)
{
  for (unsigned i = 0; i < LOAD_COUNT; i++)
    if (bench->cell[i][config].n)
      return true;
  return false;
}

static void print_machine(const struct bench *bench, FILE *out)
{
  struct machine machine;

  machine_describe(bench, &machine);
  fprintf(out, "Machine: %s, %ld cores, %.1f GiB, %s, %s; load average %.2f; traces on %s\n", machine.cpu,
          machine.cores, machine.memory_gib, machine.kernel, machine.libc, machine.load_average, machine.temp_fs);
  fprintf(out, "Product: %s\n", machine.product);
  fprintf(out, "%u repetitions (%u for the slow tracers), interleaved; medians; %s\n\n", bench->reps,
          bench->heavy_reps < bench->reps ? bench->heavy_reps : bench->reps,
          bench->cpu_clock ? "CPU time" : "elapsed time");
}

static void print_compared(const struct bench *bench, FILE *out)
{
  fprintf(out, "Compared:\n");
  for (unsigned i = 0; i < CONFIG_COUNT; i++) {
    const struct config *config = &bench->config[i];

    if (config->chosen)
      fprintf(out, "  %-18s %s%s; %s\n", config->name, config->available ? "" : "SKIPPED: ", config->version,
              config->meaning);
  }
  fprintf(out, "Workloads:\n");
  for (unsigned i = 0; i < LOAD_COUNT; i++) {
    const struct load *load = &bench->load[i];

    if (load->chosen)
      fprintf(out, "  %-18s %s%s%s%s\n", load->name, load->available ? "" : "SKIPPED: ", load->meaning,
              load->version[0] ? "; " : "", load->version);
  }
}

static void print_head(const struct bench *bench, FILE *out, const char *title)
{
  fprintf(out, "\n%s\n  %-26s", title, "");
  for (unsigned i = 0; i < CONFIG_COUNT; i++)
    if (config_measured(bench, i))
      fprintf(out, " %10s", bench->config[i].name);
  fprintf(out, "\n");
}

static void print_number(FILE *out, double value, bool ratio)
{
  if (isnan(value))
    fprintf(out, " %10s", "-");
  else
    fprintf(out, ratio || value < 10 ? " %10.2f" : value < 1000 ? " %10.1f" : " %10.0f", value);
}

static void print_medians(const struct bench *bench, FILE *out, enum figure figure)
{
  print_head(bench, out, figure == FIGURE_RSS ? "Peak RSS, MiB" : "Time");
  for (unsigned load = 0; load < LOAD_COUNT; load++) {
    if (!load_measured(bench, load))
      continue;
    fprintf(out, "  %-18s %-7s", bench->load[load].name, figure == FIGURE_RSS ? "MiB" : bench->load[load].unit);
    for (unsigned i = 0; i < CONFIG_COUNT; i++)
      if (config_measured(bench, i))
        print_number(out, cell_median(&bench->cell[load][i], figure) / (figure == FIGURE_RSS ? 1024 : 1), false);
    fprintf(out, "\n");
  }
}

static void print_ratios(const struct bench *bench, FILE *out, enum figure figure)
{
  if (!config_measured(bench, CONFIG_JEMALLOC))
    return;
  print_head(bench, out,
             figure == FIGURE_RSS ? "Peak RSS as a multiple of jemalloc's" : "Time as a multiple of jemalloc's");
  for (unsigned load = 0; load < LOAD_COUNT; load++) {
    if (!load_measured(bench, load))
      continue;
    fprintf(out, "  %-26s", bench->load[load].name);
    for (unsigned i = 0; i < CONFIG_COUNT; i++)
      if (config_measured(bench, i))
        print_number(out, cell_ratio(&bench->cell[load][i], &bench->cell[load][CONFIG_JEMALLOC], figure), true);
    fprintf(out, "\n");
  }
  fprintf(out, "  %-26s", "geometric mean");
  for (unsigned i = 0; i < CONFIG_COUNT; i++)
    if (config_measured(bench, i))
      print_number(out, config_geomean(bench, (enum config_id)i, CONFIG_JEMALLOC, figure), true);
  fprintf(out, "\n");
}

static void print_scaling(const struct bench *bench, FILE *out)
{
  const enum load_id loads[] = {LOAD_PAIR, stacks_load(bench, 15)};
  bool any = false;

  for (unsigned l = 0; l < sizeof loads / sizeof *loads; l++) {
    enum load_id load = loads[l];

    if (!load_measured(bench, load) || !load_measured(bench, load + 1))
      continue;
    if (!any)
      print_head(bench, out, "Throughput of two threads as a multiple of one");
    any = true;
    fprintf(out, "  %-26s", bench->load[load].name);
    for (unsigned i = 0; i < CONFIG_COUNT; i++)
      if (config_measured(bench, i))
        print_number(out, config_scaling(bench, (enum config_id)i, load), true);
    fprintf(out, "\n");
  }
}

static void print_failures(const struct bench *bench, FILE *out)
{
  for (unsigned load = 0; load < LOAD_COUNT; load++)
    for (unsigned i = 0; i < CONFIG_COUNT; i++)
      if (bench->cell[load][i].why[0])
        fprintf(out, "NOT MEASURED: %s under %s: %s\n", bench->load[load].name, bench->config[i].name,
                bench->cell[load][i].why);
  if (bench->extras.why[0])
    fprintf(out, "NOT MEASURED: trace size and analyzer: %s\n", bench->extras.why);
}

static void print_bars(const struct bench *bench, FILE *out)
{
  struct bar bars[BARS_MAX];
  unsigned n = bars_compute(bench, bars);

  fprintf(out, "\nBars\n");
  for (unsigned i = 0; i < n; i++) {
    const struct bar *bar = &bars[i];

    fprintf(out, "  %-56s ", bar->meaning);
    if (isnan(bar->value))
      fprintf(out, "   bar %s %g %s: not measured\n", bar->at_least ? "at least" : "at most", bar->limit, bar->unit);
    else
      fprintf(out, "%8.2f %s   bar %s %g: %s%s%s%s\n", bar->value, bar->unit, bar->at_least ? "at least" : "at most",
              bar->limit, bar_met(bar) ? "met" : "missed", bar->note[0] ? " (" : "", bar->note,
              bar->note[0] ? ")" : "");
  }
}

void report_print(const struct bench *bench, FILE *out)
{
  print_machine(bench, out);
  print_compared(bench, out);
  print_medians(bench, out, FIGURE_VALUE);
  print_ratios(bench, out, FIGURE_VALUE);
  print_medians(bench, out, FIGURE_RSS);
  print_ratios(bench, out, FIGURE_RSS);
  print_scaling(bench, out);
  if (bench->extras.trace_events > 0)
    fprintf(out,
            "\nTrace of pair_mixed: %.1f M events, %.2f bytes per event; vmtrace info reads %.1f M events per "
            "second of CPU time, %.1f M per second\n",
            bench->extras.trace_events / 1e6, bench->extras.bytes_per_event, bench->extras.events_per_cpu_s / 1e6,
            bench->extras.events_per_s / 1e6);
  print_bars(bench, out);
  print_failures(bench, out);
}
