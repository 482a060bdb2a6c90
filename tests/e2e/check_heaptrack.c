/*
 * The numbers of `vmtrace heap` against those of heaptrack, for programs that
 * do the same in every run: the same sequence of allocations and frees, call by
 * call, and the same totals for every function.  Judges by heaptrack's own
 * file, as its interpreter writes it.  Skipped where heaptrack is not installed.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "e2e.h"

#define PRELOAD "/usr/lib/heaptrack/libheaptrack_preload.so"
#define INTERPRET "/usr/lib/heaptrack/libexec/heaptrack_interpret"

/* heaptrack is C++ and brings libstdc++ along, which allocates this much in its constructor; heaptrack has it freed at
 * the end (__gnu_cxx::__freeres). */
#define CXX_POOL 72704

#define SKIP_UNLESS_INSTALLED(program)                                                                                 \
  do {                                                                                                                 \
    if (access(PRELOAD, R_OK) || access(INTERPRET, X_OK) || !e2e_has(program))                                         \
      E2E_SKIP("needs heaptrack and %s", program);                                                                     \
  } while (0)

/* What a program did: each allocation by its size, each free by the negative size, as numbers; and what each function
 * that called an allocator, or called who did, allocated. */
struct account {
  json_t *sequence;
  json_t *functions; /* by name: [allocations, bytes] */
};

/* What follows from a sequence. */
struct sums {
  long long allocations, frees, requested, live, peak;
};

static struct sums sum_up(const json_t *sequence)
{
  struct sums s = {0};
  json_t *step;
  size_t i;

  json_array_foreach(sequence, i, step) {
    long long size = json_integer_value(json_array_get(step, 1));

    if (json_integer_value(json_array_get(step, 0)) > 0) {
      s.allocations++;
      s.requested += size;
      s.live += size;
      s.peak = s.live > s.peak ? s.live : s.peak;
    } else {
      s.frees++;
      s.live -= size;
    }
  }
  return s;
}

static void add_step(struct account *a, int sign, long long size)
{
  json_array_append_new(a->sequence, json_pack("[i, I]", sign, (json_int_t)size));
}

/* A call stack allocated: each of its functions counts once, however often it is on the stack.  names: a set. */
static void add_functions(struct account *a, const json_t *names, long long allocations, long long bytes)
{
  const char *name;
  json_t *unused;

  json_object_foreach((json_t *)names, name, unused) {
    json_t *sum = json_object_get(a->functions, name);

    if (!*name)
      continue;
    if (!sum) {
      sum = json_pack("[i, i]", 0, 0);
      json_object_set_new(a->functions, name, sum);
    }
    json_array_set_new(sum, 0, json_integer(json_integer_value(json_array_get(sum, 0)) + allocations));
    json_array_set_new(sum, 1, json_integer(json_integer_value(json_array_get(sum, 1)) + bytes));
  }
}

/* heaptrack's file */

/* The tables of the file; all numbers in it are indices from 1, but those of infos. */
struct tables {
  char **strings;
  char **places; /* the line of a place: module, then function, file and line, inlined ones first */
  struct {
    unsigned place, parent;
  } * traces;
  struct {
    long long size;
    unsigned trace;
  } * infos;
  size_t string_count, place_count, trace_count, info_count;
};

static unsigned number(char **p)
{
  return (unsigned)strtoul(*p, p, 16);
}

/* The text of a line "s LENGTH TEXT". */
static char *string_of(char *line)
{
  char *text = strchr(line + 2, ' ');

  return text ? text + 1 : line + strlen(line);
}

static void place_functions(const struct tables *t, unsigned place, json_t *names)
{
  char *p;

  ck_assert_uint_le(place, t->place_count);
  p = t->places[place] + 2;
  strtoull(p, &p, 16);
  number(&p);
  while (*p == ' ') {
    unsigned function = number(&p);

    ck_assert_uint_le(function, t->string_count);
    if (function)
      json_object_set_new(names, t->strings[function], json_null());
    number(&p);
    number(&p);
  }
}

