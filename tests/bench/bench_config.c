/*
 * The configurations that are compared: which library is preloaded, where it
 * is, which version.  A library is found and asked by starting the driver
 * under it (--probe): some cannot be loaded later than at start.
 * Called by bench.c.
 */
#include <dlfcn.h>
#include <gnu/libc-version.h>
#include <link.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bench.h"

struct known {
  const char *name, *meaning;
  bool heavy;
  const char *preload[4]; /* candidates, first found wins */
  const char *command;    /* instead of a library */
};

static const struct known known[CONFIG_COUNT] = {
    [CONFIG_GLIBC] = {.name = "glibc", .meaning = "malloc of libc, nothing preloaded"},
    [CONFIG_JEMALLOC] = {.name = "jemalloc",
                         .meaning = "the baseline of all ratios",
                         .preload = {"libjemalloc.so.2", "libjemalloc.so.1"}},
    [CONFIG_MIMALLOC] = {.name = "mimalloc",
                         .meaning = "preloaded",
                         .preload = {"libmimalloc.so.2", "libmimalloc.so.3", "libmimalloc.so"}},
    [CONFIG_TCMALLOC] = {.name = "tcmalloc",
                         .meaning = "gperftools, minimal",
                         .preload = {"libtcmalloc_minimal.so.4", "libtcmalloc.so.4"}},
    [CONFIG_HEAP] = {.name = "heap",
                     .meaning = "vmtrace, pinned heap alone (VMTRACE_OUT=off)",
                     .preload = {"./libvmtrace.so"}},
    [CONFIG_TRACE] = {.name = "trace",
                      .meaning = "vmtrace, trace without stacks (VMTRACE_STACK=0)",
                      .preload = {"./libvmtrace.so"}},
    [CONFIG_FULL] = {.name = "full",
                     .meaning = "vmtrace, trace with stacks (VMTRACE_STACK=64; 128 at depth 120)",
                     .preload = {"./libvmtrace.so"}},
    [CONFIG_JEPROF] = {.name = "jeprof",
                       .meaning = "jemalloc's profiler, every allocation (prof:true,prof_active:true,lg_prof_sample:0)",
                       .heavy = true,
                       .preload = {"libjemalloc.so.2", "libjemalloc.so.1"}},
    [CONFIG_GPERF] = {.name = "gperftools",
                      .meaning = "its heap profiler (HEAPPROFILE)",
                      .heavy = true,
                      .preload = {"libtcmalloc.so.4"}},
    [CONFIG_HEAPTRACK_RUN] = {.name = "heaptrack",
                              .meaning = "the command, as its users start it: library, interpreter and compressor",
                              .heavy = true,
                              .command = "/usr/bin/heaptrack"},
    [CONFIG_HEAPTRACK] = {.name = "ht_library",
                          .meaning =
                              "heaptrack's library alone, writing raw data to a file; stacks included, no interpreter",
                          .heavy = true,
                          .preload = {"/usr/lib/heaptrack/libheaptrack_preload.so",
                                      "/usr/lib/x86_64-linux-gnu/heaptrack/libheaptrack_preload.so",
                                      "/usr/lib64/heaptrack/libheaptrack_preload.so"}},
    [CONFIG_LTTNG] = {.name = "lttng",
                      .meaning = "LTTng-UST libc wrapper, default channel (full buffers discard events), no stacks",
                      .heavy = true,
                      .preload = {"liblttng-ust-libc-wrapper.so.1", "liblttng-ust-libc-wrapper.so"}},
};

/* "5.3.0-0-g..." of the allocator in this process, or "". */
static void print_version(void)
{
  int (*mallctl)(const char *, void *, size_t *, void *, size_t) =
      (int (*)(const char *, void *, size_t *, void *, size_t))dlsym(RTLD_DEFAULT, "mallctl");
  int (*mi_version)(void) = (int (*)(void))dlsym(RTLD_DEFAULT, "mi_version");
  const char *(*tc_version)(int *, int *, const char **) =
      (const char *(*)(int *, int *, const char **))dlsym(RTLD_DEFAULT, "tc_version");
  const char *text = "";
  size_t length = sizeof text;

  if (mi_version) {
    printf("%d.%d", mi_version() / 100, mi_version() % 100);
    return;
  }
  if (mallctl)
    mallctl("version", &text, &length, NULL, 0);
  else if (tc_version)
    text = tc_version(NULL, NULL, NULL);
  printf("%s", text);
}

static int print_library(struct dl_phdr_info *info, size_t size, void *name)
{
  const char *base = strrchr(info->dlpi_name, '/');

  (void)size;
  if (!base || strcmp(base + 1, name))
    return 0;
  printf("%s\n", info->dlpi_name);
  return 1;
}

