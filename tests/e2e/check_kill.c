/*
 * SIGKILL at moments that nobody chooses: each time the trace can be read, is
 * not damaged, and holds every event that the program had done.  E2E_KILLS is how many times (default 40), more for a
 * night.
 */
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "e2e.h"

#define THREADS 3
#define LATEST_NS 40000000u
/* What a thread may have recorded and not counted yet, and what the process allocates besides. */
#define UNCOUNTED 40

static unsigned kills(void)
{
  const char *text = getenv("E2E_KILLS");
  int count = text ? atoi(text) : 0;

  return count > 0 ? (unsigned)count : 40;
}

/* Sum of what the threads of tests/progs/counted.c say of themselves: allocations and frees take turns. */
static void read_counts(const char *path, uint64_t *allocs, uint64_t *frees)
{
  uint64_t words[THREADS][8] = {0};
  int fd = open(path, O_RDONLY | O_CLOEXEC);

  *allocs = *frees = 0;
  if (fd < 0)
    return; /* killed before it came to that */
  if (read(fd, words, sizeof words) == (ssize_t)sizeof words) {
    for (unsigned i = 0; i < THREADS; i++) {
      *allocs += words[i][0];
      *frees += words[i][1];
    }
  }
  close(fd);
}

static void judge(const char *trace, uint64_t allocs, uint64_t frees, unsigned round)
{
  char *traces[] = {(char *)trace, NULL};
  json_t *info = e2e_json(E2E_ARGV("info"), traces);
  uint64_t traced_allocs = (uint64_t)e2e_int(info, "events.alloc"),
           traced_frees = (uint64_t)e2e_int(info, "events.free");

  ck_assert_str_eq(e2e_str(info, "ended"), "unknown");
  ck_assert_int_eq(e2e_int(info, "lost"), 0);
  ck_assert_int_eq(e2e_int(info, "damage.bad_chunks"), 0);
  ck_assert_int_eq(e2e_int(info, "damage.bad_records"), 0);
  ck_assert_msg(traced_allocs >= allocs && traced_allocs <= allocs + UNCOUNTED && traced_frees >= frees &&
                    traced_frees <= frees + UNCOUNTED,
                "round %u: %lu allocations and %lu frees done, %lu and %lu in the trace", round, (unsigned long)allocs,
                (unsigned long)frees, (unsigned long)traced_allocs, (unsigned long)traced_frees);
  json_decref(info);
}

static void one_kill(unsigned round, uint64_t *events)
{
  const char *counts = e2e_path("counts.%u", round);
  char out[4300], trace[4200];
  struct e2e_spec spec = {.argv = E2E_ARGV(e2e_prog("counted"), counts, "3"),
                          .env = E2E_ARGV(out, round % 2 ? "VMTRACE_STACK=0" : "VMTRACE_STACK=64"),
                          .preload = e2e_library()};
  struct timespec wait = {0, (long)((round * UINT64_C(2654435761) >> 5) % LATEST_NS)};
  struct e2e_process process;
  struct e2e_result result;
  uint64_t allocs, frees;

  snprintf(trace, sizeof trace, "%s", e2e_path("killed.%u", round));
  snprintf(out, sizeof out, "VMTRACE_OUT=%s", trace);
  process = e2e_start(&spec);
  nanosleep(&wait, NULL);
  kill(process.pid, SIGKILL);
  e2e_finish(&process, &result);
  ck_assert(WIFSIGNALED(result.status) && WTERMSIG(result.status) == SIGKILL);
  e2e_release(&result);
  read_counts(counts, &allocs, &frees);
  *events += allocs + frees;
  /* Before the header is whole it is no trace yet, and nothing had been allocated. */
  if (allocs)
    judge(trace, allocs, frees, round);
  unlink(trace);
  unlink(counts);
}

START_TEST(any_moment)
{
  uint64_t events = 0;

  for (unsigned round = 0; round < kills(); round++)
    one_kill(round, &events);
  ck_assert_msg(events > 0, "every process was killed before it did anything");
}
END_TEST

int main(void)
{
  Suite *suite = suite_create("kill");
  TCase *tcase = e2e_case(suite, "kill", 1800);

  tcase_add_test(tcase, any_moment);
  return e2e_main(suite);
}
