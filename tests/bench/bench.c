/*
 * The bench driver: options, the order of work, cleaning up.  It measures and
 * reports; its exit status says only whether it could measure.  Started by
 * `make bench`; see README.md beside it.
 */
#include <argp.h>
#include <libgen.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bench.h"

enum option_key { KEY_CLOCK = 256, KEY_JSON, KEY_PAIRS, KEY_PRODUCT, KEY_LIST };

static const struct argp_option options[] = {
    {"workload", 'w', "LIST", 0, "Only these workloads (names separated by commas)", 0},
    {"config", 'c', "LIST", 0, "Only these configurations", 0},
    {"repetitions", 'r', "N", 0, "Runs of each pair (default 5)", 0},
    {"slow-repetitions", 's', "N", 0, "The same for heaptrack and LTTng (default 2)", 0},
    {"clock", KEY_CLOCK, "WHICH", 0, "elapsed (default) or cpu, for machines that are busy with other things", 0},
    {"pairs", KEY_PAIRS, "N", 0, "malloc+free pairs in the trace that the analyzer reads (default 26000000; 0: skip)",
     0},
    {"json", KEY_JSON, "FILE", 0, "Also write everything as JSON; - writes it to stdout in place of the text", 0},
    {"product", KEY_PRODUCT, "DIR", 0, "Where libvmtrace.so and vmtrace are (default: the current directory)", 0},
    {"list", KEY_LIST, NULL, 0, "List configurations and workloads with what was found, measure nothing", 0},
    {"quiet", 'q', NULL, 0, "No progress on stderr", 0},
    {0},
};

struct request {
  struct bench *bench;
  char *loads, *configs;
  bool list;
};

static unsigned parse_count(struct argp_state *state, const char *text, unsigned long max)
{
  char *end;
  unsigned long value = strtoul(text, &end, 10);

  if (!*text || *end || value < 1 || value > max)
    argp_error(state, "'%s' is not a number from 1 to %lu", text, max);
  return (unsigned)value;
}

static error_t parse_option(int key, char *value, struct argp_state *state)
{
  struct request *request = state->input;
  struct bench *bench = request->bench;

  switch (key) {
  case 'w':
    request->loads = value;
    return 0;
  case 'c':
    request->configs = value;
    return 0;
  case 'r':
    bench->reps = parse_count(state, value, BENCH_REPS_MAX);
    return 0;
  case 's':
    bench->heavy_reps = parse_count(state, value, BENCH_REPS_MAX);
    return 0;
  case 'q':
    bench->quiet = true;
    return 0;
  case KEY_CLOCK:
    if (strcmp(value, "cpu") && strcmp(value, "elapsed"))
      argp_error(state, "--clock takes elapsed or cpu");
    bench->cpu_clock = !strcmp(value, "cpu");
    return 0;
  case KEY_PAIRS:
    bench->analyzer_pairs = strtoull(value, NULL, 10);
    return 0;
  case KEY_JSON:
    bench->json_path = value;
    return 0;
  case KEY_PRODUCT:
    snprintf(bench->product_dir, sizeof bench->product_dir, "%s", value);
    return 0;
  case KEY_LIST:
    request->list = true;
    return 0;
  default:
    return ARGP_ERR_UNKNOWN;
  }
}

/* Whether name is one of a comma-separated list. */
static bool in_list(const char *list, const char *name)
{
  size_t length = strlen(name);

  for (const char *at = list; at; at = strchr(at, ',')) {
    at += *at == ',';
    if (!strncmp(at, name, length) && (!at[length] || at[length] == ','))
      return true;
  }
  return false;
}

static bool is_known(const struct bench *bench, const char *name, bool load)
{
  for (unsigned i = 0; i < (load ? (unsigned)LOAD_COUNT : (unsigned)CONFIG_COUNT); i++)
    if (!strcmp(load ? bench->load[i].name : bench->config[i].name, name))
      return true;
  return false;
}

