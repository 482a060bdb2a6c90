/*
 * `vmtrace run`, and the commands around it, as a user meets them: exit codes,
 * untouched input and output, signals, what is refused and why; doctor; pages on
 * odd lists of traces.
 */
#include <elf.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "e2e.h"

static const char *vmtrace(void)
{
  static char path[4096];

  snprintf(path, sizeof path, "%s/vmtrace", e2e_top());
  return path;
}

/* Runs `vmtrace run ARGS...` with that environment (NULL: none of its own). */
static void run_with(const char *const *args, const char *const *env, struct e2e_result *result)
{
  const char *argv[32] = {vmtrace(), "run"};
  const struct e2e_spec spec = {.argv = argv, .env = env};

  for (int i = 0; args[i]; i++)
    argv[i + 2] = args[i];
  e2e_run(&spec, result);
}

static void run_exits(const char *const *args, int status)
{
  struct e2e_result result;

  run_with(args, NULL, &result);
  e2e_expect_exit(&result, status);
  e2e_release(&result);
}

/* Exits with that, after exactly one line that contains text. */
static void run_refuses(const char *program, int status, const char *text)
{
  struct e2e_result result;

  run_with(E2E_ARGV("--", program), NULL, &result);
  e2e_expect_exit(&result, status);
  ck_assert_msg(strstr(result.err, text), "%s: '%s' is not in: %s", program, text, result.err);
  ck_assert_msg(strchr(result.err, '\n') == result.err + result.err_len - 1, "more than one line: %s", result.err);
  ck_assert_str_eq(result.out, "");
  e2e_release(&result);
}

START_TEST(status_of_one)
{
  run_exits(E2E_ARGV("--", "sh", "-c", "exit 0"), 0);
  run_exits(E2E_ARGV("--", "sh", "-c", "exit 7"), 7);
  run_exits(E2E_ARGV("sh", "-c", "kill -KILL $$"), 128 + SIGKILL);
  run_exits(E2E_ARGV("sh", "-c", "kill -SEGV $$"), 128 + SIGSEGV);
}
END_TEST

START_TEST(status_of_several)
{
  run_exits(E2E_ARGV("-n", "3", "--", "sh", "-c", "exit 0"), 0);
  run_exits(E2E_ARGV("-n", "3", "--", "sh", "-c", "exit 7"), 1);
}
END_TEST

START_TEST(wrong_usage)
{
  run_exits(E2E_ARGV("-n", "0", "--", "true"), 2);
  run_exits(E2E_ARGV("-n", "x", "--", "true"), 2);
  run_exits(E2E_ARGV("--duration=0", "--", "true"), 2);
  run_exits(E2E_ARGV("--nonsense", "--", "true"), 2);
  run_exits(E2E_ARGV("-n", "2"), 2);
}
END_TEST

/* An executable file of these bytes. */
static const char *file_of(const char *name, const void *bytes, size_t size, mode_t mode)
{
  const char *path = e2e_path("%s", name);
  int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

  ck_assert_int_ge(fd, 0);
  ck_assert_int_eq(write(fd, bytes, size), (ssize_t)size);
  close(fd);
  ck_assert_int_eq(chmod(path, mode), 0);
  return path;
}

/* An ELF file of this class and machine, with the loader or (NULL) without one. */
static const char *elf_of(const char *name, int class, int machine, const char *loader)
{
  struct {
    Elf64_Ehdr header;
    Elf64_Phdr segment;
    char loader[64];
  } file = {.header = {.e_ident = {ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, (unsigned char)class, ELFDATA2LSB, EV_CURRENT},
                       .e_type = ET_DYN,
                       .e_machine = (Elf64_Half)machine,
                       .e_phoff = sizeof(Elf64_Ehdr),
                       .e_phentsize = sizeof(Elf64_Phdr),
                       .e_phnum = 1},
            .segment = {.p_type = loader ? PT_INTERP : PT_LOAD,
                        .p_offset = sizeof(Elf64_Ehdr) + sizeof(Elf64_Phdr),
                        .p_filesz = sizeof file.loader}};

  snprintf(file.loader, sizeof file.loader, "%s", loader ? loader : "");
  return file_of(name, &file, sizeof file, 0755);
}

