/*
 * Call stacks end to end: cached walks against libunwind's in real processes,
 * stacks in the trace, and what they cost the program: nothing that it could see.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "e2e.h"
#include "e2e_judge.h"

/* Runs argv in the mode that walks every stack twice, and expects that no walk differed. */
static void expect_equal_walks(const char *const *argv, const char *input)
{
  struct e2e_spec spec = {.argv = argv,
                          .env = (const char *const[]){"VMTRACE_UNWIND=compare", "VMTRACE_STACK=200", NULL},
                          .preload = e2e_library(),
                          .input = input};
  struct e2e_result result;

  e2e_run(&spec, &result);
  e2e_expect_exit(&result, 0);
  ck_assert_msg(!strstr(result.err, "call stacks differ"), "%s", result.err);
  e2e_release(&result);
}

/* Builds a shared object or a program in the test's own directory; fails when it cannot be. */
static const char *build(const char *const *argv, const char *product)
{
  struct e2e_spec spec = {.argv = argv};
  struct e2e_result result;

  e2e_run(&spec, &result);
  e2e_expect_exit(&result, 0);
  e2e_release(&result);
  return product;
}

static void write_text(const char *path, const char *text)
{
  FILE *f = fopen(path, "w");

  ck_assert_ptr_nonnull(f);
  ck_assert_int_ge(fputs(text, f), 0);
  ck_assert_int_eq(fclose(f), 0);
}

START_TEST(hard_stacks)
{
  expect_equal_walks(E2E_ARGV(e2e_prog("call_stacks"), "5"), NULL);
}
END_TEST

/* The end of each stack is the end of what can be read, with frame pointers and without. */
static const char *const flags[][2] = {
    {"-O0", "-fno-omit-frame-pointer"}, {"-O2", "-fno-omit-frame-pointer"}, {"-O2", "-fomit-frame-pointer"}};

START_TEST(guarded_stacks)
{
  static const char *const walks[] = {"VMTRACE_UNWIND=cached", "VMTRACE_UNWIND=plain", "VMTRACE_UNWIND=compare"};
  const char *program = e2e_path("guarded");
  struct e2e_spec spec = {.argv = E2E_ARGV(program)};
  char source[4096];

  if (!e2e_has("gcc"))
    E2E_SKIP("gcc is not installed");
  snprintf(source, sizeof source, "%s/tests/progs/call_stacks_guarded.c", e2e_top());
  build(E2E_ARGV("gcc", "-fno-builtin-malloc", flags[_i][0], flags[_i][1], "-o", program, source, "-pthread"), program);
  for (int i = 0; i < 3; i++) {
    struct e2e_result result;

    judge_same(spec, walks[i], &result);
    e2e_expect_exit(&result, 0);
    ck_assert_str_eq(result.err, "");
    e2e_release(&result);
  }
}
END_TEST

/* ---- what the program could see of the walks ---- */

#define HOST                                                                                                           \
  "#include <dlfcn.h>\n#include <stdio.h>\n#include <stdlib.h>\n"                                                      \
  "int main(int n, char **v) {\n"                                                                                      \
  "  void *volatile p = malloc(n), *h; free(p); h = dlopen(v[1], RTLD_NOW);\n"                                         \
  "  int (*f)(void) = h ? (int (*)(void))dlsym(h, \"plug\") : 0;\n"                                                    \
  "  printf(\"%d\\n\", f ? f() : 0); return 0; }\n"

/* A plug-in that brings a library of the same name as one that unwinding is made of. */
static const char *const sonames[] = {"libunwind.so.8", "libunwind-x86_64.so.8", "liblzma.so.5", "libgcc_s.so.1"};

START_TEST(names_of_libraries_are_the_programs)
{
  const char *host = e2e_path("host.c"), *own = e2e_path("own.c"), *plug = e2e_path("plug.c");
  const char *program = e2e_path("host"), *library = e2e_path("%s", sonames[_i]), *object = e2e_path("plug.so");
  char soname[64], text[64];
  struct e2e_result result;

  if (!e2e_has("gcc"))
    E2E_SKIP("gcc is not installed");
  write_text(host, HOST);
  snprintf(text, sizeof text, "int its_own(void) { return %d; }\n", 40 + _i);
  write_text(own, text);
  write_text(plug, "int its_own(void); int plug(void) { return its_own(); }\n");
  snprintf(soname, sizeof soname, "-Wl,-soname,%s", sonames[_i]);
  build(E2E_ARGV("gcc", "-o", program, host), program);
  build(E2E_ARGV("gcc", "-shared", "-fPIC", soname, "-o", library, own), library);
  build(E2E_ARGV("gcc", "-shared", "-fPIC", "-o", object, plug, library, "-Wl,-rpath,$ORIGIN"), object);
  judge_same((struct e2e_spec){.argv = E2E_ARGV(program, object)}, NULL, &result);
  snprintf(text, sizeof text, "%d\n", 40 + _i);
  ck_assert_str_eq(result.out, text);
  e2e_release(&result);
}
END_TEST

