/*
 * The table of commands and what they share.  Does no work of its own on
 * traces; called by main.c and by every command.
 */
#include "cmd/command.h"

#include <errno.h>
#include <stdarg.h>
#include <string.h>

#include "cmd/arguments.h"
#include "cmd/usage_message.h"
#include "reader/complain.h"

#define NO_TRACES "name at least one trace (a file that ends in .vmt, or a directory of them)"

const struct command *command_table(void)
{
  static const struct command table[] = {
      {"run", cmd_run, "run copies of a program side by side, then report"},
      {"info", cmd_info, "what a trace holds, what was lost, how the process ended"},
      {"dump", cmd_dump, "every event, one per line"},
      {"pages", cmd_pages, "the merged report: virtual and physical, page by page"},
      {"heap", cmd_heap, "which call stacks own the memory: live, resident, leaked"},
      {"ps", cmd_ps, "the processes of a group as a tree: memory, how each ended"},
      {"pack", cmd_pack, "compress traces of programs that have ended"},
      {"doctor", cmd_doctor, "what this machine allows, how to get what is missing"},
      {"completion", cmd_completion, "completion of commands for bash, zsh and fish"},
      {NULL, NULL, NULL},
  };

  return table;
}

const struct command *command_find(const char *name)
{
  for (const struct command *c = command_table(); c->name; c++) {
    if (!strcmp(c->name, name))
      return c;
  }
  return NULL;
}

static error_t parse_common(int key, char *arg, struct argp_state *state)
{
  struct command_common *common = state->input;

  if (key != 'f')
    return ARGP_ERR_UNKNOWN;
  if (!strcmp(arg, "text"))
    common->format = FORMAT_TEXT;
  else if (!strcmp(arg, "json"))
    common->format = FORMAT_JSON;
  else
    argp_error(state, "--format takes text or json, not '%s'", arg);
  return 0;
}

static error_t parse_traces(int key, char *arg, struct argp_state *state)
{
  struct command_common *common = state->input;

  switch (key) {
  case ARGP_KEY_ARGS:
    common->traces = argument_traces(state, &common->trace_count);
    return 0;
  case ARGP_KEY_NO_ARGS:
    argp_error(state, NO_TRACES);
    return 0;
  default:
    return parse_common(key, arg, state);
  }
}

static const struct argp_option common_options[] = {
    {"format", 'f', "FORMAT", 0, "text (the default) or json", 0},
    {0},
};

const struct argp_child *command_traces(void)
{
  static const struct argp argp = {.options = common_options, .parser = parse_traces};
  static const struct argp_child children[] = {{&argp, 0, NULL, 0}, {0}};

  return children;
}

static error_t parse_trace_list(int key, char *arg, struct argp_state *state)
{
  struct command_traces *traces = state->input;
  int count = 0;

  (void)arg;
  switch (key) {
  case ARGP_KEY_ARGS:
    traces->path = argument_traces(state, &count);
    traces->count = (size_t)count;
    return 0;
  case ARGP_KEY_NO_ARGS:
    argp_error(state, NO_TRACES);
    return 0;
  default:
    return ARGP_ERR_UNKNOWN;
  }
}

struct argp_child command_traces_child(void)
{
  static const struct argp argp = {.parser = parse_trace_list};

  return (struct argp_child){&argp, 0, NULL, 0};
}

const struct argp_child *command_formats(void)
{
  static const struct argp argp = {.options = common_options, .parser = parse_common};
  static const struct argp_child children[] = {{&argp, 0, NULL, 0}, {0}};

  return children;
}

int command_parse(const struct argp *argp, int argc, char **argv, void *input)
{
  argp_err_exit_status = EXIT_USAGE;
  return usage_parse(argp, argc, argv, 0, input);
}

int command_error(int code, const char *format, ...)
{
  va_list args;

  va_start(args, format);
  complain_args(format, args);
  va_end(args);
  return code;
}

int command_finish(FILE *out, int code)
{
  errno = 0;
  if (fflush(out) == 0 && !ferror(out))
    return code;
  if (errno == EPIPE)
    return code;
  return command_error(EXIT_UNREADABLE, "the output could not be written: %s", strerror(errno ? errno : EIO));
}