static int own_machine(void)
{
  Elf64_Ehdr own;
  int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);

  ck_assert_int_eq(read(fd, &own, sizeof own), sizeof own);
  close(fd);
  return own.e_machine;
}

START_TEST(refused_programs)
{
  static const char loader[] = "/lib/ld.so";
  static const char script[] = "#! /nowhere/interpreter -x\n";
  static const char text[] = "hello\n";
  int machine = own_machine();

  run_refuses("no-such-program-anywhere", 127, "no such program");
  run_refuses("/nowhere/program", 127, "no such program");
  run_refuses("/", 126, "cannot be executed");
  run_refuses(elf_of("static", ELFCLASS64, machine, NULL), 126, "statically linked");
  run_refuses(elf_of("narrow", ELFCLASS32, EM_386, loader), 126, "32-bit");
  run_refuses(elf_of("foreign", ELFCLASS64, EM_S390, loader), 126, "another kind of processor");
  run_refuses(elf_of("musl", ELFCLASS64, machine, "/lib/ld-musl-x86_64.so.1"), 126, "musl");
  run_refuses(file_of("cut", ELFMAG, SELFMAG, 0755), 126, "cut short");
  run_refuses(file_of("script", script, sizeof script - 1, 0755), 126, "/nowhere/interpreter");
  run_refuses(file_of("text", text, sizeof text - 1, 0755), 126, "neither a program nor a script");
}
END_TEST

START_TEST(refused_setuid)
{
  const char *path;

  E2E_NEED_ROOT();
  path = e2e_copy("/bin/true");
  ck_assert_int_eq(chown(path, 65534, 65534), 0);
  ck_assert_int_eq(chmod(path, 04755), 0);
  run_refuses(path, 126, "setuid");
}
END_TEST

START_TEST(streams_are_the_programs_own)
{
  static const char input[] = "one\ntwo\n\xff";
  const char *file = file_of("input", input, sizeof input - 1, 0644);
  const char *argv[] = {vmtrace(), "run", "--", "sh", "-c", "cat; echo complaint >&2", NULL};
  const struct e2e_spec spec = {.argv = argv, .input = file};
  struct e2e_result result;

  e2e_run(&spec, &result);
  e2e_expect_exit(&result, 0);
  ck_assert_str_eq(result.out, input);
  ck_assert_int_eq(strncmp(result.err, "complaint\n", 10), 0);
  e2e_release(&result);
}
END_TEST

START_TEST(options_reach_the_library)
{
  struct e2e_result result;

  run_with(
      E2E_ARGV("--watch=0x200000:int", "--sample-ms=7", "--", "sh", "-c", "echo $VMTRACE_WATCH $VMTRACE_SAMPLE_MS"),
      E2E_ARGV("VMTRACE_SAMPLE_MS=9", "VMTRACE_STACK=0"), &result);
  e2e_expect_exit(&result, 0);
  ck_assert_str_eq(result.out, "0x200000:int 7\n");
  e2e_release(&result);
}
END_TEST

START_TEST(preload_is_added_to)
{
  const char *other = e2e_system_library("libm.so.6"), *asan = e2e_path("libasan.so.99");
  char env[8192], expected[8192], own[4200];
  struct e2e_result result;

  ck_assert_ptr_nonnull(other);
  run_with(E2E_ARGV("--", "sh", "-c", "printf %s $LD_PRELOAD"), NULL, &result);
  snprintf(own, sizeof own, "%s", result.out);
  ck_assert_ptr_nonnull(strstr(own, "/libvmtrace.so"));
  e2e_release(&result);
  ck_assert_int_eq(symlink(other, asan), 0);
  snprintf(env, sizeof env, "LD_PRELOAD=%s", other);
  run_with(E2E_ARGV("--", "sh", "-c", "echo $LD_PRELOAD"), E2E_ARGV(env), &result);
  snprintf(expected, sizeof expected, "%s:%s\n", own, other);
  ck_assert_str_eq(result.out, expected);
  e2e_release(&result);

  snprintf(env, sizeof env, "LD_PRELOAD=%s %s", asan, other);
  run_with(E2E_ARGV("--", "sh", "-c", "echo $LD_PRELOAD"), E2E_ARGV(env), &result);
  snprintf(expected, sizeof expected, "%s:%s %s\n", asan, own, other);
  ck_assert_str_eq(result.out, expected);
  e2e_release(&result);
}
END_TEST