void config_probe(const char *name)
{
  const char *base = strrchr(name, '/');

  if (dl_iterate_phdr(print_library, (void *)(base ? base + 1 : name)))
    print_version();
}

/* jemalloc may be built without its profiler. */
static void check_profiler(struct config *config)
{
  char preload[BENCH_PATH + 16], output[64] = "";
  struct process process = {.argv = {"/proc/self/exe", "--probe-profiler"},
                            .env = {preload},
                            .output = output,
                            .output_size = sizeof output,
                            .silent = true};

  snprintf(preload, sizeof preload, "LD_PRELOAD=%s", config->preload);
  if (config->available && process_ok(&process) && !strcmp(output, "yes"))
    return;
  config->available = false;
  snprintf(config->version, sizeof config->version, "jemalloc is not installed, or was built without --enable-prof");
}

void config_probe_profiler(void)
{
  int (*mallctl)(const char *, void *, size_t *, void *, size_t) =
      (int (*)(const char *, void *, size_t *, void *, size_t))dlsym(RTLD_DEFAULT, "mallctl");
  bool there = false;
  size_t length = sizeof there;

  if (mallctl && !mallctl("config.prof", &there, &length, NULL, 0) && there)
    printf("yes");
}

struct answer {
  char path[BENCH_PATH];
  char version[96];
};

/* A tracer is not started only to be asked where it is: its file is looked for. */
static bool find_library(const char *name, struct answer *answer)
{
  char preload[BENCH_PATH], output[BENCH_PATH + 128] = "";
  struct process process = {.argv = {"/proc/self/exe", "--probe", name},
                            .env = {preload},
                            .output = output,
                            .output_size = sizeof output,
                            .silent = true};
  char *version;

  if (name[0] == '/') {
    snprintf(answer->path, sizeof answer->path, "%.1000s", name);
    return !access(name, R_OK);
  }
  snprintf(preload, sizeof preload, "LD_PRELOAD=%s", name);
  if (!process_ok(&process) || !(version = strchr(output, '\n')))
    return false;
  *version++ = 0;
  snprintf(answer->path, sizeof answer->path, "%.1000s", output);
  snprintf(answer->version, sizeof answer->version, "%.90s", version);
  return true;
}

static void say_version(struct config *config, const struct answer *answer)
{
  char real[PATH_MAX];
  const char *file = realpath(answer->path, real) ? strrchr(real, '/') + 1 : answer->path;

  if (answer->version[0])
    snprintf(config->version, sizeof config->version, "%.90s (%.60s)", answer->version, file);
  else
    snprintf(config->version, sizeof config->version, "%.150s", file);
}

/* The product is not opened but only looked for: it is what is being measured, and may be broken. */
static void find_product(const struct bench *bench, struct config *config)
{
  snprintf(config->preload, sizeof config->preload, "%.900s/libvmtrace.so", bench->product_dir);
  config->available = !access(config->preload, R_OK);
  snprintf(config->version, sizeof config->version, config->available ? "this build" : "not built: run make first");
}

static void config_find(const struct bench *bench, struct config *config, const struct known *from)
{
  struct answer answer;

  config->command = from->command;
  if (from->command) {
    config->available = !access(from->command, X_OK);
    snprintf(config->version, sizeof config->version, "%s%s",
             config->available ? "" : "not installed: ", from->command);
    return;
  }
  if (!from->preload[0]) {
    config->available = true;
    snprintf(config->version, sizeof config->version, "%s", gnu_get_libc_version());
    return;
  }
  if (from->preload[0][0] == '.') {
    find_product(bench, config);
    return;
  }
  for (unsigned i = 0; i < sizeof from->preload / sizeof *from->preload && from->preload[i]; i++) {
    memset(&answer, 0, sizeof answer);
    if (find_library(from->preload[i], &answer)) {
      snprintf(config->preload, sizeof config->preload, "%.1000s", answer.path);
      say_version(config, &answer);
      config->available = true;
      return;
    }
  }
  snprintf(config->version, sizeof config->version, "not installed (%.100s)", from->preload[0]);
}

void config_init(struct bench *bench)
{
  for (unsigned i = 0; i < CONFIG_COUNT; i++) {
    struct config *config = &bench->config[i];

    config->name = known[i].name;
    config->meaning = known[i].meaning;
    config->heavy = known[i].heavy;
    config->chosen = true;
    config_find(bench, config, &known[i]);
    if (i == CONFIG_JEPROF)
      check_profiler(config);
  }
}