/* A program whose own malloc and free work from main on: nothing may call them before. */
START_TEST(malloc_that_works_from_main_on)
{
  const char *source = e2e_path("own_malloc.c"), *program = e2e_path("own_malloc");
  struct e2e_result result;

  if (!e2e_has("gcc"))
    E2E_SKIP("gcc is not installed");
  write_text(source, "#include <stddef.h>\n#include <stdio.h>\n#include <stdlib.h>\n"
                     "static char space[1 << 20], *at;\n"
                     "void *malloc(size_t n) { if (!at) abort(); at += (n + 15) & ~15ul; return at; }\n"
                     "void free(void *p) { if (!at) abort(); (void)p; }\n"
                     "void *calloc(size_t a, size_t b) { return malloc(a * b); }\n"
                     "void *realloc(void *p, size_t n) { (void)p; return malloc(n); }\n"
                     "int main(void) { at = space; puts(\"works\"); return 0; }\n");
  build(E2E_ARGV("gcc", "-rdynamic", "-fno-builtin", "-o", program, source), program);
  judge_same((struct e2e_spec){.argv = E2E_ARGV(program)}, NULL, &result);
  ck_assert_str_eq(result.out, "works\n");
  e2e_release(&result);
}
END_TEST

/* Where a block lies after the loader allocated for two libraries: with stacks, without, and untraced. */
START_TEST(addresses_do_not_depend_on_stacks)
{
  static const char *const variables[] = {NULL, "VMTRACE_STACK=0", "VMTRACE_OUT=off"};
  const char *source = e2e_path("loads.c"), *program = e2e_path("loads");
  char first[200] = "";

  if (!e2e_has("gcc"))
    E2E_SKIP("gcc is not installed");
  write_text(source, "#include <dlfcn.h>\n#include <stdio.h>\n#include <stdlib.h>\n"
                     "int main(void) { dlopen(\"libm.so.6\", RTLD_NOW); printf(\"%p \", malloc(2300));\n"
                     "dlopen(\"libresolv.so.2\", RTLD_NOW); printf(\"%p %p\\n\", malloc(2300), malloc(100)); }\n");
  build(E2E_ARGV("gcc", "-fno-builtin", "-o", program, source), program);
  for (int i = 0; i < 3; i++) {
    struct e2e_spec spec = {
        .argv = E2E_ARGV(program), .env = (const char *const[]){variables[i], NULL}, .preload = e2e_library()};
    struct e2e_result result;

    e2e_run(&spec, &result);
    e2e_expect_exit(&result, 0);
    if (!i)
      snprintf(first, sizeof first, "%s", result.out);
    ck_assert_str_eq(result.out, first);
    e2e_release(&result);
  }
}
END_TEST

/* Plain mode takes no cached walk at all: the nodes that both traces announce are as many. */
START_TEST(plain_and_cached_give_the_same_trace)
{
  static const char *const modes[] = {"VMTRACE_UNWIND=plain", "VMTRACE_UNWIND=cached"};
  long long nodes[2];

  for (int i = 0; i < 2; i++) {
    const char *trace = e2e_path("mode%d.vmt", i);
    struct e2e_spec spec = {.argv = E2E_ARGV(e2e_prog("call_stacks"), "2"), .preload = e2e_library()};
    char *variable = malloc(strlen(trace) + 32);
    struct e2e_result result;
    json_t *info;

    strcpy(variable, "VMTRACE_OUT=");
    strcat(variable, trace);
    spec.env = (const char *const[]){modes[i], variable, NULL};
    e2e_run(&spec, &result);
    e2e_expect_exit(&result, 0);
    e2e_release(&result);
    info = e2e_json(E2E_ARGV("info"), (char *const[]){(char *)trace, NULL});
    nodes[i] = e2e_int(info, "events.stack_node");
    json_decref(info);
    free(variable);
  }
  ck_assert_int_gt(nodes[0], 200);
  ck_assert_int_eq(nodes[0], nodes[1]);
}
END_TEST

/* Three objects of equal layout, whose only function calls back from one return address with frames of three sizes,
 * full of zeros: a rule of another one's finds the end of the stack there. */
