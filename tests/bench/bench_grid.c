/*
 * The measurements themselves: every chosen load under every chosen
 * configuration, interleaved (A B C A B C ...), each repetition starting with
 * another one, so that slow changes of the machine's speed hit all alike.
 * Called by bench.c and bench_extras.c.
 */
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "bench.h"

void grid_trace_dir(const struct bench *bench, char *path, size_t size)
{
  snprintf(path, size, "%.900s/trace", bench->temp_dir);
}

/* Text of the environment of one run; process.env points into it. */
struct env_text {
  char preload[BENCH_PATH + 16];
  char output[BENCH_PATH + 64];
};

static void set_env(const struct bench *bench, const struct load *load, const struct config *config,
                    struct process *process, struct env_text *text)
{
  enum config_id id = (enum config_id)(config - bench->config);
  char dir[BENCH_PATH];
  unsigned n = 0;

  grid_trace_dir(bench, dir, sizeof dir);
  process->env[n++] = "LC_ALL=C";
  process->env[n++] = "PYTHONMALLOC=malloc";
  process->env[n++] = "PYTHONHASHSEED=0";
  if (config->preload[0]) {
    snprintf(text->preload, sizeof text->preload, "%s=%s", load->wraps ? "WORK_PRELOAD" : "LD_PRELOAD",
             config->preload);
    process->env[n++] = text->preload;
  }
  text->output[0] = 0;
  if (id == CONFIG_HEAP) {
    snprintf(text->output, sizeof text->output, "VMTRACE_OUT=off");
  } else if (id == CONFIG_TRACE) {
    snprintf(text->output, sizeof text->output, "VMTRACE_OUT=%s/%%p.vmt", dir);
    process->env[n++] = "VMTRACE_STACK=0";
  } else if (id == CONFIG_FULL) {
    snprintf(text->output, sizeof text->output, "VMTRACE_OUT=%s/%%p.vmt", dir);
    process->env[n++] = load->depth > 64 ? "VMTRACE_STACK=128" : "VMTRACE_STACK=64";
  } else if (id == CONFIG_JEPROF) {
    snprintf(text->output, sizeof text->output, "MALLOC_CONF=prof:true,prof_active:true,lg_prof_sample:0");
  } else if (id == CONFIG_GPERF) {
    snprintf(text->output, sizeof text->output, "HEAPPROFILE=%s/gperf", dir);
  } else if (id == CONFIG_HEAPTRACK) {
    snprintf(text->output, sizeof text->output, "DUMP_HEAPTRACK_OUTPUT=%s/heaptrack.raw", dir);
  } else if (id == CONFIG_HEAPTRACK_RUN) {
    snprintf(text->output, sizeof text->output, "%s/heaptrack", dir);
    return;
  }
  if (text->output[0])
    process->env[n++] = text->output;
}

/* After set_env: a command that starts the program writes to text->output. */
static void set_argv(const struct bench *bench, const struct load *load, const struct config *config,
                     const char *const *extra_args, const struct env_text *text, struct process *process)
{
  unsigned n = 0;

  if (config->command) {
    process->argv[n++] = config->command;
    process->argv[n++] = "-o";
    process->argv[n++] = text->output;
  }
  process->argv[n++] = load->program;
  for (unsigned i = 0; i < LOAD_ARGS && load->arg[i]; i++)
    process->argv[n++] = load->arg[i];
  if (bench->cpu_clock && load->inside)
    process->argv[n++] = "-c";
  for (unsigned i = 0; extra_args && extra_args[i] && n < LOAD_ARGS + 1; i++)
    process->argv[n++] = extra_args[i];
}

static bool judge(const struct bench *bench, const struct load *load, const struct process_result *result,
                  const char *output, struct run *run, char *why, size_t why_size)
{
  const char *result_line;

  if (WIFSIGNALED(result->status)) {
    snprintf(why, why_size, "%s", strsignal(WTERMSIG(result->status)));
    return false;
  }
  if (WEXITSTATUS(result->status)) {
    snprintf(why, why_size, "ended with status %d", WEXITSTATUS(result->status));
    return false;
  }
  run->cpu_ms = result->cpu_ms;
  run->rss_kib = result->rss_kib;
  run->faults = result->faults;
  run->value = bench->cpu_clock ? result->cpu_ms : result->wall_ms;
  result_line = strstr(output, "ns_per_op ");
  if (load->inside && (!result_line || sscanf(result_line, "ns_per_op %lf", &run->value) != 1)) {
    snprintf(why, why_size, "printed no result");
    return false;
  }
  return true;
}

bool grid_run(const struct bench *bench, const struct load *load, const struct config *config,
              const char *const *extra_args, bool keep, struct run *run, char *why, size_t why_size)
{
  char dir[BENCH_PATH], output[4096] = "";
  struct env_text text;
  struct process process = {.input = load->input[0] ? load->input : NULL,
                            .output = output,
                            .output_size = sizeof output,
                            .silent = config == &bench->config[CONFIG_GPERF]};
  struct process_result result;
  bool lttng = config == &bench->config[CONFIG_LTTNG], ok;

  grid_trace_dir(bench, dir, sizeof dir);
  mkdir(dir, 0700);
  set_env(bench, load, config, &process, &text);
  set_argv(bench, load, config, extra_args, &text, &process);
  if (lttng && !lttng_begin(bench, why, why_size))
    return false;
  ok = process_run(&process, &result);
  if (lttng)
    lttng_end(bench);
  if (!ok)
    snprintf(why, why_size, "could not be started");
  else
    ok = judge(bench, load, &result, output, run, why, why_size);
  if (!keep)
    remove_tree(dir);
  return ok;
}

static void measure_cell(struct bench *bench, unsigned load, unsigned config)
{
  struct cell *cell = &bench->cell[load][config];

  if (cell->why[0] || cell->n >= BENCH_REPS_MAX || bench_interrupted())
    return;
  if (!bench->quiet)
    fprintf(stderr, "\r%-18s %-10s\033[K", bench->load[load].name, bench->config[config].name);
  if (grid_run(bench, &bench->load[load], &bench->config[config], NULL, false, &cell->run[cell->n], cell->why,
               sizeof cell->why))
    cell->n++;
  else if (bench_interrupted())
    cell->why[0] = 0;
  else
    cell->n = 0;
}

void grid_measure(struct bench *bench)
{
  for (unsigned load = 0; load < LOAD_COUNT; load++) {
    if (!bench->load[load].chosen || !bench->load[load].available)
      continue;
    for (unsigned rep = 0; rep < bench->reps; rep++)
      for (unsigned i = 0; i < CONFIG_COUNT; i++) {
        unsigned config = (i + rep) % CONFIG_COUNT;
        bool wanted = bench->config[config].chosen && bench->config[config].available &&
                      load_takes(&bench->load[load], (enum config_id)config);

        if (wanted && (!bench->config[config].heavy || rep < bench->heavy_reps))
          measure_cell(bench, load, config);
      }
  }
  if (!bench->quiet)
    fprintf(stderr, "\r\033[K");
}
