/*
 * Unit tests of symbols/modules and symbols/symbols, on programs that they
 * compile: known lines at -O2 with inlining, debug information split off, symbols only, other builds.
 */
#include <check.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "symbols/modules.h"
#include "symbols/symbols.h"

#include "unit.h"

static char dir[] = "/tmp/check_symbols.XXXXXX";

/* Line numbers are those of this text. */
static const char source[] = "#include <stdio.h>\n"                                                /* 1 */
                             "volatile int sink;\n"                                                /* 2 */
                             "extern void *address;\n"                                             /* 3 */
                             "void *address;\n"                                                    /* 4 */
                             "__attribute__((noinline)) void leaf(void)\n"                         /* 5 */
                             "{\n"                                                                 /* 6 */
                             "  address = __builtin_return_address(0);\n"                          /* 7 */
                             "}\n"                                                                 /* 8 */
                             "static inline __attribute__((always_inline)) void innermost(void)\n" /* 9 */
                             "{\n"                                                                 /* 10 */
                             "  leaf();\n"                                                         /* 11 */
                             "  sink++;\n"                                                         /* 12 */
                             "}\n"                                                                 /* 13 */
                             "static inline __attribute__((always_inline)) void middle(void)\n"    /* 14 */
                             "{\n"                                                                 /* 15 */
                             "  sink--;\n"                                                         /* 16 */
                             "  innermost();\n"                                                    /* 17 */
                             "}\n"                                                                 /* 18 */
                             "__attribute__((noinline)) void outer(void)\n"                        /* 19 */
                             "{\n"                                                                 /* 20 */
                             "  middle();\n"                                                       /* 21 */
                             "  sink++;\n"                                                         /* 22 */
                             "}\n"                                                                 /* 23 */
                             "int main(void)\n"                                                    /* 24 */
                             "{\n"                                                                 /* 25 */
                             "  outer();\n"                                                        /* 26 */
                             "  printf(\"%p %p\\n\", address, (void *)main);\n"                    /* 27 */
                             "  return 0;\n"                                                       /* 28 */
                             "}\n";

static void shell(const char *format, ...)
{
  char command[1024];
  va_list args;

  va_start(args, format);
  vsnprintf(command, sizeof command, format, args);
  va_end(args);
  ck_assert_msg(system(command) == 0, "%s", command);
}

/* Compiles the program without PIE, so that what it prints is an address in its file; the address. */
static uint64_t build(const char *flags)
{
  char path[128], command[256];
  unsigned long address = 0;
  FILE *f;

  snprintf(path, sizeof path, "%s/prog.c", dir);
  f = fopen(path, "w");
  ck_assert_ptr_nonnull(f);
  fputs(source, f);
  fclose(f);
  shell("cd %s && ${CC:-cc} -no-pie %s -Wl,--build-id -o prog prog.c", dir, flags);
  snprintf(command, sizeof command, "%s/prog", dir);
  f = popen(command, "r");
  ck_assert_ptr_nonnull(f);
  ck_assert_int_eq(fscanf(f, "%lx", &address), 1);
  pclose(f);
  return address;
}

static void build_id(char id[64])
{
  char command[256];
  FILE *f;

  snprintf(command, sizeof command, "readelf -n %s/prog | sed -n 's/.*Build ID: //p'", dir);
  f = popen(command, "r");
  ck_assert_int_eq(fscanf(f, "%63s", id), 1);
  pclose(f);
}

/* The module that the program would be in a trace. */
static void add_module(struct modules *m, uint64_t bias, const char *id)
{
  char tail[256];
  int n = snprintf(tail, sizeof tail, "%s/prog", dir);
  struct event e = {.type = VT_R_MODULE, .time_ns = 100, .fields = 2, .field = {bias, 0x1000000}};

  strcpy(tail + n + 1, id);
  e.tail = (const uint8_t *)tail;
  e.tail_len = (size_t)n + 1 + strlen(id);
  ck_assert(modules_event(m, &e));
}

static void is_frame(const struct symbol *s, const char *function, unsigned line, bool inlined)
{
  ck_assert_ptr_nonnull(s->function);
  ck_assert_str_eq(s->function, function);
  ck_assert_uint_eq(s->line, line);
  ck_assert_int_eq(s->inlined, inlined);
  ck_assert_str_eq(s->module, "prog");
  if (line) {
    ck_assert_ptr_nonnull(s->file);
    ck_assert_ptr_nonnull(strstr(s->file, "prog.c"));
  }
}

/* What the address of leaf's call resolves to, with the module mapped at bias. */
static void expect_lines(uint64_t address, uint64_t bias)
{
  struct modules m;
  struct symbols *s = symbols_open();
  const struct symbols_frames *f;
  char id[64];

  modules_init(&m);
  build_id(id);
  add_module(&m, bias, id);
  f = symbols_resolve(s, modules_find(&m, address + bias, 200), address + bias);
  ck_assert_uint_eq(f->count, 3);
  is_frame(&f->frame[0], "innermost", 11, true);
  is_frame(&f->frame[1], "middle", 17, true);
  is_frame(&f->frame[2], "outer", 21, false);
  ck_assert_ptr_eq(f, symbols_resolve(s, modules_find(&m, address + bias, 200), address + bias));
  symbols_close(s);
  modules_release(&m);
}

