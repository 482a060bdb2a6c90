/*
 * Names that steer terminals, forge lines, turn text around or are no text at
 * all: in traces, as names of traces, as options and arguments.  Through every
 * command, what is shown to people is plain UTF-8, and JSON is JSON.
 */
#include <jansson.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "craft.h"
#include "e2e.h"

/* ESC and CSI (C0, C1), line feed, carriage return, backspace, an override and an isolate of direction, a line
 * separator, no UTF-8: alone, cut short, too long, a surrogate. */
#define HOSTILE                                                                                                        \
  "x\033[31m\xc2\x9b"                                                                                                  \
  "2J\nvmtrace: forged\r\b\x7f\xe2\x80\xae"                                                                            \
  "cba\xe2\x81\xa6\xe2\x80\xa8\xff\xc3(\xe2\x80\xc0\xaf\xed\xa0\x80'`\nTry `me"

static void bad(const char *what, const char *text, size_t at)
{
  ck_abort_msg("%s: byte 0x%02x at %zu: %.*s", what, (uint8_t)text[at], at, (int)(at < 60 ? at : 60),
               text + (at < 60 ? 0 : at - 60));
}

static void expect_plain(const char *what, const char *text, size_t size)
{
  for (size_t i = 0; i < size; i++) {
    uint8_t c = (uint8_t)text[i];

    if ((c < 0x20 && c != '\n') || c == 0x7f)
      bad(what, text, i);
    if (c == 0xc2 && (uint8_t)text[i + 1] < 0xa0)
      bad(what, text, i);
    if (c == 0xe2 && (((uint8_t)text[i + 1] == 0x80 && (uint8_t)text[i + 2] >= 0xa8 && (uint8_t)text[i + 2] <= 0xae) ||
                      ((uint8_t)text[i + 1] == 0x81 && (uint8_t)text[i + 2] >= 0xa6)))
      bad(what, text, i);
  }
  /* Valid UTF-8 is what jansson takes. */
  if (size) {
    json_t *string = json_stringn(text, size);

    ck_assert_msg(string != NULL, "%s: not UTF-8: %s", what, text);
    json_decref(string);
  }
  ck_assert_msg(!strstr(text, "\nvmtrace: forged"), "%s: a forged line: %s", what, text);
}

static void expect_json(const char *what, const char *text, size_t size)
{
  const char *end = text + size;

  while (text < end) {
    json_error_t error;
    json_t *value =
        json_loadb(text, (size_t)(end - text), JSON_DISABLE_EOF_CHECK | JSON_ALLOW_NUL | JSON_DECODE_ANY, &error);

    ck_assert_msg(value != NULL, "%s: no JSON: %s: %.200s", what, error.text, text);
    json_decref(value);
    text += error.position;
    text += strspn(text, "\n ");
  }
}

static void make_trace(const char *path)
{
  static const char name[] = HOSTILE, module[] = "/" HOSTILE "\0" HOSTILE;
  struct vt_file_header *h;
  struct craft c;

  craft_begin(&c, 65536);
  h = (struct vt_file_header *)c.bytes;
  strcpy(h->exe, "/" HOSTILE);
  strcpy(h->host, "h" HOSTILE);
  strcpy(h->cwd, "/" HOSTILE);
  memcpy(h->cmdline, HOSTILE "\0" HOSTILE, 2 * sizeof name);
  h->cmdline_len = 2 * sizeof name;
  CRAFT_NAMED(&c, MARK, name, sizeof name - 1);
  CRAFT_NAMED(&c, MODULE, module, sizeof module - 1, 0x1000, 0x1000);
  CRAFT_NAMED(&c, MODULE_FILE, name, sizeof name - 1, 0x1000, 1, 2, 3, 4);
  CRAFT_NAMED(&c, THREAD_NAME, name, sizeof name - 1, 1);
  CRAFT_NAMED(&c, UNTRACED, name, sizeof name - 1, 1);
  CRAFT_NAMED(&c, UNTRACED, name, sizeof name - 1, 2);
  CRAFT_NAMED(&c, SPAWN, name, sizeof name - 1, 77);
  CRAFT_NAMED(&c, EXEC, name, sizeof name - 1);
  CRAFT(&c, STACK_NODE, 16, VT_STACK_COMPLETE, 0x1100);
  CRAFT(&c, HEAP_ERROR, VT_HEAP_DOUBLE_FREE, 0x200000, 0x200000, 16, 16, 16);
  craft_alloc(&c, 0x200000, 100, 16);
  craft_stream(&c, VT_ROLE_SAMPLER);
  CRAFT(&c, SAMPLE, 1, VT_SAMPLE_PFN, 0);
  CRAFT_NAMED(&c, VMA, name, sizeof name - 1, 0x200000, 0x4000, 3, 0, 5, 0);
  CRAFT(&c, PAGES, 0x200000, 4, VT_PG_PRESENT | VT_PG_FILE, 77);
  CRAFT(&c, VALUE, 0x200000, 0, 1);
  CRAFT(&c, SAMPLE_END, 0, 4, 0);
  craft_finish(&c, path);
}

