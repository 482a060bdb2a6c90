/*
 * Function, file and line of an allocation, from debug information as
 * compilers of several languages write it: split, lines alone, functions in functions.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "heap_run.h"

/* An inlined function below one that is not, and one in a section of its own; lines are those of this text. */
static const char in_c[] = "#include <stdlib.h>\n"
                           "static inline __attribute__((always_inline)) void *within(int n)\n"
                           "{\n"
                           "  void *p = malloc(n + 1);\n" /* 4 */
                           "  __asm__ volatile(\"\" ::\"r\"(p));\n"
                           "  return p;\n"
                           "}\n"
                           "__attribute__((noinline, section(\".text.aside\"))) void *get(int n)\n"
                           "{\n"
                           "  return within(n);\n" /* 10 */
                           "}\n"
                           "int main(void)\n"
                           "{\n"
                           "  for (int i = 0; i < 50; i++)\n"
                           "    free(get(i));\n" /* 15 */
                           "  return 0;\n"
                           "}\n";

static const char in_assembly[] = "  .text\n"
                                  "  .globl get\n"
                                  "get:\n"
                                  "  .cfi_startproc\n"
                                  "  sub $8, %rsp\n"
                                  "  .cfi_def_cfa_offset 16\n"
                                  "  mov $77, %edi\n"
                                  "  call malloc@PLT\n" /* 8 */
                                  "  add $8, %rsp\n"
                                  "  .cfi_def_cfa_offset 8\n"
                                  "  ret\n"
                                  "  .cfi_endproc\n"
                                  "  .section .note.GNU-stack, \"\", @progbits\n";
static const char calls_assembly[] = "#include <stdlib.h>\n"
                                     "void *get(void);\n"
                                     "int main(void) { for (int i = 0; i < 50; i++) free(get()); return 0; }\n";

static const char local_class[] = "#include <cstdlib>\n"
                                  "int main()\n"
                                  "{\n"
                                  "  struct Local {\n"
                                  "    __attribute__((always_inline)) static inline void *raw(int i)\n"
                                  "    {\n"
                                  "      void *p = malloc(40 + i);\n" /* 7 */
                                  "      asm volatile(\"\" ::\"r\"(p));\n"
                                  "      return p;\n"
                                  "    }\n"
                                  "    __attribute__((noinline)) static void *get(int i)\n"
                                  "    {\n"
                                  "      return raw(i);\n" /* 13 */
                                  "    }\n"
                                  "  };\n"
                                  "  auto lambda = [](int i) __attribute__((noinline)) {\n"
                                  "    void *p = Local::get(i);\n" /* 17 */
                                  "    asm volatile(\"\" ::\"r\"(p));\n"
                                  "    return p;\n"
                                  "  };\n"
                                  "  for (int i = 0; i < 50; i++)\n"
                                  "    free(lambda(i));\n" /* 22 */
                                  "}\n";

static const char nested_function[] = "#include <stdlib.h>\n"
                                      "int main(void)\n"
                                      "{\n"
                                      "  int more = 1;\n"
                                      "  __attribute__((noinline)) void *get(int n)\n"
                                      "  {\n"
                                      "    return malloc(n + more);\n" /* 7 */
                                      "  }\n"
                                      "  for (int i = 0; i < 50; i++)\n"
                                      "    free(get(i));\n" /* 10 */
                                      "  return more - 1;\n"
                                      "}\n";

static const char in_fortran[] = "program outer\n"
                                 "  integer :: i\n"
                                 "  do i = 1, 50\n"
                                 "    call get(i)\n" /* 4 */
                                 "  end do\n"
                                 "contains\n"
                                 "  subroutine get(n)\n"
                                 "    integer, intent(in) :: n\n"
                                 "    real, allocatable :: a(:)\n"
                                 "    allocate(a(n * 100))\n" /* 10 */
                                 "    a = n\n"
                                 "    if (sum(a) < 0) print *, a\n"
                                 "  end subroutine\n"
                                 "end program\n";