static bool check_list(const struct bench *bench, const char *list, bool load)
{
  char *copy = list ? strdup(list) : NULL, *rest = copy, *name;
  bool ok = true;

  while (copy && (name = strsep(&rest, ",")))
    if (!is_known(bench, name, load)) {
      fprintf(stderr, "bench: no %s '%s'; --list names them\n", load ? "workload" : "configuration", name);
      ok = false;
    }
  free(copy);
  return ok;
}

static bool choose(struct bench *bench, const struct request *request)
{
  if (!check_list(bench, request->loads, true) || !check_list(bench, request->configs, false))
    return false;
  for (unsigned i = 0; i < LOAD_COUNT && request->loads; i++)
    bench->load[i].chosen = in_list(request->loads, bench->load[i].name);
  for (unsigned i = 0; i < CONFIG_COUNT && request->configs; i++)
    bench->config[i].chosen = in_list(request->configs, bench->config[i].name);
  return true;
}

/* The workload programs lie beside the driver, their data beside its source. */
static bool find_dirs(struct bench *bench)
{
  char path[PATH_MAX];
  const char *temp = getenv("TMPDIR");

  if (!realpath("/proc/self/exe", path))
    return false;
  snprintf(bench->program_dir, sizeof bench->program_dir, "%.1000s", dirname(path));
  if (!realpath("tests/bench", path)) {
    fprintf(stderr, "bench: start me at the top of the source tree\n");
    return false;
  }
  snprintf(bench->data_dir, sizeof bench->data_dir, "%.1000s", path);
  if (!realpath(bench->product_dir, path))
    return false;
  snprintf(bench->product_dir, sizeof bench->product_dir, "%.1000s", path);
  snprintf(bench->temp_dir, sizeof bench->temp_dir, "%.900s/vmtrace-bench-XXXXXX", temp && *temp ? temp : "/tmp");
  return mkdtemp(bench->temp_dir) != NULL;
}

static volatile sig_atomic_t interrupted;

bool bench_interrupted(void)
{
  return interrupted;
}

static void on_signal(int signo)
{
  (void)signo;
  interrupted = 1;
}

/* The run at hand ends (the terminal's signal reaches it too), no other starts, and the report shows what there is. */
static void catch_signals(void)
{
  struct sigaction action = {.sa_handler = on_signal};

  sigaction(SIGINT, &action, NULL);
  sigaction(SIGTERM, &action, NULL);
}

static void list_all(const struct bench *bench)
{
  for (unsigned i = 0; i < CONFIG_COUNT; i++)
    printf("config    %-18s %s\n", bench->config[i].name, bench->config[i].version);
  for (unsigned i = 0; i < LOAD_COUNT; i++)
    printf("workload  %-18s %s\n", bench->load[i].name,
           bench->load[i].available ? bench->load[i].meaning : bench->load[i].version);
}

int main(int argc, char **argv)
{
  static struct bench bench = {.reps = 5, .heavy_reps = 2, .analyzer_pairs = 26000000, .product_dir = "."};
  static const struct argp argp = {
      options, parse_option,
      NULL,    "Measures the pinned heap and the trace side by side with other allocators and tracers.",
      NULL,    NULL,
      NULL};
  struct request request = {.bench = &bench};
  bool text, ok = true;

  if (argc == 3 && !strcmp(argv[1], "--probe")) {
    config_probe(argv[2]);
    return EXIT_SUCCESS;
  }
  if (argc == 2 && !strcmp(argv[1], "--probe-profiler")) {
    config_probe_profiler();
    return EXIT_SUCCESS;
  }
  argp_parse(&argp, argc, argv, 0, NULL, &request);
  if (!find_dirs(&bench))
    return EXIT_FAILURE;
  catch_signals();
  config_init(&bench);
  load_init(&bench);
  if (request.list) {
    list_all(&bench);
  } else if ((ok = choose(&bench, &request))) {
    text = !bench.json_path || strcmp(bench.json_path, "-");
    grid_measure(&bench);
    extras_measure(&bench);
    if (text)
      report_print(&bench, stdout);
    if (bench.json_path)
      ok = report_write_json(&bench, bench.json_path);
    lttng_shutdown();
  }
  remove_tree(bench.temp_dir);
  return ok ? EXIT_SUCCESS : EXIT_FAILURE;
}
