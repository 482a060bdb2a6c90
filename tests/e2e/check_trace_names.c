/*
 * Where traces go and how they are called, and what the library says when
 * that does not work or a variable is wrong: one line, which no name can break or colour.
 */
#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "e2e.h"

static struct e2e_result run_with(const char *variable, const char *const *argv)
{
  struct e2e_result result;

  e2e_run(&(struct e2e_spec){.argv = argv, .preload = e2e_library(), .env = E2E_ARGV(variable)}, &result);
  e2e_expect_exit(&result, 0);
  return result;
}

static const char *out_at(const char *path)
{
  static char text[5000];

  snprintf(text, sizeof text, "VMTRACE_OUT=%s", path);
  return text;
}

static unsigned lines(const char *text)
{
  unsigned n = 0;

  for (; *text; text++)
    n += *text == '\n';
  return n;
}

/* Files in dir. */
static unsigned files(const char *dir)
{
  DIR *d = opendir(dir);
  unsigned n = 0;

  for (const struct dirent *entry; (entry = readdir(d));)
    n += entry->d_name[0] != '.';
  closedir(d);
  return n;
}

/* Three programs, one process: env becomes nice, nice becomes mem. */
START_TEST(images_of_a_process_are_found_by_their_ending)
{
  struct e2e_result result;
  json_t *first, *second, *last;
  char *traces[3];

  result = run_with(out_at(e2e_path("a.vmt")), E2E_ARGV("env", "nice", e2e_prog("mem"), "0"));
  for (int i = 0; i < 3; i++)
    traces[i] = strdup(i ? e2e_path("a.%d.vmt", i) : e2e_path("a.vmt"));
  first = e2e_json(E2E_ARGV("info"), (char *const[]){traces[0], NULL});
  second = e2e_json(E2E_ARGV("info"), (char *const[]){traces[1], NULL});
  last = e2e_json(E2E_ARGV("info"), (char *const[]){traces[2], NULL});
  ck_assert_str_eq(e2e_str(first, "exec_trace"), traces[1]);
  ck_assert_ptr_nonnull(strstr(e2e_str(first, "exec_path"), "nice"));
  ck_assert_str_eq(e2e_str(second, "exec_trace"), traces[2]);
  ck_assert_str_eq(e2e_str(second, "exec_path"), e2e_prog("mem"));
  ck_assert(json_is_null(e2e_get(last, "exec_trace")));
  json_decref(first);
  json_decref(second);
  json_decref(last);
  e2e_release(&result);
}
END_TEST

START_TEST(run_says_what_became_of_a_process)
{
  struct e2e_result result =
      e2e_run_plain(E2E_ARGV(e2e_analyzer(), "run", "-o", e2e_dir(), "--", "nice", e2e_prog("mem"), "0"), 0);

  ck_assert_ptr_nonnull(strstr(result.err, "became"));
  ck_assert_ptr_nonnull(strstr(result.err, "traced in"));
  ck_assert_ptr_nonnull(strstr(result.err, ".1.vmt"));
  e2e_release(&result);
  result = e2e_run_plain(
      E2E_ARGV(e2e_analyzer(), "run", "-o", e2e_path("empty"), "--", "env", "-i", e2e_prog("mem"), "0"), 0);
  ck_assert_ptr_nonnull(strstr(result.err, "which could not be traced"));
  e2e_release(&result);
}
END_TEST

static const char *const endings[] = {"", "/"};

START_TEST(a_directory_takes_the_trace)
{
  char name[4096];
  struct e2e_result result;

  snprintf(name, sizeof name, "%s", e2e_path("dir%s", endings[_i]));
  mkdir(name, 0777);
  result = run_with(out_at(name), E2E_ARGV(e2e_prog("mem"), "0"));
  ck_assert_str_eq(result.err, "");
  ck_assert_int_eq(access(e2e_path("dir/vmtrace.%d.vmt", (int)result.pid), R_OK), 0);
  ck_assert_uint_eq(files(e2e_dir()), 1);
  e2e_release(&result);
}
END_TEST