START_TEST(directory_is_made)
{
  size_t count;

  run_exits(E2E_ARGV("-n", "2", "-o", e2e_path("a/50%%p/c"), "--", "true"), 0);
  e2e_traces_free(e2e_traces(e2e_path("a/50%%p/c"), &count));
  ck_assert_uint_eq(count, 2);
}
END_TEST

START_TEST(no_trace)
{
  struct e2e_result result;

  run_with(E2E_ARGV("--out=off", "--", "true"), NULL, &result);
  e2e_expect_exit(&result, 0);
  ck_assert_str_eq(result.err, "");
  e2e_release(&result);
}
END_TEST

/* Killed without a word: run knows, and the trace then says so. */
START_TEST(killed_program)
{
  json_t *info;
  char *trace[] = {NULL, NULL};

  run_exits(E2E_ARGV("-o", e2e_path("t"), "--", "sh", "-c", "kill -KILL $$"), 128 + SIGKILL);
  trace[0] = (char *)e2e_only_trace(e2e_path("t"));
  info = e2e_json(E2E_ARGV("info"), trace);
  ck_assert_str_eq(e2e_str(info, "ended"), "signal");
  ck_assert_int_gt(e2e_int(info, "end_ns"), e2e_int(info, "start_ns"));
  json_decref(info);
}
END_TEST

START_TEST(time_is_up)
{
  struct e2e_result result;

  run_with(E2E_ARGV("-n", "2", "--duration=0.3", "--", "sleep", "1000"), NULL, &result);
  e2e_expect_exit(&result, 0);
  ck_assert_ptr_nonnull(strstr(result.err, "2 processes ran side by side"));
  e2e_release(&result);
}
END_TEST

START_TEST(ignores_sigterm)
{
  run_exits(E2E_ARGV("--duration=0.2", "--", "sh", "-c", "trap '' TERM; while :; do sleep 0.1; done"), 0);
}
END_TEST

START_TEST(signals_are_passed_on)
{
  const char *argv[] = {vmtrace(), "run", "--",
                        "sh",      "-c",  "trap 'echo caught; exit 5' TERM; echo ready; while :; do sleep 0.05; done",
                        NULL};
  const struct e2e_spec spec = {.argv = argv};
  struct e2e_process process = e2e_start(&spec);
  struct e2e_result result;

  e2e_await(&process, "ready\n", 1);
  kill(process.pid, SIGTERM);
  e2e_finish(&process, &result);
  e2e_expect_exit(&result, 5);
  ck_assert_str_eq(result.out, "ready\ncaught\n");
  e2e_release(&result);
}
END_TEST

static void ignore_children(const void *arg)
{
  (void)arg;
  signal(SIGCHLD, SIG_IGN);
}

START_TEST(started_with_sigchld_ignored)
{
  const char *argv[] = {vmtrace(), "run", "--", "sh", "-c", "exit 7", NULL};
  const struct e2e_spec spec = {.argv = argv, .prepare = ignore_children};
  struct e2e_result result;

  e2e_run(&spec, &result);
  e2e_expect_exit(&result, 7);
  e2e_release(&result);
}
END_TEST

/* Other programs' traces in the same directory are none of ours; those of the program's children are. */
START_TEST(report_names_the_family)
{
  struct e2e_result result;

  run_exits(E2E_ARGV("-o", e2e_path("t"), "--", "true"), 0);
  run_with(E2E_ARGV("-o", e2e_path("t"), "--", "sh", "-c", "true & wait; ls / >/dev/null; true"), NULL, &result);
  e2e_expect_exit(&result, 0);
  ck_assert_msg(strstr(result.err, "vmtrace: 4 traces") || strstr(result.err, "vmtrace: 3 traces"), "%s", result.err);
  e2e_release(&result);
}
END_TEST

