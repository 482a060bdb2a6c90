/*
 * `vmtrace pages`: the merged report over all traces given.  Reads each trace's
 * sampler stream, joins them (query/verdict/page_set.h) and reports (report/pages_report.h).
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cmd/arguments.h"
#include "cmd/command.h"
#include "output/output_format.h"
#include "query/pictures.h"
#include "reader/terminal.h"
#include "reader/xalloc.h"
#include "report/pages_report.h"

struct pages_options {
  struct command_traces traces;
  const struct format *format;
  bool all;
  bool ranged;
  uint64_t start, end; /* bytes: [start, end) */
};

enum { OPTION_ALL = 0x100, OPTION_ADDRESS };

/* ADDR, ADDR-ADDR (the last byte) or ADDR+SIZE. */
static bool parse_range(const char *text, struct pages_options *options)
{
  const char *end;
  uint64_t second;

  if (!argument_address(text, &end, &options->start))
    return false;
  options->end = options->start + 1;
  if (*end == '-' || *end == '+') {
    char kind = *end;

    if (!argument_address(end + 1, &end, &second))
      return false;
    options->end = kind == '-' ? second + 1 : options->start + second;
  }
  options->ranged = true;
  return !*end && options->end > options->start;
}

/* The report is no table: its text and its JSON are written by report/pages_*.c; figures are drawn by any format that
 * can. */
static const struct format *pages_format(const char *arg, struct argp_state *state)
{
  const struct format *format = format_find(arg, ~0u);

  if (!format || !(format->space || !strcmp(arg, "text") || !strcmp(arg, "json")))
    argp_error(state, "--format takes text, json or %s, not '%s'", format_names(SHAPE_SPACE), arg);
  return format;
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
  struct pages_options *options = state->input;

  switch (key) {
  case ARGP_KEY_INIT:
    options->format = formats()[0];
    state->child_inputs[0] = &options->traces;
    return 0;
  case 'f':
    options->format = pages_format(arg, state);
    return 0;
  case OPTION_ALL:
    options->all = true;
    return 0;
  case OPTION_ADDRESS:
    if (!parse_range(arg, options))
      argp_error(state, "--address takes ADDR, ADDR-ADDR or ADDR+SIZE, not '%s'", arg);
    return 0;
  default:
    return ARGP_ERR_UNKNOWN;
  }
}

static int report(const struct pages_options *options, const struct page_set *set)
{
  struct pages_view view = {.end = PAGES_EVERYTHING, .all = options->all};

  if (options->ranged) {
    view.first = options->start >> set->page_shift;
    view.end = ((options->end - 1) >> set->page_shift) + 1;
    view.all = true;
  }
  if (options->format->space)
    return pages_space(stdout, set, &view, options->format);
  if (!strcmp(options->format->name, "json"))
    return pages_json(stdout, set, &view);
  view.colour = terminal_has_colour(STDOUT_FILENO);
  return pages_text(stdout, set, &view);
}

int cmd_pages(int argc, char **argv)
{
  static const struct argp_option options_table[] = {
      {"format", 'f', "FORMAT", 0, "text (the default), json, or svg (address spaces and frames as a figure)", 0},
      {"all", OPTION_ALL, NULL, 0, "every row, also what only one process has", 0},
      {"address", OPTION_ADDRESS, "RANGE", 0, "only these pages: ADDR, ADDR-ADDR or ADDR+SIZE", 0},
      {0},
  };
  const struct argp_child children[] = {command_traces_child(), {0}};
  const struct argp argp = {.options = options_table,
                            .parser = parse,
                            .args_doc = "TRACE...",
                            .doc = "Says of each virtual page what stood behind it in every process, and what that "
                                   "means: private, shared, copied on write, never written ...",
                            .children = children};
  struct pages_options options = {0};
  struct picture **pictures;
  struct page_set *set;
  int code = EXIT_FINE;
  size_t count, failed;

  command_parse(&argp, argc, argv, &options);
  pictures = pictures_load(options.traces.path, options.traces.count, &count, &failed);
  if (failed)
    code = EXIT_UNREADABLE;
  if (!pictures)
    return code;
  set = page_set_new(pictures, count);
  if (!set || report(&options, set) < 0)
    code = EXIT_UNREADABLE;
  page_set_free(set);
  return command_finish(stdout, code);
}