static const char in_ada[] = "procedure Prog is\n"
                             "   type Cell is access Integer;\n"
                             "   procedure Get (N : Integer) is\n"
                             "      P : Cell;\n"
                             "   begin\n"
                             "      P := new Integer'(N);\n" /* 6 */
                             "      pragma Assert (P.all = N);\n"
                             "   end Get;\n"
                             "begin\n"
                             "   for I in 1 .. 50 loop\n"
                             "      Get (I);\n" /* 11 */
                             "   end loop;\n"
                             "end Prog;\n";

static const char in_rust[] = "#[inline(never)]\n"
                              "fn get(n: usize) -> Vec<u8> {\n"
                              "    Vec::with_capacity(n + 1)\n" /* 3 */
                              "}\n"
                              "fn main() {\n"
                              "    for i in 0..50 {\n"
                              "        std::hint::black_box(get(i));\n" /* 7 */
                              "    }\n"
                              "}\n";

static void write_file(const char *name, const char *text)
{
  FILE *f = fopen(e2e_path("%s", name), "w");

  ck_assert_ptr_nonnull(f);
  ck_assert_int_ge(fputs(text, f), 0);
  ck_assert_int_eq(fclose(f), 0);
}

/* Runs a command in e2e_dir(), where it is to make prog; false when it fails. */
static bool build(const char *command)
{
  char *line;
  bool good;

  ck_assert_int_gt(asprintf(&line, "cd %s && { %s; } >build.log 2>&1", e2e_dir(), command), 0);
  good = system(line) == 0;
  free(line);
  return good;
}

/* The stack of the report with the most allocations; belongs to report. */
static json_t *largest_stack(json_t *report)
{
  json_t *best = NULL, *stack;
  size_t i;

  json_array_foreach(e2e_get(report, "stacks"), i, stack) {
    if (!best || e2e_int(stack, "allocations") > e2e_int(best, "allocations"))
      best = stack;
  }
  ck_assert_ptr_nonnull(best);
  return best;
}

/* A frame that is to be found: the function's name begins so, the file's name ends so. */
struct wanted_frame {
  const char *function, *file;
  int line; /* 0: none is expected */
};

static bool is_wanted_frame(const json_t *frame, const struct wanted_frame *wanted)
{
  const char *function = json_string_value(json_object_get(frame, "function"));
  const char *file = json_string_value(json_object_get(frame, "file"));

  if (!function || strncmp(function, wanted->function, strlen(wanted->function)) != 0)
    return false;
  if (!wanted->line)
    return true;
  return file && strlen(file) >= strlen(wanted->file) &&
         !strcmp(file + strlen(file) - strlen(wanted->file), wanted->file) &&
         json_integer_value(json_object_get(frame, "line")) == wanted->line;
}

/* Traces prog and looks for the frames, one after the other, in the stack that allocates most. */
static void expect_frames(const char *what, const struct wanted_frame *wanted)
{
  const char *trace = e2e_path("prog.vmt"), *prog = e2e_path("prog");
  json_t *report, *frames, *frame;
  size_t i, next = 0;

  unlink(trace);
  TRACE(trace, prog);
  report = heap_report(trace, "--at=end", "--no-skip");
  frames = e2e_get(largest_stack(report), "frames");
  json_array_foreach(frames, i, frame) {
    if (wanted[next].function && is_wanted_frame(frame, &wanted[next]))
      next++;
  }
  ck_assert_msg(!wanted[next].function, "%s: no %s at %s:%d in %s", what, wanted[next].function, wanted[next].file,
                wanted[next].line, json_dumps(frames, 0));
  json_decref(report);
}

static const struct wanted_frame c_frames[] = {
    {"within", "prog.c", 4}, {"get", "prog.c", 10}, {"main", "prog.c", 15}, {0}};

