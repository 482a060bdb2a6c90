/*
 * Verdicts against the truth: while the processes of the program truth stand
 * still, this test looks at their pages itself, through /proc/PID/pagemap and /proc/kpageflags, and then
 * holds `vmtrace pages` to it page by page.  Needs root.
 */
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "e2e.h"

#define NOBODY 65534
#define PROCESSES_MAX 6
#define PLACES_MAX 64
#define PER_RUN 3 /* processes of one run of truth */

/* A page as one process has it. */
struct seen {
  bool present, once, zero, merged;
  uint64_t pfn;
};

struct place {
  char label[16];
  uint64_t va;
  struct seen seen[PROCESSES_MAX];
};

struct truth {
  struct place place[PLACES_MAX];
  size_t places;
  pid_t pid[PROCESSES_MAX];
  size_t pids;
};

static uint64_t word(const char *path, uint64_t number)
{
  uint64_t value = 0;
  int fd = open(path, O_RDONLY | O_CLOEXEC);

  ck_assert_msg(fd >= 0, "%s", path);
  if (pread(fd, &value, sizeof value, (off_t)(number * sizeof value)) != (ssize_t)sizeof value)
    value = 0;
  close(fd);
  return value;
}

static struct seen look(pid_t pid, uint64_t va)
{
  struct seen seen = {.present = false};
  char path[64];
  uint64_t entry, flags;

  snprintf(path, sizeof path, "/proc/%d/pagemap", (int)pid);
  entry = word(path, va >> 12);
  seen.present = entry >> 63;
  seen.once = entry >> 56 & 1;
  seen.pfn = seen.present ? entry & ((UINT64_C(1) << 55) - 1) : 0;
  flags = seen.pfn ? word("/proc/kpageflags", seen.pfn) : 0;
  seen.zero = flags >> 24 & 1;
  seen.merged = flags >> 21 & 1;
  return seen;
}

/* The pages and processes that one run of the program names. */
static void collect(struct truth *truth, const char *out)
{
  char label[16];
  unsigned long va, pages;
  int pid, length;

  for (const char *line = out; line && *line; line = strchr(line, '\n') ? strchr(line, '\n') + 1 : NULL) {
    if (sscanf(line, "ready %d", &pid) == 1) {
      ck_assert_uint_lt(truth->pids, PROCESSES_MAX);
      truth->pid[truth->pids++] = pid;
    } else if (sscanf(line, "%15s 0x%lx %lu%n", label, &va, &pages, &length) == 3) {
      for (unsigned long i = 0; i < pages; i++) {
        struct place *place = &truth->place[truth->places++];

        ck_assert_uint_le(truth->places, PLACES_MAX);
        strcpy(place->label, label);
        place->va = va + i * 4096;
      }
    }
  }
}

static void look_at_all(struct truth *truth)
{
  for (size_t i = 0; i < truth->places; i++) {
    for (size_t p = 0; p < truth->pids; p++)
      truth->place[i].seen[p] = look(truth->pid[p], truth->place[i].va);
  }
}

/* What the frames of those who have the page are to each other. */
enum relation { NOBODY_HAS, ONE_FRAME, SOME_SHARE, DIFFERENT, ALL_ZERO, ONE_WROTE, ALONE };

/* How many of the processes before p have the same frame. */
static size_t count_before(const struct place *place, size_t p)
{
  size_t n = 0;

  for (size_t i = 0; i < p; i++)
    n += place->seen[i].present && !place->seen[i].zero && place->seen[i].pfn == place->seen[p].pfn;
  return n;
}

static enum relation relation_of(const struct place *place, size_t pids)
{
  size_t frames = 0, zeros = 0, distinct = 0, shared = 0; /* shared: frames of several */

  for (size_t p = 0; p < pids; p++) {
    const struct seen *s = &place->seen[p];

    zeros += s->present && s->zero;
    if (!s->present || s->zero)
      continue;
    frames++;
    distinct += count_before(place, p) == 0;
    shared += count_before(place, p) == 1;
  }
  if (!frames)
    return zeros ? ALL_ZERO : NOBODY_HAS;
  if (distinct > 1)
    return shared == 1 ? SOME_SHARE : DIFFERENT;
  if (frames == 1)
    return zeros ? ONE_WROTE : ALONE;
  return ONE_FRAME;
}

