/*
 * Where this was measured: kernel, processor, memory, file system of the
 * traces, state of the product.  Called by bench_report.c and bench_json.c.
 */
#include <gnu/libc-version.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statfs.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "bench.h"

static void describe_cpu(struct machine *machine)
{
  char line[256];
  FILE *in = fopen("/proc/cpuinfo", "r");

  snprintf(machine->cpu, sizeof machine->cpu, "unknown processor");
  while (in && fgets(line, sizeof line, in)) {
    char *value = strstr(line, ": ");

    if (!strncmp(line, "model name", 10) && value) {
      value[strcspn(value, "\n")] = 0;
      snprintf(machine->cpu, sizeof machine->cpu, "%s", value + 2);
      break;
    }
  }
  if (in)
    fclose(in);
}

static void describe_fs(const struct bench *bench, struct machine *machine)
{
  static const struct {
    unsigned long magic;
    const char *name;
  } known[] = {
      {0xef53, "ext4"}, {0x01021994, "tmpfs"}, {0x58465342, "xfs"}, {0x9123683e, "btrfs"}, {0x794c7630, "overlayfs"}};
  struct statfs fs;

  snprintf(machine->temp_fs, sizeof machine->temp_fs, "unknown");
  if (statfs(bench->temp_dir, &fs))
    return;
  snprintf(machine->temp_fs, sizeof machine->temp_fs, "type %#lx", (unsigned long)fs.f_type);
  for (unsigned i = 0; i < sizeof known / sizeof *known; i++)
    if (known[i].magic == (unsigned long)fs.f_type)
      snprintf(machine->temp_fs, sizeof machine->temp_fs, "%s", known[i].name);
}

static void describe_product(const struct bench *bench, struct machine *machine)
{
  char program[BENCH_PATH + 16];
  struct process process = {
      .argv = {program, "--version"}, .output = machine->product, .output_size = sizeof machine->product};

  snprintf(program, sizeof program, "%s/vmtrace", bench->product_dir);
  if (!process_ok(&process))
    snprintf(machine->product, sizeof machine->product, "unknown");
  machine->product[strcspn(machine->product, "\n")] = 0;
}

void machine_describe(const struct bench *bench, struct machine *machine)
{
  struct utsname name;

  memset(machine, 0, sizeof *machine);
  uname(&name);
  snprintf(machine->kernel, sizeof machine->kernel, "%s %s %s", name.sysname, name.release, name.machine);
  snprintf(machine->libc, sizeof machine->libc, "glibc %s", gnu_get_libc_version());
  machine->cores = sysconf(_SC_NPROCESSORS_ONLN);
  machine->memory_gib = (double)sysconf(_SC_PHYS_PAGES) * (double)sysconf(_SC_PAGESIZE) / 0x1p30;
  getloadavg(&machine->load_average, 1);
  describe_cpu(machine);
  describe_fs(bench, machine);
  describe_product(bench, machine);
}