START_TEST(stacks_of_assembly_and_of_replaced_code)
{
  const char *object[3];

  if (!e2e_has("gcc"))
    E2E_SKIP("gcc is not installed");
  for (int i = 0; i < 3; i++) {
    const char *source = e2e_path("object%d.c", i);
    char text[300];

    snprintf(text, sizeof text,
             "void entry(void (*fn)(void)) { void *volatile a[%d]; for (int i = 0; i < %d; i++) a[i] = 0; fn(); "
             "a[0] = a[1]; }\n",
             25 + 20 * i, 25 + 20 * i);
    write_text(source, text);
    object[i] = e2e_path("object%d.so", i);
    build(E2E_ARGV("gcc", "-O2", "-shared", "-fPIC", "-o", object[i], source), object[i]);
  }
  expect_equal_walks(E2E_ARGV(e2e_prog("call_stacks_asm"), object[0], object[1], object[2]), NULL);
}
END_TEST

START_TEST(exceptions)
{
  char source[4096];
  const char *program = e2e_path("throw");

  if (!e2e_has("g++"))
    E2E_SKIP("g++ is not installed");
  snprintf(source, sizeof source, "%s/tests/progs/call_stacks_throw.cc", e2e_top());
  expect_equal_walks(E2E_ARGV(build(E2E_ARGV("g++", "-O2", "-pthread", "-o", program, source), program)), NULL);
}
END_TEST

START_TEST(a_compiler)
{
  char source[4096];

  if (!e2e_has("gcc"))
    E2E_SKIP("gcc is not installed");
  expect_equal_walks(E2E_ARGV("gcc", "-O2", "-x", "c", "-c", "-o", e2e_path("mem.o"), "-"),
                     strcat(strcpy(source, e2e_top()), "/demos/mem.c"));
}
END_TEST

START_TEST(an_interpreter)
{
  if (!e2e_has("perl"))
    E2E_SKIP("perl is not installed");
  expect_equal_walks(E2E_ARGV("perl", "-e", "my %h; $h{$_} = \"x$_\" for 1..5000; print scalar(keys %h)"), NULL);
}
END_TEST

START_TEST(python)
{
  if (access("/usr/bin/python3", X_OK) != 0)
    E2E_SKIP("/usr/bin/python3 is not installed");
  expect_equal_walks(E2E_ARGV("/usr/bin/python3", "-c",
                              "import json, threading\n"
                              "def work(): json.loads(json.dumps([{'a': i} for i in range(300)]))\n"
                              "t = [threading.Thread(target=work) for _ in range(3)]\n"
                              "[x.start() for x in t]; [x.join() for x in t]"),
                     NULL);
}
END_TEST

/* Threads that are inside libunwind nearly all the time, and a process that forks: a lock of libunwind's that is taken
 * in a child is taken for ever. */
START_TEST(forks_beside_walks)
{
  static const char *const modes[] = {"VMTRACE_UNWIND=plain", "VMTRACE_UNWIND=cached"};

  for (int i = 0; i < 2; i++) {
    struct e2e_spec spec = {.argv = E2E_ARGV(e2e_prog("lifecycle"), "threads"),
                            .env = (const char *const[]){modes[i], NULL},
                            .preload = e2e_library()};
    struct e2e_result result;

    e2e_run(&spec, &result);
    e2e_expect_exit(&result, 0);
    e2e_release(&result);
  }
}
END_TEST

START_TEST(stacks_can_be_switched_off)
{
  struct e2e_spec spec = {.argv = E2E_ARGV(e2e_prog("owners")),
                          .env = (const char *const[]){"VMTRACE_STACK=0", NULL},
                          .preload = e2e_library()};
  struct e2e_result result;
  json_t *info;

  e2e_run(&spec, &result);
  e2e_expect_exit(&result, 0);
  info = e2e_json(E2E_ARGV("info"), (char *const[]){(char *)e2e_only_trace(e2e_dir()), NULL});
  ck_assert_int_eq(e2e_int(info, "events.stack_node"), 0);
  json_decref(info);
  e2e_release(&result);
}
END_TEST

int main(void)
{
  Suite *suite = suite_create("stacks");
  TCase *tc = e2e_case(suite, "stacks", 120);

  tcase_add_test(tc, hard_stacks);
  tcase_add_loop_test(tc, guarded_stacks, 0, sizeof flags / sizeof *flags);
  tcase_add_loop_test(tc, names_of_libraries_are_the_programs, 0, sizeof sonames / sizeof *sonames);
  tcase_add_test(tc, malloc_that_works_from_main_on);
  tcase_add_test(tc, addresses_do_not_depend_on_stacks);
  tcase_add_test(tc, plain_and_cached_give_the_same_trace);
  tcase_add_test(tc, stacks_of_assembly_and_of_replaced_code);
  tcase_add_test(tc, exceptions);
  tcase_add_test(tc, a_compiler);
  tcase_add_test(tc, an_interpreter);
  tcase_add_test(tc, python);
  tcase_add_test(tc, forks_beside_walks);
  tcase_add_test(tc, stacks_can_be_switched_off);
  return e2e_main(suite);
}