static void show(const char *const *argv, bool json)
{
  struct e2e_result r;

  e2e_run(&(struct e2e_spec){.argv = argv, .env = E2E_ARGV("VMTRACE_OUT=" HOSTILE, "DEBUGINFOD_URLS")}, &r);
  ck_assert(WIFEXITED(r.status));
  expect_plain(argv[1], r.err, r.err_len);
  if (json)
    expect_json(argv[1], r.out, r.out_len);
  else
    expect_plain(argv[1], r.out, r.out_len);
  e2e_release(&r);
}

static const char *const commands[][3] = {
    {"info", "--format=text"},   {"info", "--format=json"},  {"dump", "--format=text"},      {"dump", "--format=json"},
    {"pages", "--all"},          {"pages", "--format=json"}, {"heap", "--format=text"},      {"heap", "--tree"},
    {"heap", "--format=folded"}, {"heap", "--format=json"},  {"heap", "--at=mark:" HOSTILE}, {"pack", "--level=1"},
};
#define COMMANDS (sizeof commands / sizeof *commands)

START_TEST(in_traces)
{
  const char *const *command = commands[_i];
  const char *trace = e2e_path("%s", HOSTILE ".vmt"), *other = e2e_path("other.vmt");
  bool json = strstr(command[1], "json") != NULL;

  make_trace(trace);
  make_trace(other);
  show(E2E_ARGV(e2e_analyzer(), command[0], command[1], trace), json);
  show(E2E_ARGV(e2e_analyzer(), command[0], command[1], trace, other), json);
  show(E2E_ARGV(e2e_analyzer(), command[0], command[1], e2e_path("%s", HOSTILE "none")), json);
  show(E2E_ARGV(e2e_analyzer(), command[0], command[1], e2e_path("%s", "")), json);
}
END_TEST

START_TEST(in_arguments)
{
  static const char *const names[] = {"info", "dump", "pages", "heap", "pack", "run", "doctor", "help", HOSTILE};
  static const char *const arguments[] = {
      HOSTILE,
      "--" HOSTILE,
      "-" HOSTILE,
      "-\n",
      "-\xff",
      "--format=" HOSTILE,
      "--at=" HOSTILE,
      "--diff=" HOSTILE,
      "--op=" HOSTILE,
      "--thread=" HOSTILE,
      "--from=" HOSTILE,
      "--level=" HOSTILE,
      "--output=" HOSTILE "/" HOSTILE,
      "--sort=" HOSTILE,
      "--top=" HOSTILE,
      "--heap=" HOSTILE,
      "--stack=" HOSTILE,
      "--watch=" HOSTILE,
      "--address=" HOSTILE,
      "--sysroot=" HOSTILE,
      "--skip=(" HOSTILE,
      "--f" HOSTILE,
      "--help=" HOSTILE,
  };

  for (size_t i = 0; i < sizeof arguments / sizeof *arguments; i++)
    show(E2E_ARGV(e2e_analyzer(), names[_i], arguments[i], HOSTILE), false);
  show(E2E_ARGV(e2e_analyzer(), HOSTILE), false);
}
END_TEST

/* What the library itself says: of options, paths and programs. */
START_TEST(in_the_environment)
{
  static const char *const settings[] = {
      "VMTRACE_OUT=/" HOSTILE "/x", "VMTRACE_HEAP=" HOSTILE, "VMTRACE_" HOSTILE "=1",   "VMTRACE_STACK=" HOSTILE,
      "VMTRACE_WATCH=" HOSTILE,     "VMTRACE_OUT=%" HOSTILE, "VMTRACE_UNWIND=" HOSTILE,
  };

  for (size_t i = 0; i < sizeof settings / sizeof *settings; i++) {
    struct e2e_result r;

    e2e_run(&(struct e2e_spec){.argv = E2E_ARGV("true"), .preload = e2e_library(), .env = E2E_ARGV(settings[i])}, &r);
    e2e_expect_exit(&r, 0);
    expect_plain(settings[i], r.err, r.err_len);
    e2e_release(&r);
  }
}
END_TEST

int main(void)
{
  Suite *suite = suite_create("names that are shown");
  TCase *test = e2e_case(suite, "names", 120);

  tcase_add_loop_test(test, in_traces, 0, COMMANDS);
  tcase_add_loop_test(test, in_arguments, 0, 9);
  tcase_add_test(test, in_the_environment);
  return e2e_main(suite);
}
