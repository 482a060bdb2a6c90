/*
 * The commands of the analyzer as a user meets them: exit codes, usage, one
 * line for what cannot be read, info and dump on real traces.
 */
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "e2e.h"

#define RUN(status, ...) e2e_run_plain(E2E_ARGV(e2e_analyzer(), __VA_ARGS__), status)

static unsigned lines(const char *text)
{
  unsigned n = 0;

  for (; *text; text++)
    n += *text == '\n';
  return n;
}

/* A trace of several threads that hand blocks to each other. */
static const char *threads_trace(void)
{
  struct e2e_result result;

  e2e_run(&(struct e2e_spec){.argv = E2E_ARGV(e2e_prog("threads8"), "7", "300"), .preload = e2e_library()}, &result);
  e2e_expect_exit(&result, 0);
  e2e_release(&result);
  return e2e_only_trace(e2e_dir());
}

START_TEST(usage)
{
  static const char *const wrong[][4] = {
      {NULL},
      {"nonsense"},
      {"--nonsense"},
      {"help", "nonsense"},
      {"info"},
      {"dump"},
      {"pages"},
      {"info", "--format=xml", "a.vmt"},
      {"info", "--nonsense", "a.vmt"},
      {"dump", "--op=alloc,nonsense", "a.vmt"},
      {"dump", "--from=soon", "a.vmt"},
      {"dump", "--to=-1", "a.vmt"},
      {"dump", "--to=1x", "a.vmt"},
      {"dump", "--to=inf", "a.vmt"},
      {"dump", "--thread=x", "a.vmt"},
      {"dump", "--thread=", "a.vmt"},
      {"dump", "--thread=0..1", "a.vmt"},
      {"heap", "--top=0", "a.vmt"},
      {"heap", "--top=-1", "a.vmt"},
      {"heap", "--top=", "a.vmt"},
      {"heap", "--top=18446744073709551617", "a.vmt"},
      {"heap", "--top= 3", "a.vmt"},
      {"pages", "--address=-1", "a.vmt"},
      {"pages", "--address=0x", "a.vmt"},
      {"pages", "--address=2-1", "a.vmt"},
      {"pages", "--address=1+18446744073709551615", "a.vmt"},
      {"pack", "--level=0", "a.vmt"},
      {"pack", "--level=+3", "a.vmt"},
      {"pack", "--output=", "a.vmt"},
      {"run", "--heap=foo", "true"},
      {"run", "--stack=99999", "true"},
      {"run", "--stack=", "true"},
      {"run", "--watch=1:short", "true"},
      {"run", "-n0", "true"},
      {"run", "-n-1", "true"},
      {"run", "--duration=0", "true"},
      {"run", "--duration=nan", "true"},
      {"run", "--output=", "true"},
  };

  for (unsigned i = 0; i < sizeof wrong / sizeof *wrong; i++) {
    struct e2e_result r = RUN(2, wrong[i][0], wrong[i][1], wrong[i][2]);

    ck_assert_uint_eq(r.out_len, 0);
    ck_assert_msg(!strncmp(r.err, "vmtrace", 7) && lines(r.err) <= 2, "%s", r.err);
    e2e_release(&r);
  }
}
END_TEST

/* Two options that are right each by itself. */
START_TEST(contradictions)
{
  struct e2e_result times = RUN(2, "dump", "--from=2", "--to=1", "a.vmt");
  struct e2e_result places = RUN(2, "run", "--output=a", "--out=b", "true");
  struct e2e_result moments = RUN(2, "heap", "--at=1", "--until=2", "a.vmt");

  ck_assert_ptr_nonnull(strstr(times.err, "--from is after --to"));
  ck_assert_ptr_nonnull(strstr(places.err, "choose one"));
  ck_assert_ptr_nonnull(strstr(moments.err, "choose one"));
  e2e_release(&times);
  e2e_release(&places);
  e2e_release(&moments);
}
END_TEST

