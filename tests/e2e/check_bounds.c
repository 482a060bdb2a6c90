/*
 * What a file says never takes memory or time without bound: traces of 1 MiB
 * that claim as much as their bytes allow, through every command.  64 MiB and
 * ten seconds of processor time are enough for each, whether it reports or
 * says in one line that it does not.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "craft.h"
#include "e2e.h"

#define FILE_SIZE ((size_t)1 << 20)
#define MOST_KIB (64L << 10)
#define MOST_SECONDS 10

/* {} stands for the trace. */
static const char *const commands[][6] = {
    {"info", "{}"},
    {"info", "--format=json", "{}"},
    {"dump", "{}"},
    {"dump", "--format=json", "{}"},
    {"pages", "{}"},
    {"pages", "--all", "{}"},
    {"pages", "--format=json", "{}"},
    {"pages", "--address=0-0xffffffffff", "{}"},
    {"heap", "{}"},
    {"heap", "--tree", "{}"},
    {"heap", "--stacks", "--all", "{}"},
    {"heap", "--tree", "--all", "{}"},
    {"heap", "--tree", "--invert", "{}"},
    {"heap", "--tree", "--invert", "--all", "{}"},
    {"heap", "--no-skip", "--top=1000000", "{}"},
    {"heap", "--at=peak", "{}"},
    {"heap", "--at=mark:1", "{}"},
    {"heap", "--at=0.001", "--tree", "{}"},
    {"heap", "--until=1", "--per-process", "{}"},
    {"heap", "--at=end", "--diff-at=0.001", "{}"},
    {"heap", "--format=json", "{}"},
    {"heap", "--format=json", "--tree", "{}"},
    {"heap", "--format=folded", "{}"},
    {"pack", "--output=packed", "{}"},
};
#define COMMANDS (sizeof commands / sizeof *commands)

/* Nobody waits for an end that does not come; a disk is not filled. */
static void limit_time(const void *unused)
{
  const struct rlimit time = {3 * MOST_SECONDS, 3 * MOST_SECONDS};
  int fd;

  (void)unused;
  if (setrlimit(RLIMIT_CPU, &time) < 0)
    _exit(99);
  fd = open("/dev/null", O_WRONLY);
  if (fd < 0 || dup2(fd, 1) < 0)
    _exit(99);
}

static double seconds(const struct rusage *usage)
{
  return (double)(usage->ru_utime.tv_sec + usage->ru_stime.tv_sec) +
         (double)(usage->ru_utime.tv_usec + usage->ru_stime.tv_usec) / 1e6;
}

/* NULL, or what is wrong. */
static const char *judge(const struct e2e_result *r, long most_kib)
{
  int code = WIFEXITED(r->status) ? WEXITSTATUS(r->status) : -1;

  if (code != 0 && code != 2 && code != 3)
    return "ended by a signal or with another code";
  if (code && !r->err_len)
    return "ended without a word";
  if (r->usage.ru_maxrss > most_kib)
    return "took too much memory";
  if (seconds(&r->usage) > MOST_SECONDS)
    return "took too long";
  return NULL;
}

static int try(const char *kind, const char *const *command, const char *trace, long most_kib)
{
  const char *argv[8] = {e2e_analyzer()};
  struct e2e_result r;
  const char *wrong;
  char line[200] = "";

  for (int i = 0; i < 6 && command[i]; i++) {
    argv[i + 1] = strcmp(command[i], "{}") ? command[i] : trace;
    snprintf(line + strlen(line), sizeof line - strlen(line), " %s", command[i]);
  }
  unlink(e2e_path("packed"));
  e2e_run(&(struct e2e_spec){.argv = argv, .prepare = limit_time}, &r);
  wrong = judge(&r, most_kib);
  if (wrong || getenv("VMTRACE_TEST_SHOW"))
    fprintf(stderr, "%-20s%-34s status %5x  %7ld KiB  %6.2f s  %s%s%.*s\n", kind, line, (unsigned)r.status,
            r.usage.ru_maxrss, seconds(&r.usage), wrong ? wrong : "", r.err_len ? ": " : "", (int)strcspn(r.err, "\n"),
            r.err);
  e2e_release(&r);
  return wrong != NULL;
}

START_TEST(crafted)
{
  const struct craft_kind *kind = &craft_kinds[_i];
  const char *only = getenv("VMTRACE_TEST_KIND");
  const char *trace = e2e_path("crafted.vmt");
  struct craft c;
  int wrong = 0;

  if (only && strcmp(only, kind->name) != 0)
    return;
  craft_begin(&c, FILE_SIZE);
  kind->fill(&c);
  craft_finish(&c, trace);
  for (size_t i = 0; i < COMMANDS; i++)
    wrong += try(kind->name, commands[i], trace, MOST_KIB);
  ck_assert_msg(!wrong, "%s: %d commands", kind->name, wrong);
}
END_TEST

int main(void)
{
  Suite *suite = suite_create("bounds");
  TCase *test = e2e_case(suite, "crafted", 600);
  int kinds = 0;

  while (craft_kinds[kinds].name)
    kinds++;
  tcase_add_loop_test(test, crafted, 0, kinds);
  return e2e_main(suite);
}