static json_t *trace_functions(const struct tables *t, unsigned trace)
{
  json_t *names = json_object();

  while (trace) {
    ck_assert_uint_le(trace, t->trace_count);
    place_functions(t, t->traces[trace].place, names);
    trace = t->traces[trace].parent;
  }
  return names;
}

/* One line of the file; pool counts the blocks of CXX_POOL bytes that are live. */
static void take_line(struct account *a, struct tables *t, char *line, unsigned *pool)
{
  char *p = line + 2;
  unsigned info;

  switch (*line) {
  case 's':
    t->strings[++t->string_count] = string_of(line);
    return;
  case 'i':
    t->places[++t->place_count] = line;
    return;
  case 't':
    t->traces[++t->trace_count].place = number(&p);
    t->traces[t->trace_count].parent = number(&p);
    return;
  case 'a':
    t->infos[t->info_count].size = (long long)strtoull(p, &p, 16);
    t->infos[t->info_count++].trace = number(&p);
    return;
  case '+':
  case '-':
    info = number(&p);
    break;
  default:
    return;
  }
  ck_assert_uint_lt(info, t->info_count);
  /* Of its own libstdc++: the very first allocation of all. */
  if (t->infos[info].size == CXX_POOL && (*pool == 1 || !json_array_size(a->sequence))) {
    *pool += *line == '+' ? 1 : -1;
    return;
  }
  add_step(a, *line == '+' ? 1 : -1, t->infos[info].size);
  if (*line == '+') {
    json_t *names = trace_functions(t, t->infos[info].trace);

    add_functions(a, names, 1, t->infos[info].size);
    json_decref(names);
  }
}

static size_t count_lines(const char *text)
{
  size_t n = 0;

  for (; *text; text++)
    n += *text == '\n';
  return n;
}

static struct account account_new(void)
{
  return (struct account){.sequence = json_array(), .functions = json_object()};
}

/*
 * The environment of both runs is the same to the last byte, as programs copy
 * it: heaptrack takes its own variables out, and in the place of the other's
 * LD_PRELOAD there is another variable of that length.
 */
#define ENVIRONMENT "PATH=/usr/bin:/bin", "LC_ALL=C", "HOME=/nonexistent", "PERL_HASH_SEED=0", "PERL_PERTURB_KEYS=0"

/* The program under heaptrack.  *stats: what its interpreter says on stderr. */
static struct account run_heaptrack(const char *const *argv, const char *input, char **stats)
{
  const char *raw = e2e_path("heaptrack.raw");
  struct account a = account_new();
  struct e2e_result result;
  struct tables t;
  unsigned pool = 0;
  char output[4200], instead[4200], trace[4200], *rest;
  size_t lines;

  snprintf(output, sizeof output, "DUMP_HEAPTRACK_OUTPUT=%s", raw);
  snprintf(instead, sizeof instead, "LE_PRELOAD=%s", e2e_library());
  snprintf(trace, sizeof trace, "VMTRACE_OUT=%s/%%e.%%p.vmt", e2e_dir());
  e2e_run(&(struct e2e_spec){.argv = argv,
                             .bare = true,
                             .env = E2E_ARGV(instead, trace, ENVIRONMENT, "LD_PRELOAD=" PRELOAD, output),
                             .input = input},
          &result);
  e2e_expect_exit(&result, 0);
  e2e_release(&result);
  e2e_run(&(struct e2e_spec){.argv = E2E_ARGV(INTERPRET), .input = raw}, &result);
  e2e_expect_exit(&result, 0);
  lines = count_lines(result.out) + 2;
  t = (struct tables){.strings = calloc(lines, sizeof *t.strings),
                      .places = calloc(lines, sizeof *t.places),
                      .traces = calloc(lines, sizeof *t.traces),
                      .infos = calloc(lines, sizeof *t.infos)};
  ck_assert(t.strings && t.places && t.traces && t.infos);
  for (char *line = strtok_r(result.out, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest))
    take_line(&a, &t, line, &pool);
  ck_assert_msg(pool == 0, "the pool of libstdc++ is not freed any more");
  *stats = strdup(result.err);
  free(t.strings);
  free(t.places);
  free(t.traces);
  free(t.infos);
  e2e_release(&result);
  return a;
}

/* vmtrace */