/* The library's own answer to a value of an option, by its line on stderr, and that of `run`. */
START_TEST(run_settings)
{
  static const char *const values[][2] = {
      {"HEAP", "pin"},          {"HEAP", "next"},
      {"HEAP", "Pin"},          {"HEAP", ""},
      {"STACK", "1024"},        {"STACK", "1025"},
      {"STACK", "0x400"},       {"STACK", "0x401"},
      {"STACK", "-1"},          {"STACK", "+1"},
      {"STACK", " 1"},          {"STACK", "1 "},
      {"STACK", "0x"},          {"STACK", ""},
      {"SAMPLE_MS", "3600000"}, {"SAMPLE_MS", "3600001"},
      {"UNWIND", "plain"},      {"UNWIND", "plainly"},
      {"UNWIND", "cached "},    {"FAULTS", "yes"},
      {"FAULTS", "on"},         {"ON_ERROR", "abort"},
      {"ON_ERROR", "ignore"},   {"LOG", "warn"},
      {"LOG", "loud"},          {"WATCH", ""},
      {"WATCH", "0x10:int"},    {"WATCH", "16:ptr,32:double,"},
      {"WATCH", "16:ptr;"},     {"WATCH", ":int"},
      {"WATCH", "0x10:short"},  {"WATCH", "0x10"},
      {"WATCH", ","},           {"STACK", "18446744073709551617"},
  };

  for (unsigned i = 0; i < sizeof values / sizeof *values; i++) {
    char variable[128], option[128];
    struct e2e_result library, run, environment;

    snprintf(variable, sizeof variable, "VMTRACE_%s=%s", values[i][0], values[i][1]);
    snprintf(option, sizeof option, "--%s=%s", values[i][0], values[i][1]);
    for (char *p = option; *p && *p != '='; p++)
      *p = *p == '_' ? '-' : *p >= 'A' && *p <= 'Z' ? (char)(*p | 32) : *p;
    e2e_run(&(struct e2e_spec){.argv = E2E_ARGV("true"), .preload = e2e_library(), .env = E2E_ARGV(variable)},
            &library);
    e2e_run(&(struct e2e_spec){.argv = E2E_ARGV(e2e_analyzer(), "run", "--out=off", option, "--", "true")}, &run);
    e2e_run(&(struct e2e_spec){.argv = E2E_ARGV(e2e_analyzer(), "run", "--out=off", "--", "true"),
                               .env = E2E_ARGV(variable)},
            &environment);
    e2e_expect_exit(&run, strstr(library.err, "is not understood") ? 2 : 0);
    e2e_expect_exit(&environment, strstr(library.err, "is not understood") ? 2 : 0);
    e2e_release(&library);
    e2e_release(&run);
    e2e_release(&environment);
  }
}
END_TEST

/* The program does not start when its trace cannot be written. */
START_TEST(unwritable)
{
  const char *dir = e2e_path("closed");
  struct e2e_result r;

  ck_assert_int_eq(mkdir(dir, 0555), 0);
  e2e_run(&(struct e2e_spec){.argv = E2E_ARGV(e2e_copy(e2e_analyzer()), "run", "-o", dir, "--", "echo", "started"),
                             .uid = geteuid() == 0 ? 65534 : 0},
          &r);
  e2e_expect_exit(&r, 2);
  ck_assert_uint_eq(r.out_len, 0);
  e2e_release(&r);
}
END_TEST

/* Colours are for terminals that know them and users who want them. */
START_TEST(colours)
{
  static const char *const env[][3] = {
      {"TERM=xterm", "NO_COLOR"}, {"TERM=dumb", "NO_COLOR"}, {"TERM=xterm", "NO_COLOR=1"}, {"TERM", "NO_COLOR"}};

  if (!e2e_has("script"))
    E2E_SKIP("needs script(1)");
  for (unsigned i = 0; i < sizeof env / sizeof *env; i++) {
    char command[4200];
    struct e2e_result r;

    snprintf(command, sizeof command, "%s doctor", e2e_analyzer());
    e2e_run(&(struct e2e_spec){.argv = E2E_ARGV("script", "-qec", command, "/dev/null"), .env = env[i]}, &r);
    ck_assert_ptr_nonnull(strstr(r.out, "vmtrace works"));
    ck_assert_int_eq(strstr(r.out, "\033[3") != NULL, i == 0);
    e2e_release(&r);
  }
}
END_TEST