START_TEST(inlined_frames_have_their_lines)
{
  uint64_t address = build("-O2 -g");

  expect_lines(address, 0);
  expect_lines(address, 0x7f0000000000);
}
END_TEST

START_TEST(debug_information_split_off)
{
  uint64_t address = build("-O2 -g");

  shell("cd %s && objcopy --only-keep-debug prog prog.debug && objcopy --strip-all --add-gnu-debuglink=prog.debug prog",
        dir);
  expect_lines(address, 0);
}
END_TEST

/* Without DWARF: the function that the code was inlined into. */
static void expect_function(uint64_t address, const char *id, const char *function)
{
  struct modules m;
  struct symbols *s = symbols_open();
  const struct symbols_frames *f;

  modules_init(&m);
  add_module(&m, 0, id);
  f = symbols_resolve(s, modules_find(&m, address, 200), address);
  ck_assert_uint_eq(f->count, 1);
  ck_assert_uint_eq(f->frame[0].address, address);
  ck_assert_str_eq(f->frame[0].module, "prog");
  if (function)
    is_frame(&f->frame[0], function, 0, false);
  else
    ck_assert_ptr_null(f->frame[0].function);
  symbols_close(s);
  modules_release(&m);
}

START_TEST(symbol_table_alone)
{
  uint64_t address = build("-O2");
  char id[64];

  build_id(id);
  expect_function(address, id, "outer");
}
END_TEST

START_TEST(dynamic_symbols_alone)
{
  uint64_t address = build("-O2 -rdynamic");
  char id[64];

  shell("strip %s/prog", dir);
  build_id(id);
  expect_function(address, id, "outer");
}
END_TEST

START_TEST(stripped_file_gives_the_offset)
{
  uint64_t address = build("-O2");
  char id[64];

  shell("strip %s/prog", dir);
  build_id(id);
  expect_function(address, id, NULL);
}
END_TEST

START_TEST(another_build_is_not_used)
{
  uint64_t address = build("-O2 -g");

  expect_function(address, "0123456789abcdef0123456789abcdef01234567", NULL);
}
END_TEST

START_TEST(a_missing_file_is_no_trouble)
{
  uint64_t address = build("-O2 -g");

  shell("rm %s/prog", dir);
  expect_function(address, "00", NULL);
}
END_TEST

START_TEST(names_are_demangled)
{
  uint64_t address;
  char id[64];

  address = build("-O2 -Douter=_ZN5space5outerERKSs");
  build_id(id);
  expect_function(address, id, "space::outer(std::string const&)");
  address = build("-O2 -Douter=_ZN4core3fmt9Formatter3pad17h0123456789abcdefE");
  build_id(id);
  expect_function(address, id, "core::fmt::Formatter::pad");
}
END_TEST

START_TEST(modules_by_time)
{
  struct modules m;
  struct event gone = {.type = VT_R_MODULE_GONE, .time_ns = 300, .fields = 2, .field = {0x1000, 0}};
  struct event other = {.type = VT_R_MODULE, .time_ns = 400, .fields = 2, .field = {0x1000, 0x1000}};
  const char *name = "/lib/other.so";

  modules_init(&m);
  add_module(&m, 0x1000, "");
  ck_assert(modules_event(&m, &gone));
  other.tail = (const uint8_t *)name;
  other.tail_len = strlen(name);
  ck_assert(modules_event(&m, &other));
  ck_assert_str_ne(modules_find(&m, 0x1800, 200)->path, name);
  ck_assert_str_eq(modules_find(&m, 0x1800, 500)->path, name);
  ck_assert_ptr_null(modules_find(&m, 0x800, 500));
  modules_release(&m);
}
END_TEST

int main(void)
{
  Suite *suite = suite_create("symbols");
  TCase *tc = unit_case(suite, "symbols", 60);
  char command[128];
  int failed;

  if (!mkdtemp(dir))
    return EXIT_FAILURE;
  tcase_add_test(tc, inlined_frames_have_their_lines);
  tcase_add_test(tc, debug_information_split_off);
  tcase_add_test(tc, symbol_table_alone);
  tcase_add_test(tc, dynamic_symbols_alone);
  tcase_add_test(tc, stripped_file_gives_the_offset);
  tcase_add_test(tc, another_build_is_not_used);
  tcase_add_test(tc, a_missing_file_is_no_trouble);
  tcase_add_test(tc, names_are_demangled);
  tcase_add_test(tc, modules_by_time);
  failed = unit_main(suite);
  snprintf(command, sizeof command, "rm -rf %s", dir);
  return system(command) != 0 || failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