static void take_stack(struct account *a, const json_t *stack)
{
  json_t *names = json_object(), *frame;
  size_t i;

  json_array_foreach(e2e_get(stack, "frames"), i, frame) {
    json_t *function = e2e_get(frame, "function");

    if (json_is_string(function))
      json_object_set_new(names, json_string_value(function), json_null());
  }
  if (e2e_int(stack, "allocations"))
    add_functions(a, names, e2e_int(stack, "allocations"), e2e_int(stack, "requested_bytes"));
  json_decref(names);
}

/* Temporary in heaptrack's sense: freed by the very next event. */
static long long freed_at_once(const json_t *events)
{
  const char *latest = "";
  long long n = 0;
  json_t *event;
  size_t i;

  json_array_foreach(events, i, event) {
    const char *op = e2e_str(event, "op");

    if (!strcmp(op, "free"))
      n += !strcmp(e2e_str(event, "addr"), latest);
    else if (!strcmp(op, "realloc"))
      n += !strcmp(e2e_str(event, "old"), latest);
    else if (strcmp(op, "alloc") != 0)
      continue;
    latest = strcmp(op, "free") != 0 ? e2e_str(event, "addr") : "";
  }
  return n;
}

/* The program under vmtrace; *totals those of `heap`, *temporary as heaptrack counts it. */
static struct account run_vmtrace(const char *const *argv, const char *input, json_t **totals, long long *temporary)
{
  struct account a = account_new();
  json_t *heap, *events, *event, *stack;
  struct e2e_result result;
  const char *path;
  size_t i;

  e2e_run(
      &(struct e2e_spec){
          .argv = argv, .bare = true, .env = E2E_ARGV(ENVIRONMENT), .preload = e2e_library(), .input = input},
      &result);
  e2e_expect_exit(&result, 0);
  e2e_release(&result);
  path = e2e_only_trace(e2e_dir());
  events = e2e_dump(path);
  json_array_foreach(events, i, event) {
    const char *op = e2e_str(event, "op");

    if (!strcmp(op, "free"))
      add_step(&a, -1, e2e_int(event, "size"));
    if (!strcmp(op, "realloc"))
      add_step(&a, -1, e2e_int(event, "old_size"));
    if (!strcmp(op, "alloc") || !strcmp(op, "realloc"))
      add_step(&a, 1, e2e_int(event, "size"));
  }
  *temporary = freed_at_once(events);
  json_decref(events);
  heap = e2e_json(E2E_ARGV("heap", "--all"), (char *const[]){(char *)path, NULL});
  json_array_foreach(e2e_get(heap, "stacks"), i, stack)
    take_stack(&a, stack);
  *totals = json_deep_copy(e2e_get(heap, "totals"));
  json_decref(heap);
  return a;
}

/* comparing */

static void compare_sequences(const json_t *theirs, const json_t *ours)
{
  size_t n = json_array_size(theirs);

  for (size_t i = 0; i < n; i++) {
    if (!json_equal(json_array_get(theirs, i), json_array_get(ours, i)))
      ck_abort_msg("call %zu of %zu: heaptrack has %s, vmtrace %s", i, n,
                   json_dumps(json_array_get(theirs, i), JSON_ENCODE_ANY),
                   json_dumps(json_array_get(ours, i), JSON_ENCODE_ANY));
  }
  ck_assert_uint_eq(json_array_size(ours), n);
  ck_assert_uint_gt(n, 1000);
}

/* All that is in a and not, or not the same, in b. */
static void compare_functions(json_t *a, json_t *b, const char *who)
{
  const char *name;
  json_t *sum;

  json_object_foreach(a, name, sum) {
    if (!json_equal(sum, json_object_get(b, name)))
      ck_abort_msg("%s: %s has %s, the other %s", name, who, json_dumps(sum, 0),
                   json_dumps(json_object_get(b, name), JSON_ENCODE_ANY));
  }
  ck_assert_uint_gt(json_object_size(a), 20);
}

static long long stat_of(const char *stats, const char *name)
{
  const char *at = strstr(stats, name);

  ck_assert_msg(at, "heaptrack does not say '%s':\n%s", name, stats);
  return strtoll(at + strlen(name), NULL, 10);
}