/* A directory stands for the traces in it. */
START_TEST(directory)
{
  const char *path = threads_trace();
  struct e2e_result one = RUN(0, "pages", path), all = RUN(0, "pages", e2e_path(".")), none;

  ck_assert_str_eq(one.out, all.out);
  none = RUN(2, "dump", "--thread=0.77", path);
  ck_assert_ptr_nonnull(strstr(none.err, "there is no thread 0.77"));
  e2e_release(&one);
  e2e_release(&all);
}
END_TEST

START_TEST(help)
{
  static const char *const commands[] = {"run", "info", "dump", "pages", "doctor"};
  struct e2e_result all = RUN(0, "--help"), same = RUN(0, "help"), version = RUN(0, "--version");

  ck_assert_str_eq(all.out, same.out);
  ck_assert_ptr_nonnull(strstr(version.out, "vmtrace "));
  for (unsigned i = 0; i < sizeof commands / sizeof *commands; i++) {
    struct e2e_result a = RUN(0, commands[i], "--help"), b = RUN(0, "help", commands[i]);
    char line[32];

    snprintf(line, sizeof line, "\n  %-8s ", commands[i]);
    ck_assert_ptr_nonnull(strstr(all.out, line));
    snprintf(line, sizeof line, "Usage: vmtrace %s", commands[i]);
    ck_assert_ptr_eq(strstr(a.out, line), a.out);
    ck_assert_str_eq(a.out, b.out);
    e2e_release(&a);
    e2e_release(&b);
  }
  e2e_release(&all);
  e2e_release(&same);
  e2e_release(&version);
}
END_TEST

START_TEST(unreadable)
{
  static const char *const commands[] = {"info", "dump", "pages"};
  static const char *const paths[] = {"/nowhere/at all.vmt", "/", "/dev/null", "/etc/passwd"};

  for (unsigned c = 0; c < sizeof commands / sizeof *commands; c++) {
    for (unsigned i = 0; i < sizeof paths / sizeof *paths; i++) {
      struct e2e_result r = RUN(3, commands[c], "--format=json", paths[i]);

      ck_assert_uint_eq(r.out_len, 0);
      ck_assert_uint_eq(lines(r.err), 1);
      ck_assert_ptr_nonnull(strstr(r.err, paths[i]));
      e2e_release(&r);
    }
  }
}
END_TEST

/* What can be read is reported although something else cannot. */
START_TEST(some_unreadable)
{
  const char *trace = threads_trace();
  struct e2e_result text = RUN(3, "info", "/etc/passwd", trace), json = RUN(3, "info", "--format=json", trace, "/");
  json_t *array = json_loads(json.out, 0, NULL);

  ck_assert_ptr_nonnull(strstr(text.out, trace));
  ck_assert_uint_eq(lines(text.err), 1);
  ck_assert_uint_eq(json_array_size(array), 1);
  ck_assert_str_eq(e2e_str(json_array_get(array, 0), "trace"), trace);
  json_decref(array);
  e2e_release(&text);
  e2e_release(&json);
}
END_TEST

START_TEST(info_of_real_traces)
{
  const char *trace = threads_trace();
  struct e2e_result text = RUN(0, "info", trace), one = RUN(0, "info", "--format=json", trace),
                    two = RUN(0, "info", "--format=json", trace, trace);
  json_t *object = json_loads(one.out, 0, NULL), *array = json_loads(two.out, 0, NULL);

  ck_assert(json_is_object(object) && json_is_array(array));
  ck_assert_uint_eq(json_array_size(array), 2);
  ck_assert(json_equal(json_array_get(array, 0), object) && json_equal(json_array_get(array, 1), object));
  ck_assert_int_eq(e2e_int(object, "threads"), 10);
  ck_assert_int_eq(e2e_int(object, "lost"), 0);
  ck_assert_str_eq(e2e_str(object, "ended"), "exit");
  ck_assert(json_is_true(e2e_get(object, "complete")));
  ck_assert_int_eq(e2e_int(object, "damage.bad_chunks") + e2e_int(object, "damage.bad_records"), 0);
  ck_assert_int_gt(e2e_int(object, "events.alloc"), 10000);
  ck_assert_ptr_nonnull(strstr(text.out, "\nthreads       10\n"));
  ck_assert_ptr_nonnull(strstr(text.out, "\ncomplete      yes\n"));
  json_decref(object);
  json_decref(array);
  e2e_release(&text);
  e2e_release(&one);
  e2e_release(&two);
}
END_TEST

