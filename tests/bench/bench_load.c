/*
 * The workloads: the programs of this directory and three real ones, with
 * their arguments and input.  The compiler's input is generated, the same in
 * every run.  Called by bench.c.
 */
#include <string.h>
#include <unistd.h>

#include "bench.h"

static bool set_program(struct load *load, const char *path)
{
  snprintf(load->program, sizeof load->program, "%.1000s", path);
  load->available = !access(path, X_OK);
  if (!load->available)
    snprintf(load->version, sizeof load->version, "no %.140s", path);
  return load->available;
}

/* First line of what a program says about its version. */
static void ask_version(struct load *load, const char *argument)
{
  char output[160] = "";
  struct process process = {
      .argv = {load->program, argument}, .env = {"LC_ALL=C"}, .output = output, .output_size = sizeof output};

  process_ok(&process);
  output[strcspn(output, "\n")] = 0;
  snprintf(load->version, sizeof load->version, "%.50s", output);
}

static void init_own(struct bench *bench, enum load_id id, const char *program, const char *threads)
{
  struct load *load = &bench->load[id];
  char path[BENCH_PATH];

  load->inside = true;
  load->unit = "ns/op";
  snprintf(path, sizeof path, "%.900s/%s", bench->program_dir, program);
  set_program(load, path);
  load->arg[0] = threads ? "-t" : NULL;
  load->arg[1] = threads;
}

static void init_python(struct bench *bench)
{
  static char script[BENCH_PATH];
  struct load *load = &bench->load[LOAD_PYTHON];

  snprintf(script, sizeof script, "%.900s/json_load.py", bench->data_dir);
  load->arg[0] = script;
  if (set_program(load, "/usr/bin/python3"))
    ask_version(load, "--version");
}

static void init_sqlite(struct bench *bench)
{
  struct load *load = &bench->load[LOAD_SQLITE];

  load->arg[0] = ":memory:";
  snprintf(load->input, sizeof load->input, "%.900s/sqlite_load.sql", bench->data_dir);
  if (set_program(load, "/usr/bin/sqlite3"))
    ask_version(load, "--version");
}

/*
 * A C file as a code generator would write it: many functions over a few
 * structures, with loops, switches and calls, so that every part of the compiler has work.
 */
static void generate_c(FILE *out, unsigned functions)
{
  uint32_t state = 12345;

  fprintf(out, "struct node { struct node *next, *child; long key; int kind; double weight; char name[24]; };\n");
  fprintf(out, "static long sink;\n");
  for (unsigned i = 0; i < functions; i++) {
    fprintf(out, "long f%u(struct node *n, long a, int b)\n{\n  long sum = a * %u;\n", i, i % 31 + 1);
    for (unsigned part = 0; part < 5; part++) {
      state = state * 1664525u + 1013904223u;
      fprintf(out, "  for (struct node *p%u = n; p%u; p%u = p%u->%s) {\n    switch (p%u->kind & 7) {\n", part, part,
              part, part, state >> 31 ? "next" : "child", part);
      for (unsigned c = 0; c < 4; c++)
        fprintf(out, "    case %u: sum += p%u->key %c (a + %u); p%u->weight *= 1.%u; break;\n", c, part,
                "+-*^"[state >> (8 + 2 * c) & 3], (state >> 16 & 255) + c, part, c + 1);
      fprintf(out, "    default: sum ^= (long)p%u->name[b & 15] << (b & 7); b += %u;\n    }\n  }\n", part, part);
    }
    if (i > 2)
      fprintf(out, "  if (sum & 1)\n    sum += f%u(n->child, sum, b + 1) - f%u(n->next, a, b);\n", i - 1, i / 2);
    fprintf(out, "  sink += sum;\n  return sum;\n}\n\n");
  }
  fprintf(out, "long start(struct node *n)\n{\n  return f%u(n, 1, 2);\n}\n", functions - 1);
}

/* The compiler proper, not the driver that starts it: one process, which every tracer follows. */
static void init_cc(struct bench *bench)
{
  static char input[BENCH_PATH], path[BENCH_PATH];
  struct load *load = &bench->load[LOAD_CC];
  struct process process = {
      .argv = {"/usr/bin/gcc", "-print-prog-name=cc1"}, .output = path, .output_size = sizeof path};
  FILE *out;

  snprintf(input, sizeof input, "%.900s/generated.c", bench->temp_dir);
  out = fopen(input, "w");
  if (out) {
    generate_c(out, 80);
    fclose(out);
  }
  if (!process_ok(&process) || path[0] != '/') {
    snprintf(load->version, sizeof load->version, "no gcc");
    return;
  }
  path[strcspn(path, "\n")] = 0;
  memcpy(load->arg, (const char *[]){"-quiet", "-O1", input, "-o", "/dev/null"}, 5 * sizeof(char *));
  snprintf(load->program, sizeof load->program, "/usr/bin/gcc");
  ask_version(load, "--version");
  set_program(load, path);
}

