/*
 * `vmtrace doctor`: a table of what this machine allows, and how to get what is
 * missing.  Exits with 1 when something is missing without which nothing works.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cmd/command.h"
#include "cmd/doctor_checks.h"
#include "output/json_writer.h"
#include "reader/plain_text.h"
#include "reader/terminal.h"

static const struct {
  const char *name;
  doctor_check check;
  bool essential;
} checks[] = {
    {"kernel", doctor_kernel_version, true},
    {"library", doctor_library, true},
    {"wipe-on-fork", doctor_wipe_on_fork, true},
    {"fixed-noreplace", doctor_fixed_noreplace, false},
    {"address-0x200000", doctor_low_segment, false},
    {"trace-files", doctor_trace_files, false},
    {"call-stacks", doctor_stacks, false},
    {"pagemap", doctor_pagemap, false},
    {"pagemap-scan", doctor_pagemap_scan, false},
    {"frame-numbers", doctor_frame_numbers, false},
    {"page-flags", doctor_page_flags, false},
    {"faults", doctor_faults, false},
    {"overcommit", doctor_overcommit, false},
    {"mappings", doctor_map_count, false},
    {"limits", doctor_limits, false},
};

#define CHECKS (sizeof checks / sizeof *checks)

static const char *const result_names[] = {"ok", "limited", "missing"};

void finding_set(struct finding *f, enum finding_result result, const char *found, ...)
{
  va_list args;

  f->result = result;
  va_start(args, found);
  vsnprintf(f->found, sizeof f->found, found, args);
  va_end(args);
}

void finding_advise(struct finding *f, const char *advice, ...)
{
  va_list args;

  va_start(args, advice);
  vsnprintf(f->advice, sizeof f->advice, advice, args);
  va_end(args);
}

static void put_text(const struct finding *findings, bool usable, bool colour)
{
  static const char *const colours[] = {"\033[32m", "\033[33m", "\033[31m"};

  for (size_t i = 0; i < CHECKS; i++) {
    const struct finding *f = &findings[i];

    printf("%-17s %s%-8s%s ", checks[i].name, colour ? colours[f->result] : "", result_names[f->result],
           colour ? "\033[0m" : "");
    plain_puts(stdout, f->found);
    putchar('\n');
    if (!*f->advice)
      continue;
    printf("%26s ", "");
    plain_puts(stdout, f->advice);
    putchar('\n');
  }
  printf("\n%s\n", usable ? "vmtrace works here." : "vmtrace does not work here: see what is missing above.");
}

static int put_json(const struct finding *findings, bool usable)
{
  struct json_writer j;

  json_begin(&j, stdout);
  json_open_object(&j);
  json_member_bool(&j, "usable", usable);
  json_put_key(&j, "checks");
  json_open_array(&j);
  for (size_t i = 0; i < CHECKS; i++) {
    const struct finding *f = &findings[i];

    json_open_object(&j);
    json_member_text(&j, "name", checks[i].name);
    json_member_text(&j, "result", result_names[f->result]);
    json_member_bool(&j, "essential", checks[i].essential);
    json_member_text(&j, "found", f->found);
    json_member_text(&j, "advice", f->advice);
    json_close(&j);
  }
  json_close(&j);
  json_close(&j);
  return json_finish(&j);
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
  if (key == ARGP_KEY_INIT)
    state->child_inputs[0] = state->input;
  if (key == ARGP_KEY_ARG)
    argp_error(state, "takes no argument, but was given '%s'", arg);
  return key == ARGP_KEY_INIT ? 0 : ARGP_ERR_UNKNOWN;
}

int cmd_doctor(int argc, char **argv)
{
  const struct argp argp = {.parser = parse,
                            .doc =
                                "Tries what vmtrace needs on this machine, as this user, and says how to get what is "
                                "missing.\vExits with 1 when something is missing without which nothing works.",
                            .children = command_formats()};
  struct command_common common = {0};
  struct finding findings[CHECKS] = {0};
  bool usable = true;

  command_parse(&argp, argc, argv, &common);
  for (size_t i = 0; i < CHECKS; i++) {
    checks[i].check(&findings[i]);
    if (checks[i].essential && findings[i].result == FINDING_MISSING)
      usable = false;
  }
  if (common.format == FORMAT_JSON) {
    if (put_json(findings, usable) < 0)
      return command_error(EXIT_UNREADABLE, "the report could not be written");
  } else {
    put_text(findings, usable, terminal_has_colour(STDOUT_FILENO));
  }
  return command_finish(stdout, usable ? EXIT_FINE : EXIT_FINDINGS);
}