/* The entries of a unit lie in a .dwo file; in a package, with those of others. */
START_TEST(split_debug_information)
{
  static const char *const compilers[] = {"gcc", "clang"}, *const packers[] = {"", "dwp", "llvm-dwp"};
  unsigned built = 0;

  write_file("prog.c", in_c);
  for (unsigned i = 0; i < 2 * 2 * 3; i++) {
    const char *compiler = compilers[i % 2], *packer = packers[i / 4];
    unsigned version = 4 + i / 2 % 2;
    char command[512], what[128];

    if (!e2e_has(compiler) || (*packer && !e2e_has(packer)))
      continue;
    /* binutils' dwp of 2.40 knows no DWARF 5, and makes an empty package of it. */
    if (!strcmp(packer, "dwp") && version == 5)
      continue;
    snprintf(what, sizeof what, "%s, DWARF %u, %s", compiler, version, *packer ? packer : ".dwo files");
    snprintf(command, sizeof command,
             "rm -f prog prog.dwp *.dwo && %s -O2 -fno-builtin -g -gdwarf-%u -gsplit-dwarf prog.c -o prog%s%s%s",
             compiler, version, *packer ? " && " : "", packer, *packer ? " -e prog -o prog.dwp && rm *.dwo" : "");
    ck_assert_msg(build(command), "%s cannot be built", what);
    expect_frames(what, c_frames);
    built++;
  }
  if (!built)
    E2E_SKIP("needs gcc or clang");
}
END_TEST

START_TEST(split_debug_information_is_missing)
{
  const struct wanted_frame lines_alone[] = {{"get", "prog.c", 4}, {"main", "prog.c", 15}, {0}};
  struct e2e_result result;

  write_file("prog.c", in_c);
  if (!e2e_has("gcc") || !build("gcc -O2 -fno-builtin -g -gsplit-dwarf prog.c -o prog && rm *.dwo"))
    E2E_SKIP("needs gcc");
  expect_frames("no .dwo", lines_alone);
  result = RUN(0, heap_analyzer(), "heap", e2e_path("prog.vmt"));
  ck_assert_msg(strstr(result.err, "dwo, which has them, is not here") != NULL, "%s", result.err);
  e2e_release(&result);
}
END_TEST

/* A .dwo file that a later build wrote is not this one's. */
START_TEST(split_debug_information_of_another_build)
{
  const struct wanted_frame lines_alone[] = {{"get", "prog.c", 4}, {"main", "prog.c", 15}, {0}};

  write_file("prog.c", in_c);
  if (!e2e_has("gcc") || !build("gcc -O2 -fno-builtin -g -gsplit-dwarf prog.c -o prog && mv prog kept && "
                                "gcc -O1 -fno-builtin -g -gsplit-dwarf prog.c -o prog && mv kept prog"))
    E2E_SKIP("needs gcc");
  expect_frames("another .dwo", lines_alone);
}
END_TEST

START_TEST(lines_without_functions)
{
  static const char *const commands[] = {"clang -O2 -fno-builtin -gline-tables-only prog.c -o prog",
                                         "clang -O2 -fno-builtin -g1 prog.c -o prog",
                                         "gcc -O2 -fno-builtin -g1 prog.c -o prog"};
  unsigned built = 0;

  write_file("prog.c", in_c);
  for (size_t i = 0; i < sizeof commands / sizeof *commands; i++) {
    char compiler[16];

    sscanf(commands[i], "%15s", compiler);
    if (!e2e_has(compiler))
      continue;
    ck_assert_msg(build(commands[i]), "%s", commands[i]);
    expect_frames(commands[i], c_frames);
    built++;
  }
  if (!built)
    E2E_SKIP("needs gcc or clang");
}
END_TEST