/* Client and server are started by a program of ours, which reads the client's result. */
static void init_redis(struct bench *bench)
{
  struct load *load = &bench->load[LOAD_REDIS];

  init_own(bench, LOAD_REDIS, "work_redis", NULL);
  load->wraps = true;
  load->arg[0] = "/usr/bin/redis-server";
  load->arg[1] = "/usr/bin/redis-benchmark";
  if (access(load->arg[0], X_OK) || access(load->arg[1], X_OK)) {
    load->available = false;
    snprintf(load->version, sizeof load->version, "no redis-server with redis-benchmark");
  }
}

/* The least deep stack has no frames to spare for changing ones: libc and tracers have some below a thread. */
static void init_stacks(struct bench *bench)
{
  static const struct {
    unsigned depth;
    const char *text, *varying, *name[2];
  } depths[STACK_DEPTHS] = {{5, "5", "1", {"stacks_5", "stacks_5_2"}},
                            {15, "15", "3", {"stacks_15", "stacks_15_2"}},
                            {45, "45", "3", {"stacks_45", "stacks_45_2"}},
                            {120, "120", "3", {"stacks_120", "stacks_120_2"}}};

  for (unsigned i = 0; i < STACK_DEPTHS; i++)
    for (unsigned t = 0; t < 2; t++) {
      struct load *load = &bench->load[LOAD_STACKS + 2 * i + t];

      load->name = depths[i].name[t];
      load->meaning =
          t ? "the same on two threads" : "malloc and free at that depth, inner frames from changing places";
      init_own(bench, (enum load_id)(LOAD_STACKS + 2 * i + t), "work_stacks", t ? "2" : NULL);
      load->depth = depths[i].depth;
      memcpy(load->arg, (const char *[]){"-d", depths[i].text, "-v", depths[i].varying, t ? "-t" : NULL, "2"},
             6 * sizeof(char *));
    }
}

bool load_takes(const struct load *load, enum config_id id)
{
  bool stacks = id == CONFIG_JEPROF || id == CONFIG_GPERF;
  bool both =
      id == CONFIG_JEMALLOC || id == CONFIG_HEAP || id == CONFIG_TRACE || id == CONFIG_FULL || id == CONFIG_HEAPTRACK;

  if (id == CONFIG_HEAPTRACK_RUN)
    return load->depth;
  if (load->wraps)
    return both;
  return load->depth ? stacks || both : !stacks;
}

void load_init(struct bench *bench)
{
  static const char *const text[LOAD_STACKS][2] = {
      [LOAD_PAIR] = {"pair_mixed", "churn of mixed sizes, 4,096 live blocks; op: free and malloc"},
      [LOAD_PAIR_2] = {"pair_mixed_2", "the same on two threads; op: as one thread sees it"},
      [LOAD_PRODUCER] = {"producer_consumer", "one thread allocates and fills, another frees; op: one block"},
      [LOAD_REALLOC] = {"realloc_growth", "vectors growing to 3 KiB ... 16 MiB; op: one realloc or free"},
      [LOAD_LARGE] = {"large_blocks", "32 live blocks of 64 KiB to 16 MiB, touched; op: free and malloc"},
      [LOAD_PYTHON] = {"python_json", "python3 with PYTHONMALLOC=malloc writes and reads JSON"},
      [LOAD_SQLITE] = {"sqlite_memory", "sqlite3 creates, fills, indexes, queries a database in memory"},
      [LOAD_CC] = {"cc1", "the C compiler proper of gcc, -O1, on a generated file of 80 large functions"},
      [LOAD_REDIS] = {"redis", "redis-server under redis-benchmark; op: one SET"},
  };

  for (unsigned i = 0; i < LOAD_COUNT; i++) {
    if (i < LOAD_STACKS) {
      bench->load[i].name = text[i][0];
      bench->load[i].meaning = text[i][1];
    }
    bench->load[i].real = i == LOAD_PYTHON || i == LOAD_SQLITE || i == LOAD_CC;
    bench->load[i].unit = "ms";
    bench->load[i].chosen = true;
  }
  init_own(bench, LOAD_PAIR, "work_pair_mixed", NULL);
  init_own(bench, LOAD_PAIR_2, "work_pair_mixed", "2");
  init_own(bench, LOAD_PRODUCER, "work_producer_consumer", NULL);
  init_own(bench, LOAD_REALLOC, "work_realloc_growth", NULL);
  init_own(bench, LOAD_LARGE, "work_large_blocks", NULL);
  init_python(bench);
  init_sqlite(bench);
  init_cc(bench);
  init_redis(bench);
  init_stacks(bench);
}