START_TEST(dump_filters)
{
  const char *trace = threads_trace();
  struct e2e_result all = RUN(0, "dump", trace), json = RUN(0, "dump", "--format=json", trace),
                    frees = RUN(0, "dump", "--format=json", "--op=free", trace),
                    thread = RUN(0, "dump", "--thread=0.1", trace), late = RUN(0, "dump", "--from=100000", trace),
                    early = RUN(0, "dump", "--to=100000", trace),
                    both = RUN(0, "dump", "--op=alloc,realloc", "--thread=0.1", trace);
  unsigned n = 0;

  ck_assert_uint_eq(lines(all.out), lines(json.out));
  ck_assert_str_eq(all.out, early.out);
  ck_assert_uint_eq(late.out_len, 0);
  for (const char *p = json.out; (p = strstr(p, "{\"op\":\"free\"")); p++)
    n++;
  ck_assert_uint_gt(n, 1000);
  ck_assert_uint_eq(lines(frees.out), n);
  n = 0;
  for (const char *p = all.out; (p = strstr(p, "  0.1  ")); p++)
    n++;
  ck_assert_uint_eq(lines(thread.out), n);
  ck_assert_uint_gt(lines(both.out), 100);
  ck_assert_uint_lt(lines(both.out), n);
  e2e_release(&all);
  e2e_release(&json);
  e2e_release(&frees);
  e2e_release(&thread);
  e2e_release(&late);
  e2e_release(&early);
  e2e_release(&both);
}
END_TEST

static json_t *address_of(const json_t *event, const char *key)
{
  return json_object_get(event, key);
}

/* Per address exactly one block at a time, and each thread's allocations numbered without a gap. */
START_TEST(order_of_handed_over_blocks)
{
  json_t *events = e2e_dump(threads_trace()), *live = json_object(), *seqs = json_object(), *event;
  unsigned handed = 0;
  long long now = 0;
  size_t i;

  json_array_foreach(events, i, event) {
    const char *op = e2e_str(event, "op"), *thread = e2e_str(event, "thread");
    bool alloc = !strcmp(op, "alloc"), resize = !strcmp(op, "realloc");
    const json_t *gone = resize ? address_of(event, "old") : strcmp(op, "free") ? NULL : address_of(event, "addr");

    ck_assert_int_ge(e2e_int(event, "time_ns"), now);
    now = e2e_int(event, "time_ns");
    if (gone) {
      const char *owner = json_string_value(json_object_get(live, json_string_value(gone)));

      ck_assert_msg(owner, "event %zu: %s of %s, which is not live", i, op, json_string_value(gone));
      handed += strcmp(owner, thread) != 0;
      json_object_del(live, json_string_value(gone));
    }
    if (alloc || resize) {
      const char *addr = e2e_str(event, "addr");
      json_int_t seq = json_integer_value(json_object_get(seqs, thread));

      ck_assert_msg(!json_object_get(live, addr), "event %zu: %s at %s, which is live", i, op, addr);
      json_object_set_new(live, addr, json_string(thread));
      ck_assert_int_eq(e2e_int(event, "seq"), seq);
      json_object_set_new(seqs, thread, json_integer(seq + 1));
    }
  }
  ck_assert_uint_gt(handed, 1000);
  json_decref(events);
  json_decref(live);
  json_decref(seqs);
}
END_TEST

int main(void)
{
  Suite *suite = suite_create("commands");
  TCase *tcase = e2e_case(suite, "commands", 120);

  tcase_add_test(tcase, usage);
  tcase_add_test(tcase, contradictions);
  tcase_add_test(tcase, run_settings);
  tcase_add_test(tcase, unwritable);
  tcase_add_test(tcase, colours);
  tcase_add_test(tcase, directory);
  tcase_add_test(tcase, help);
  tcase_add_test(tcase, unreadable);
  tcase_add_test(tcase, some_unreadable);
  tcase_add_test(tcase, info_of_real_traces);
  tcase_add_test(tcase, dump_filters);
  tcase_add_test(tcase, order_of_handed_over_blocks);
  return e2e_main(suite);
}