/* The verdict that is right with frame numbers; NULL: any. */
static const char *right(const struct place *place, enum relation relation)
{
  switch (relation) {
  case DIFFERENT:
    return "private";
  case ALL_ZERO:
    return "zero";
  case ONE_WROTE:
  case ALONE:
    return "exclusive";
  case ONE_FRAME:
  case SOME_SHARE:
    if (!strcmp(place->label, "file") || !strcmp(place->label, "copied"))
      return "shared-file";
    return !strcmp(place->label, "shared") || !strcmp(place->label, "other") || !strcmp(place->label, "memfd")
               ? "shared-memory"
               : "shared-cow";
  default:
    return "no such page";
  }
}

/* Whether a verdict without frame numbers says no more than is so. */
static bool is_true(const char *verdict, enum relation relation, const struct place *place, size_t pids)
{
  if (!strncmp(verdict, "shared", 6))
    return relation == ONE_FRAME;
  if (!strcmp(verdict, "zero"))
    return relation == ALL_ZERO;
  for (size_t p = 0; !strcmp(verdict, "exclusive") && p < pids; p++) {
    if (place->seen[p].present && !place->seen[p].zero && !place->seen[p].once)
      return false;
  }
  return strcmp(verdict, "private") != 0;
}

static const char *verdict_at(const json_t *pages, uint64_t va)
{
  json_t *page = e2e_page(pages, va);

  return page ? e2e_str(page, "verdict") : "no such page";
}

static const char *make_file(void)
{
  const char *path = e2e_path("file");
  FILE *file = fopen(path, "we");

  ck_assert_ptr_nonnull(file);
  for (int i = 0; i < 64 * 1024; i++)
    putc(i >> 12, file);
  ck_assert_int_eq(fclose(file), 0);
  ck_assert_int_eq(chmod(path, 0666), 0);
  return path;
}

/* Runs the program so often at once, looks at what there is, and reports on all traces. */
static json_t *report(struct truth *truth, size_t runs, bool hidden)
{
  const char *prog = e2e_prog("truth");
  const struct e2e_spec spec = {.argv = E2E_ARGV(hidden ? e2e_copy(prog) : prog, make_file()),
                                .env = E2E_ARGV("VMTRACE_SAMPLE_MS=20"),
                                .preload = hidden ? e2e_copy(e2e_library()) : e2e_library(),
                                .uid = hidden ? NOBODY : 0};
  struct e2e_process processes[PROCESSES_MAX / PER_RUN];
  struct e2e_result result;
  size_t traced;
  char **traces;
  json_t *pages;

  *truth = (struct truth){.places = 0};
  for (size_t i = 0; i < runs; i++)
    processes[i] = e2e_start(&spec);
  for (size_t i = 0; i < runs; i++) {
    char *out;

    e2e_await(&processes[i], "ready", PER_RUN);
    out = e2e_output(&processes[i]);
    truth->places = 0; /* the same in each run */
    collect(truth, out);
    free(out);
  }
  ck_assert_uint_eq(truth->pids, runs * PER_RUN);
  traces = e2e_traces(e2e_dir(), &traced);
  ck_assert_uint_eq(traced, runs * PER_RUN);
  e2e_await_samples(traces, 2);
  look_at_all(truth);
  for (size_t i = 0; i < runs; i++) {
    kill(processes[i].pid, SIGTERM);
    e2e_finish(&processes[i], &result);
    e2e_expect_exit(&result, 0);
    ck_assert_str_eq(result.err, "");
    e2e_release(&result);
  }
  pages = e2e_json(E2E_ARGV("pages"), traces);
  e2e_traces_free(traces);
  return pages;
}

static void expect_right(const struct truth *truth, const json_t *pages)
{
  for (size_t i = 0; i < truth->places; i++) {
    const struct place *place = &truth->place[i];
    const char *expected = right(place, relation_of(place, truth->pids)), *found = verdict_at(pages, place->va);

    ck_assert_msg(!strcmp(found, expected), "the page called %s at %#lx is %s, not %s", place->label,
                  (unsigned long)place->va, found, expected);
  }
}