START_TEST(assembly)
{
  const struct wanted_frame frames[] = {{"get", "get.S", 8}, {"main", "prog.c", 3}, {0}};

  struct utsname machine;

  if (uname(&machine) < 0 || strcmp(machine.machine, "x86_64") != 0)
    E2E_SKIP("is for x86-64");
  write_file("prog.c", calls_assembly);
  write_file("get.S", in_assembly);
  if (!build("${CC:-cc} -O2 -fno-builtin -g get.S prog.c -o prog"))
    E2E_SKIP("needs a C compiler");
  expect_frames("with lines", frames);
  ck_assert(build("${CC:-cc} -O2 -fno-builtin get.S prog.c -o prog"));
  expect_frames("symbol without size or type", (struct wanted_frame[]){{"get", "", 0}, {"main", "", 0}, {0}});
}
END_TEST

/* Functions within functions: of a language that has them, of classes and lambdas. */
START_TEST(functions_in_functions)
{
  static const struct {
    const char *command, *file, *text;
    struct wanted_frame frames[5];
  } kinds[] = {
      {"g++ -O2 -fno-builtin -g prog.cc -o prog",
       "prog.cc",
       local_class,
       {{"raw", "prog.cc", 7},
        {"main::Local::get(int)", "prog.cc", 13},
        {"main::{lambda(int)", "prog.cc", 17},
        {"main", "prog.cc", 22}}},
      {"clang++ -O2 -fno-builtin -g prog.cc -o prog",
       "prog.cc",
       local_class,
       {{"main::Local::raw(int)", "prog.cc", 7},
        {"main::Local::get(int)", "prog.cc", 13},
        {"main::$_0", "prog.cc", 17},
        {"main", "prog.cc", 22}}},
      {"gcc -O1 -fno-builtin -g prog.c -o prog",
       "prog.c",
       nested_function,
       {{"get", "prog.c", 7}, {"main", "prog.c", 10}}},
      {"gfortran -O1 -fno-inline -g prog.f90 -o prog",
       "prog.f90",
       in_fortran,
       {{"get", "prog.f90", 10}, {"outer", "prog.f90", 4}}},
      {"gnatmake -O1 -g -gnata prog.adb -o prog",
       "prog.adb",
       in_ada,
       {{"prog__get", "prog.adb", 6}, {"_ada_prog", "prog.adb", 11}}},
      {"rustc -g -C opt-level=1 prog.rs -o prog",
       "prog.rs",
       in_rust,
       {{"prog::get", "prog.rs", 3}, {"prog::main", "prog.rs", 7}}},
      {"rustc -g -C opt-level=1 -C symbol-mangling-version=v0 -C split-debuginfo=unpacked prog.rs -o prog",
       "prog.rs",
       in_rust,
       {{"prog::get", "prog.rs", 3}, {"prog::main", "prog.rs", 7}}},
      {"rustc -g -C opt-level=1 -C split-debuginfo=packed prog.rs -o prog",
       "prog.rs",
       in_rust,
       {{"prog::get", "prog.rs", 3}, {"prog::main", "prog.rs", 7}}},
  };
  char without[256] = "";

  for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
    char compiler[16];

    sscanf(kinds[i].command, "%15s", compiler);
    write_file(kinds[i].file, kinds[i].text);
    if (!e2e_has(compiler) || !build(kinds[i].command))
      snprintf(without + strlen(without), sizeof without - strlen(without), " %s", compiler);
    else
      expect_frames(kinds[i].command, kinds[i].frames);
  }
  if (*without)
    E2E_SKIP("of the compilers these are missing or do not work:%s", without);
}
END_TEST

int main(void)
{
  Suite *suite = suite_create("names");
  TCase *tc = e2e_case(suite, "kinds", 120);

  tcase_add_test(tc, split_debug_information);
  tcase_add_test(tc, split_debug_information_is_missing);
  tcase_add_test(tc, split_debug_information_of_another_build);
  tcase_add_test(tc, lines_without_functions);
  tcase_add_test(tc, assembly);
  tcase_add_test(tc, functions_in_functions);
  return e2e_main(suite);
}
