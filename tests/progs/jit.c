/*
 * Makes code while it runs, as a JIT compiler does, and has it call malloc.
 * `jit map` tells the code's name in /tmp/perf-PID.map, whose path it prints; `jit` tells none.
 *
 * For x86-64 alone; elsewhere it exits with 77.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/utsname.h>
#include <unistd.h>

#define CODE_SIZE 4096

/* push %rbp; mov %rsp, %rbp; mov $malloc, %rax; call *%rax; pop %rbp; ret */
static const unsigned char before[] = {0x55, 0x48, 0x89, 0xe5, 0x48, 0xb8}, after[] = {0xff, 0xd0, 0x5d, 0xc3};

static void *make_code(unsigned char *at)
{
  void *(*call)(size_t) = malloc;

  memcpy(at, before, sizeof before);
  memcpy(at + sizeof before, &call, sizeof call);
  memcpy(at + sizeof before + sizeof call, after, sizeof after);
  return at;
}

/* The second name is that of code which took the place of other code. */
static void write_map(const char *path, const void *code)
{
  FILE *f = fopen(path, "w");

  if (!f)
    exit(1);
  fprintf(f, "%lx 40 replaced:code\n", (unsigned long)code);
  fprintf(f, "0x%lx 20 JS:*makeThings /srv/things.js:12:3\n", (unsigned long)code);
  fprintf(f, "no line of a map\n%lx\n", (unsigned long)code);
  fprintf(f, "%lx 20 half a li", (unsigned long)code);
  fclose(f);
}

int main(int argc, char **argv)
{
  unsigned char *code = mmap(NULL, CODE_SIZE, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  void *(*function)(size_t);
  struct utsname machine;
  char path[64];
  void *made;

  if (uname(&machine) < 0 || strcmp(machine.machine, "x86_64") != 0)
    return 77;
  if (code == MAP_FAILED)
    return 1;
  made = make_code(code);
  memcpy(&function, &made, sizeof function);
  for (int i = 0; i < 50; i++)
    free(function((size_t)i + 1));
  snprintf(path, sizeof path, "/tmp/perf-%d.map", (int)getpid());
  if (argc > 1 && !strcmp(argv[1], "map"))
    write_map(path, code);
  printf("%s\n", path);
  return 0;
}
