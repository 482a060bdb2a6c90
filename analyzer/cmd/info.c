/*
 * `vmtrace info`: what a trace holds, what was lost, how the process ended.
 * Options and exit code only; counting is in track/digest.c, output in report/info_*.c.
 */
#include <jansson.h>

#include "cmd/command.h"
#include "cmd/symbol_options.h"
#include "query/session/session.h"
#include "report/info_report.h"

/* The report of one trace: as text, or as an object appended to array. */
static int info_one(char *path, enum command_format format, json_t *array, bool first)
{
  struct session *s = session_open(&path, 1);
  const struct digest *digest;

  if (!session_count(s)) {
    session_close(s);
    return EXIT_UNREADABLE;
  }
  session_want(s, &tracker_digest);
  session_run(s);
  digest = session_state(session_trace(s, 0), &tracker_digest);
  if (format == FORMAT_JSON) {
    json_array_append_new(array, info_json(digest));
  } else {
    if (!first)
      putchar('\n');
    info_text(stdout, digest);
  }
  session_close(s);
  return EXIT_FINE;
}

/* One trace: its object.  Several: an array of those that could be read. */
static void print_json(const json_t *array, int traces)
{
  const json_t *value = traces == 1 ? json_array_get(array, 0) : array;

  if (value && json_dumpf(value, stdout, JSON_INDENT(2) | JSON_REAL_PRECISION(6)) == 0)
    putchar('\n');
}

int cmd_info(int argc, char **argv)
{
  const struct argp_child children[] = {command_traces()[0], symbol_options_files, {0}};
  const struct argp argp = {.args_doc = "TRACE...",
                            .doc = "Shows what each TRACE holds: who was traced and when, events by kind, what was "
                                   "lost and why, how the process ended.",
                            .children = children};
  struct command_common common = {.format = FORMAT_TEXT};
  json_t *array;
  int code = EXIT_FINE;

  command_parse(&argp, argc, argv, &common);
  array = json_array();
  for (int i = 0; i < common.trace_count; i++) {
    if (info_one(common.traces[i], common.format, array, i == 0) != EXIT_FINE)
      code = EXIT_UNREADABLE;
  }
  if (common.format == FORMAT_JSON)
    print_json(array, common.trace_count);
  json_decref(array);
  return command_finish(stdout, code);
}