/* That the program makes what it says: else the test would be satisfied by anything. */
static void expect_relation(const struct truth *truth, const char *label, enum relation relation)
{
  for (size_t i = 0; i < truth->places; i++) {
    const struct place *place = &truth->place[i];

    if (!strcmp(place->label, label))
      ck_assert_msg(relation_of(place, truth->pids) == relation, "the pages called %s are not made as they should be",
                    label);
  }
}

START_TEST(a_family)
{
  struct truth truth;
  json_t *pages;

  E2E_NEED_ROOT();
  pages = report(&truth, 1, false);
  expect_relation(&truth, "kept", ONE_FRAME);
  expect_relation(&truth, "broken", SOME_SHARE);
  expect_relation(&truth, "all", DIFFERENT);
  expect_relation(&truth, "zero", ALL_ZERO);
  expect_relation(&truth, "half", ONE_WROTE);
  expect_relation(&truth, "dropped", ALONE);
  expect_relation(&truth, "copied", SOME_SHARE);
  expect_right(&truth, pages);
  for (size_t i = 0; i < truth.places; i++) {
    if (!strcmp(truth.place[i].label, "dropped"))
      ck_assert_str_eq(e2e_str(e2e_page(pages, truth.place[i].va), "changed.from"), "shared-cow");
  }
  json_decref(pages);
}
END_TEST

/* Strangers at the same addresses: each three of the six share, and no six do. */
START_TEST(two_families)
{
  struct truth truth;
  json_t *pages;

  E2E_NEED_ROOT();
  pages = report(&truth, 2, false);
  expect_relation(&truth, "shared", DIFFERENT);
  expect_relation(&truth, "other", ONE_FRAME);
  expect_right(&truth, pages);
  json_decref(pages);
}
END_TEST

static size_t count_true(const struct truth *truth, const json_t *pages)
{
  size_t known = 0;

  for (size_t i = 0; i < truth->places; i++) {
    const struct place *place = &truth->place[i];
    const char *found = verdict_at(pages, place->va);

    ck_assert_msg(is_true(found, relation_of(place, truth->pids), place, truth->pids),
                  "without frame numbers the page called %s at %#lx is %s", place->label, (unsigned long)place->va,
                  found);
    known += strcmp(found, "unknown") != 0;
  }
  return known;
}

START_TEST(numbers_hidden)
{
  struct truth truth;
  json_t *pages;

  E2E_NEED_ROOT();
  pages = report(&truth, 1, true);
  ck_assert_uint_ge(count_true(&truth, pages), 6 * 4); /* all, zero, file, shared, other, memfd at least */
  json_decref(pages);
}
END_TEST

START_TEST(numbers_of_two_families_hidden)
{
  struct truth truth;
  json_t *pages;

  E2E_NEED_ROOT();
  pages = report(&truth, 2, true);
  ck_assert_uint_ge(count_true(&truth, pages), 2 * 4); /* all, zero */
  json_decref(pages);
}
END_TEST

/* What `heap` adds up is what the kernel counts, in each of them. */
START_TEST(sums)
{
  struct truth truth;
  char **traces;
  size_t traced;

  E2E_NEED_ROOT();
  json_decref(report(&truth, 1, false));
  traces = e2e_traces(e2e_dir(), &traced);
  for (size_t i = 0; i < traced; i++) {
    json_t *heap = e2e_json(E2E_ARGV("heap"), (char *const[]){traces[i], NULL});
    long long total = e2e_int(heap, "resident.total_bytes"), rss = e2e_int(heap, "resident.rss_bytes");

    ck_assert_msg(llabs(total - rss) * 100 <= rss, "%lld bytes are found, and the kernel counts %lld", total, rss);
    json_decref(heap);
  }
  e2e_traces_free(traces);
}
END_TEST

int main(void)
{
  Suite *suite = suite_create("truth");
  TCase *tcase = e2e_case(suite, "truth", 120);

  tcase_add_test(tcase, a_family);
  tcase_add_test(tcase, two_families);
  tcase_add_test(tcase, numbers_hidden);
  tcase_add_test(tcase, numbers_of_two_families_hidden);
  tcase_add_test(tcase, sums);
  return e2e_main(suite);
}