static void compare(const char *const *argv, const char *input)
{
  struct account theirs, ours;
  long long temporary;
  struct sums sums;
  json_t *totals;
  char *stats;

  theirs = run_heaptrack(argv, input, &stats);
  ours = run_vmtrace(argv, input, &totals, &temporary);
  compare_sequences(theirs.sequence, ours.sequence);
  sums = sum_up(theirs.sequence);
  ck_assert_int_eq(e2e_int(totals, "allocations"), sums.allocations);
  ck_assert_int_eq(e2e_int(totals, "frees"), sums.frees);
  ck_assert_int_eq(e2e_int(totals, "requested_bytes"), sums.requested);
  ck_assert_int_eq(e2e_int(totals, "leaked_allocations"), sums.allocations - sums.frees);
  ck_assert_int_eq(e2e_int(totals, "leaked_bytes"), sums.live);
  ck_assert_int_eq(e2e_int(totals, "peak_live_bytes"), sums.peak);
  /* As its own interpreter counts, the pool being one allocation more. */
  ck_assert_int_eq(e2e_int(totals, "allocations") + 1, stat_of(stats, "\tallocations:"));
  ck_assert_int_eq(e2e_int(totals, "leaked_allocations"), stat_of(stats, "leaked allocations:"));
  ck_assert_int_eq(temporary, stat_of(stats, "temporary allocations:"));
  ck_assert_int_ge(e2e_int(totals, "temporary"), temporary);
  compare_functions(theirs.functions, ours.functions, "heaptrack");
  compare_functions(ours.functions, theirs.functions, "vmtrace");
  free(stats);
}

START_TEST(perl)
{
  SKIP_UNLESS_INSTALLED("perl");
  compare(E2E_ARGV("/usr/bin/perl", "-e",
                   "my %h; for (1 .. 3000) { push @{$h{$_ % 97}}, 'x' x ($_ % 50) } my $n = 0;"
                   "for my $k (sort keys %h) { $n += length join ',', sort @{$h{$k}} } print \"$n\\n\";"),
          NULL);
}
END_TEST

START_TEST(sqlite3)
{
  const char *sql = e2e_path("load.sql");
  FILE *file;

  SKIP_UNLESS_INSTALLED("sqlite3");
  file = fopen(sql, "w");
  ck_assert_ptr_nonnull(file);
  fputs("create table t(a, b); begin;\n", file);
  for (int i = 0; i < 200; i++)
    fprintf(file, "insert into t values(%d, hex(%d));\n", i, 7919 * i);
  fputs("commit; create index i on t(b); select count(*), sum(a) from t where b like '%3%';\n"
        "select * from t order by b desc limit 5;\n",
        file);
  fclose(file);
  compare(E2E_ARGV("/usr/bin/sqlite3", ":memory:"), sql);
}
END_TEST

START_TEST(git)
{
  const char *repository = e2e_path("repository"), *made = e2e_path("made");
  const char *make =
      "set -e; git init -q -b main \"$0\"; cd \"$0\"; for i in 1 2 3 4 5 6 7 8; do seq $((i * 100)) >file$((i % 3));"
      " git add .; git -c user.name=a -c user.email=a@b commit -q -m \"commit $i\"; done; touch \"$1\"";
  struct e2e_result result;

  SKIP_UNLESS_INSTALLED("git");
  e2e_run(&(struct e2e_spec){.argv = E2E_ARGV("/bin/sh", "-c", make, repository, made),
                             .env = E2E_ARGV("HOME=/nonexistent", "GIT_CONFIG_NOSYSTEM=1")},
          &result);
  e2e_expect_exit(&result, 0);
  e2e_release(&result);
  compare(E2E_ARGV("/usr/bin/git", "-C", repository, "log", "-p", "--stat"), NULL);
}
END_TEST

int main(void)
{
  Suite *suite = suite_create("heaptrack");
  TCase *tcase = e2e_case(suite, "heaptrack", 120);

  tcase_add_test(tcase, perl);
  tcase_add_test(tcase, sqlite3);
  tcase_add_test(tcase, git);
  return e2e_main(suite);
}
