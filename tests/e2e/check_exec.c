/*
 * Programs that execute others or load code: the traces name each other, and
 * what is found by relative paths is found from anywhere.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "life.h"

START_TEST(exec_names_its_parent)
{
  struct e2e_result result;
  size_t count;
  char **traces;
  json_t *first, *second, *dump;

  life_run("lifecycle", "exec", NULL, &result);
  traces = e2e_traces(e2e_dir(), &count);
  ck_assert_uint_eq(count, 2);
  first = judge_info(traces[0]);
  second = judge_info(traces[1]);
  if (e2e_int(first, "start_ns") > e2e_int(second, "start_ns")) {
    json_t *swapped = first;

    first = second;
    second = swapped;
  }
  ck_assert_str_eq(e2e_str(first, "ended"), "exec");
  ck_assert_str_eq(e2e_str(second, "ended"), "exit");
  ck_assert_int_eq(e2e_int(first, "pid"), e2e_int(second, "pid"));
  ck_assert_str_eq(e2e_str(second, "parent_id"), e2e_str(first, "trace_id"));
  dump = e2e_dump(e2e_path("%s", strrchr(e2e_str(first, "trace"), '/') + 1));
  ck_assert_str_eq(e2e_str(life_need_event(dump, "exec", 0), "path"), "/proc/self/exe");
  json_decref(dump);
  json_decref(first);
  json_decref(second);
  e2e_traces_free(traces);
  e2e_release(&result);
}
END_TEST

START_TEST(every_exec)
{
  struct e2e_result result;

  life_run("lifecycle", "all-execs", NULL, &result);
  ck_assert(strstr(result.out, "a b inherited\n") && strstr(result.out, "a b from-env\n"));
  e2e_release(&result);
}
END_TEST

/* Relative paths hold for children in another directory. */
START_TEST(paths_become_absolute)
{
  struct e2e_spec spec = {
      .argv = E2E_ARGV("/bin/sh", "-c", "mkdir d && cd d && /bin/sh -c 'echo $LD_PRELOAD; echo $VMTRACE_OUT; ls /' "),
      .env = E2E_ARGV("VMTRACE_OUT=%e.%p.vmt"),
      .cwd = e2e_dir(),
  };
  struct e2e_result result;
  char *library = strdup(e2e_copy(e2e_library())), expected[4096];
  size_t count;

  ck_assert_int_eq(strncmp(library, e2e_dir(), strlen(e2e_dir())), 0);
  snprintf(expected, sizeof expected, ".%s", library + strlen(e2e_dir()));
  spec.preload = strdup(expected);
  e2e_run(&spec, &result);
  e2e_expect_exit(&result, 0);
  ck_assert_str_eq(result.err, "");
  snprintf(expected, sizeof expected, "%s/.%s\n%s/%%e.%%p.vmt\n", e2e_dir(), library + strlen(e2e_dir()), e2e_dir());
  ck_assert_int_eq(strncmp(result.out, expected, strlen(expected)), 0);
  e2e_traces_free(e2e_traces(e2e_dir(), &count));
  ck_assert_uint_ge(count, 4);
  free((char *)(uintptr_t)spec.preload);
  free(library);
  e2e_release(&result);
}
END_TEST

/* ---- modules ---- */

/* Compiles source into e2e_dir()/name. */
static void compile(const char *name, const char *source, const char *flags)
{
  const char *file = e2e_path("%s.c", name);
  FILE *f = fopen(file, "w");
  char command[8192];

  ck_assert_ptr_nonnull(f);
  fputs(source, f);
  fclose(f);
  snprintf(command, sizeof command, "cc -o %s %s %s", e2e_path("%s", name), file, flags);
  ck_assert_int_eq(system(command), 0);
}

/*
 * A library that is found only by the RUNPATH of the library that opens it:
 * the loader goes by the caller of dlopen.  A library opened by its path is in the trace, and gone when it was closed.
 */
START_TEST(dlopen_by_its_caller)
{
  struct e2e_spec spec = {0};
  struct e2e_result result;
  json_t *dump, *module;

  if (!e2e_has("cc"))
    E2E_SKIP("no C compiler");
  compile("libfar.so", "int far_away(void) { return 42; }\n", "-shared -fPIC");
  ck_assert_int_eq(mkdir(e2e_path("hidden"), 0755), 0);
  ck_assert_int_eq(rename(e2e_path("libfar.so"), e2e_path("hidden/libfar.so")), 0);
  compile("libnear.so",
          "#include <dlfcn.h>\n"
          "void *open_far(void) { return dlopen(\"libfar.so\", RTLD_NOW); }\n",
          "-shared -fPIC -Wl,--enable-new-dtags,-rpath,'$ORIGIN/hidden' -ldl");
  compile("opener",
          "#include <dlfcn.h>\n#include <stdio.h>\n"
          "int main(int argc, char **argv) {\n"
          "  void *near = dlopen(argv[argc - 1], RTLD_NOW), *far;\n"
          "  void *(*open_far)(void) = near ? (void *(*)(void))dlsym(near, \"open_far\") : 0;\n"
          "  far = open_far ? open_far() : 0;\n"
          "  printf(\"%s\\n\", far ? \"found\" : \"not found\");\n"
          "  if (far) dlclose(far);\n"
          "  if (near) dlclose(near);\n"
          "  return 0;\n}\n",
          "-ldl");
  spec.argv = E2E_ARGV(e2e_path("opener"), e2e_path("libnear.so"));
  spec.preload = e2e_library();
  e2e_run(&spec, &result);
  e2e_expect_exit(&result, 0);
  ck_assert_str_eq(result.out, "found\n");
  dump = e2e_dump(e2e_only_trace(e2e_dir()));
  for (int i = 0; (module = life_event(dump, "module", i)) && !strstr(e2e_str(module, "name"), "libnear.so"); i++)
    ;
  ck_assert_msg(module, "libnear.so is no module of the trace");
  ck_assert_str_eq(e2e_str(life_need_event(dump, "module_gone", 0), "addr"), e2e_str(module, "addr"));
  json_decref(dump);
  e2e_release(&result);
}
END_TEST

int main(void)
{
  Suite *suite = suite_create("exec");
  TCase *execs = e2e_case(suite, "execs", 60);

  tcase_add_test(execs, exec_names_its_parent);
  tcase_add_test(execs, every_exec);
  tcase_add_test(execs, paths_become_absolute);
  tcase_add_test(execs, dlopen_by_its_caller);
  return e2e_main(suite);
}