/* A FIFO, a device by a link, and a directory that is not there. */
START_TEST(what_takes_no_trace_is_refused_in_one_line)
{
  const char *path = e2e_path(_i == 2 ? "nowhere/x.vmt" : "special");
  struct e2e_result result;
  unsigned before;

  if (_i == 0)
    ck_assert_int_eq(mkfifo(path, 0666), 0);
  if (_i == 1)
    ck_assert_int_eq(symlink("/dev/null", path), 0);
  before = files("/dev");
  result = run_with(out_at(path), E2E_ARGV(e2e_prog("mem"), "0"));
  ck_assert_uint_eq(lines(result.err), 1);
  ck_assert_ptr_nonnull(strstr(result.err, "no trace of process"));
  ck_assert_ptr_nonnull(strstr(result.err, _i == 2 ? "no such directory" : "regular file"));
  ck_assert_ptr_nonnull(strstr(result.out, "0x200000"));
  ck_assert_uint_eq(files("/dev"), before);
  ck_assert_uint_eq(files(e2e_dir()), _i == 2 ? 0 : 1);
  e2e_release(&result);
}
END_TEST

static const struct {
  const char *variable, *said; /* NULL: nothing */
} variables[] = {
    {"VMTRACE_STAK=0", "VMTRACE_STAK: there is no such variable; did you mean VMTRACE_STACK?"},
    {"VMTRACE_HAEP=next", "did you mean VMTRACE_HEAP?"},
    {"VMTRACE_SAMPLEMS=7", "did you mean VMTRACE_SAMPLE_MS?"},
    {"VMTRACE_HOME=/opt/vmtrace", NULL},
    {"VMTRACERS=3", NULL},
    {"VMTRACE_PARENT=0123", NULL},
    {"VMTRACE_STACK=99999", "VMTRACE_STACK=99999 is not understood: it takes a number from 0 to 1024; using 64"},
    {"VMTRACE_HEAP=\x1b[31mred\nvmtrace: forged",
     "VMTRACE_HEAP=?[31mred?vmtrace: forged is not understood: it takes pin"},
};

START_TEST(variables_that_are_wrong)
{
  struct e2e_result result;

  result = run_with(variables[_i].variable, E2E_ARGV(e2e_prog("mem"), "0"));
  if (variables[_i].said) {
    ck_assert_uint_eq(lines(result.err), 1);
    ck_assert_msg(strstr(result.err, variables[_i].said) != NULL, "%s", result.err);
  } else {
    ck_assert_str_eq(result.err, "");
  }
  e2e_release(&result);
}
END_TEST

/* Of a path. */
START_TEST(a_name_is_no_command_to_the_terminal)
{
  static const char path[] =
      "/nowhere/\x1b]0;title\x07\n\r\x7f-\xc2\x9b-\xe2\x80\xae-\xe2\x81\xa6-\xff-\xc3-\xed\xa0\x80-\xc3\xa9";
  struct e2e_result result = run_with(out_at(path), E2E_ARGV(e2e_prog("mem"), "0"));

  ck_assert_uint_eq(lines(result.err), 1);
  ck_assert_msg(strstr(result.err, "/nowhere/?]0;title???\?-?-?-?-?-?-??\?-\xc3\xa9: no such directory") != NULL, "%s",
                result.err);
  e2e_release(&result);
}
END_TEST

/* As it is between the creation of the file and its header's magic number. */
START_TEST(a_process_that_ended_before_its_trace_began)
{
  static const off_t sizes[] = {0, 24576};
  const char *path = e2e_path("first.vmt");
  int fd = open(path, O_CREAT | O_WRONLY, 0600);
  struct e2e_result result;

  ck_assert_int_eq(ftruncate(fd, sizes[_i]), 0);
  close(fd);
  result = e2e_run_plain(E2E_ARGV(e2e_analyzer(), "info", path), 3);
  ck_assert_ptr_nonnull(strstr(result.err, "ended before it began to trace"));
  e2e_release(&result);
}
END_TEST

int main(void)
{
  Suite *suite = suite_create("trace_names");
  TCase *tcase = e2e_case(suite, "trace_names", 60);

  tcase_add_test(tcase, images_of_a_process_are_found_by_their_ending);
  tcase_add_test(tcase, run_says_what_became_of_a_process);
  tcase_add_loop_test(tcase, a_directory_takes_the_trace, 0, 2);
  tcase_add_loop_test(tcase, what_takes_no_trace_is_refused_in_one_line, 0, 3);
  tcase_add_loop_test(tcase, variables_that_are_wrong, 0, sizeof variables / sizeof *variables);
  tcase_add_test(tcase, a_name_is_no_command_to_the_terminal);
  tcase_add_loop_test(tcase, a_process_that_ended_before_its_trace_began, 0, 2);
  return e2e_main(suite);
}
