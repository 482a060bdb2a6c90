/*
 * `vmtrace info`: what a trace holds, what was lost, how the process ended.
 * Options and exit code only; counting is in track/digest.c, output in report/info_*.c.
 */
#include <stdio.h>

#include "cmd/command.h"
#include "cmd/symbol_options.h"
#include "query/session/session.h"
#include "report/info_report.h"

/* What is printed: text, or JSON. */
struct printing {
  struct json_writer *json; /* NULL: text */
  bool begun;
};

static void print_one(struct printing *p, const struct digest *d)
{
  if (p->json) {
    info_json(p->json, d);
  } else {
    if (p->begun)
      putchar('\n');
    info_text(stdout, d);
  }
  p->begun = true;
}

/* Traces one after the other, so that memory does not grow with their number. */
static int info_one(char *path, struct printing *p)
{
  struct session *s = session_open(&path, 1);
  int code = session_count(s) ? EXIT_FINE : EXIT_UNREADABLE;

  session_want(s, &tracker_digest);
  session_run(s);
  if (session_count(s))
    print_one(p, session_state(session_trace(s, 0), &tracker_digest));
  session_close(s);
  return code;
}

static int info_all(char **traces, int count, struct printing *p)
{
  int code = EXIT_FINE;

  for (int i = 0; i < count; i++) {
    if (info_one(traces[i], p) != EXIT_FINE)
      code = EXIT_UNREADABLE;
  }
  return code;
}

/* One trace: its object.  Several: an array of those that could be read. */
static int info_as_json(char **traces, int count)
{
  struct json_writer json;
  struct printing p = {.json = &json};
  int code;

  json_begin(&json, stdout);
  if (count > 1)
    json_open_array(&json);
  code = info_all(traces, count, &p);
  if (count > 1)
    json_close(&json);
  if (count > 1 || p.begun)
    json_finish(&json);
  else
    json_drop(&json);
  return code;
}

int cmd_info(int argc, char **argv)
{
  const struct argp_child children[] = {command_traces()[0], symbol_options_files, {0}};
  const struct argp argp = {.args_doc = "TRACE...",
                            .doc = "Shows what each TRACE holds: who was traced and when, events by kind, what was "
                                   "lost and why, how the process ended.",
                            .children = children};
  struct command_common common = {.format = FORMAT_TEXT};
  struct printing text = {.json = NULL};

  command_parse(&argp, argc, argv, &common);
  return command_finish(stdout, common.format == FORMAT_JSON ? info_as_json(common.traces, common.trace_count)
                                                             : info_all(common.traces, common.trace_count, &text));
}
