/*
 * What users type: make demo, make install, make uninstall, make deb, and Tab.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "e2e.h"

static void run_make(const char *const *argv, struct e2e_result *result)
{
  /* Not a part of the make that may have started this test. */
  e2e_run(&(struct e2e_spec){.argv = argv, .env = E2E_ARGV("MAKEFLAGS", "MFLAGS", "MAKELEVEL", "T"), .cwd = e2e_top()},
          result);
  e2e_expect_exit(result, 0);
}

static int count_lines(const char *text, const char *containing)
{
  int count = 0;

  for (const char *at = text; (at = strstr(at, containing)); at += strlen(containing))
    count++;
  return count;
}

START_TEST(demo)
{
  struct e2e_result result;

  run_make(E2E_ARGV("make", "demo", "N=3"), &result);
  ck_assert_msg(count_lines(result.out, "address pointed to by p: 0x200000\n") == 3, "%s", result.out);
  ck_assert_msg(count_lines(result.out, ") p: 3\n") == 3, "%s", result.out);
  ck_assert_msg(strstr(result.out, "3 processes ran side by side"), "%s", result.out);
  ck_assert_msg(strstr(result.out, geteuid() ? "exclusive" : "private: same address, different frames"), "%s",
                result.out);
  ck_assert_msg(strstr(result.out, "value at 0x200000"), "%s", result.out);
  e2e_release(&result);
}
END_TEST

/* What was installed below root/usr in the test's directory finds its library by itself. */
static void expect_installed_runs(void)
{
  struct e2e_result result =
      e2e_run_plain(E2E_ARGV(e2e_path("root/usr/bin/vmtrace"), "run", "-o", e2e_dir(), "--", e2e_prog("mem"), "0"), 0);

  ck_assert_msg(strstr(result.out, "p: 0x200000\n"), "%s%s", result.out, result.err);
  e2e_release(&result);
}

/* Installed, it finds its library without being told, and goes away without a trace. */
START_TEST(install_and_uninstall)
{
  const char *root = e2e_path("root"), *destdir;
  struct e2e_result result;
  char variable[4200];

  snprintf(variable, sizeof variable, "DESTDIR=%s", root);
  destdir = variable;
  run_make(E2E_ARGV("make", "install", "PREFIX=/usr", destdir), &result);
  e2e_release(&result);
  expect_installed_runs();
  if (e2e_has("pkg-config")) {
    e2e_run(&(struct e2e_spec){.argv = E2E_ARGV("pkg-config", "--variable=preload",
                                                e2e_path("root/usr/lib/pkgconfig/vmtrace.pc"))},
            &result);
    e2e_expect_exit(&result, 0);
    ck_assert_str_eq(result.out, "/usr/lib/libvmtrace.so\n");
    e2e_release(&result);
  }
  run_make(E2E_ARGV("make", "uninstall", "PREFIX=/usr", destdir), &result);
  e2e_release(&result);
  e2e_run(&(struct e2e_spec){.argv = E2E_ARGV("find", root, "!", "-type", "d")}, &result);
  ck_assert_str_eq(result.out, "");
  e2e_release(&result);
}
END_TEST

/* No apt, no compiler that finds anything: one line that names the packages, and nothing is tried. */
START_TEST(packages_are_named)
{
  struct e2e_result result;
  char path[4200];

  ck_assert_int_eq(mkdir(e2e_path("bin"), 0755), 0);
  ck_assert(!symlink("/bin/bash", e2e_path("bin/bash")) && !symlink("/usr/bin/env", e2e_path("bin/env")));
  snprintf(path, sizeof path, "PATH=%s", e2e_path("bin"));
  e2e_run(&(struct e2e_spec){.argv = E2E_ARGV("/bin/bash", ".ci/deps", "build", "check"),
                             .env = E2E_ARGV(path, "CC=false"),
                             .cwd = e2e_top()},
          &result);
  e2e_expect_exit(&result, 1);
  ck_assert_msg(strstr(result.err, " libzstd-dev libdw-dev ") &&
                    strstr(result.err, " pkg-config check libjansson-dev "),
                "%s", result.err);
  ck_assert_ptr_eq(strchr(result.err, '\n'), result.err + result.err_len - 1);
  e2e_release(&result);
}
END_TEST

/* The package, unpacked where nobody has it installed, works, and names what it opens only at run time. */
START_TEST(debian_package)
{
  const char *root = e2e_path("root");
  struct e2e_result result;
  char command[8400];

  if (!e2e_has("dpkg-deb") || !e2e_has("dpkg-shlibdeps"))
    E2E_SKIP("dpkg-dev is not installed");
  run_make(E2E_ARGV("make", "deb"), &result);
  e2e_release(&result);
  snprintf(command, sizeof command,
           "set -e; p=$(ls -t build/vmtrace_*.deb | head -n 1); dpkg-deb -f $p Depends; dpkg-deb -x $p %s", root);
  e2e_run(&(struct e2e_spec){.argv = E2E_ARGV("sh", "-c", command), .cwd = e2e_top()}, &result);
  e2e_expect_exit(&result, 0);
  ck_assert_msg(strstr(result.out, "libc6 (>= ") && strstr(result.out, "libdw1") && !strstr(result.out, "libunwind8"),
                "%s", result.out);
  e2e_release(&result);
  expect_installed_runs();
}
END_TEST

int main(void)
{
  Suite *suite = suite_create("install");
  TCase *tcase = e2e_case(suite, "install", 120);

  tcase_add_test(tcase, demo);
  tcase_add_test(tcase, install_and_uninstall);
  tcase_add_test(tcase, packages_are_named);
  tcase_add_test(tcase, debian_package);
  return e2e_main(suite);
}