START_TEST(doctor)
{
  const char *argv[] = {vmtrace(), "doctor", NULL};
  const struct e2e_spec spec = {.argv = argv};
  struct e2e_result result;
  json_t *json = e2e_json(E2E_ARGV("doctor"), NULL), *check;
  size_t i;

  ck_assert(json_is_true(e2e_get(json, "usable")));
  json_array_foreach(e2e_get(json, "checks"), i, check) {
    ck_assert(*e2e_str(check, "found"));
    ck_assert_msg(!strcmp(e2e_str(check, "result"), "ok") || *e2e_str(check, "advice"), "%s", e2e_str(check, "name"));
    if (!strcmp(e2e_str(check, "name"), "frame-numbers"))
      ck_assert_str_eq(e2e_str(check, "result"), geteuid() ? "limited" : "ok");
  }
  json_decref(json);
  e2e_run(&spec, &result);
  e2e_expect_exit(&result, 0);
  ck_assert_ptr_nonnull(strstr(result.out, "vmtrace works here."));
  e2e_release(&result);
}
END_TEST

START_TEST(doctor_without_library)
{
  const char *argv[] = {e2e_path("lone/vmtrace"), "doctor", NULL};
  const struct e2e_spec spec = {.argv = argv};
  struct e2e_result result;
  char command[8192];

  snprintf(command, sizeof command, "mkdir -p '%s/lone' && cp '%s/vmtrace' '%s/lone/'", e2e_dir(), e2e_top(),
           e2e_dir());
  ck_assert_int_eq(system(command), 0);
  e2e_run(&spec, &result);
  e2e_expect_exit(&result, 1);
  ck_assert_ptr_nonnull(strstr(result.out, "vmtrace does not work here"));
  e2e_release(&result);
}
END_TEST

START_TEST(pages_of_odd_lists)
{
  const char *trace;
  struct e2e_result result;

  run_exits(E2E_ARGV("-o", e2e_path("t"), "--", "true"), 0);
  trace = e2e_only_trace(e2e_path("t"));
  {
    const char *argv[] = {vmtrace(), "pages", trace, trace, NULL};
    const struct e2e_spec spec = {.argv = argv};

    e2e_run(&spec, &result);
    e2e_expect_exit(&result, 0);
    ck_assert_int_eq(strncmp(result.out, "1 process ran", 13), 0);
    ck_assert_ptr_nonnull(strstr(result.err, "it counts once"));
    e2e_release(&result);
  }
  {
    const char *argv[] = {vmtrace(), "pages", "/nowhere", trace, NULL};
    const struct e2e_spec spec = {.argv = argv};

    e2e_run(&spec, &result);
    e2e_expect_exit(&result, 3);
    ck_assert_int_eq(strncmp(result.out, "1 process ran", 13), 0);
    e2e_release(&result);
  }
  {
    const char *argv[] = {vmtrace(), "pages", "--address=0x10-0x5", trace, NULL};
    const struct e2e_spec spec = {.argv = argv};

    e2e_run(&spec, &result);
    e2e_expect_exit(&result, 2);
    e2e_release(&result);
  }
}
END_TEST

int main(void)
{
  Suite *suite = suite_create("run");
  TCase *tcase = e2e_case(suite, "run", 120);

  tcase_add_test(tcase, status_of_one);
  tcase_add_test(tcase, status_of_several);
  tcase_add_test(tcase, wrong_usage);
  tcase_add_test(tcase, refused_programs);
  tcase_add_test(tcase, refused_setuid);
  tcase_add_test(tcase, streams_are_the_programs_own);
  tcase_add_test(tcase, options_reach_the_library);
  tcase_add_test(tcase, preload_is_added_to);
  tcase_add_test(tcase, directory_is_made);
  tcase_add_test(tcase, no_trace);
  tcase_add_test(tcase, killed_program);
  tcase_add_test(tcase, time_is_up);
  tcase_add_test(tcase, ignores_sigterm);
  tcase_add_test(tcase, signals_are_passed_on);
  tcase_add_test(tcase, started_with_sigchld_ignored);
  tcase_add_test(tcase, report_names_the_family);
  tcase_add_test(tcase, doctor);
  tcase_add_test(tcase, doctor_without_library);
  tcase_add_test(tcase, pages_of_odd_lists);
  return e2e_main(suite);
}
