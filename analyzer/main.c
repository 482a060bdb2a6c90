/*
 * The program `vmtrace`: finds the command in the table and hands over.
 * Knows nothing about traces.
 */
#include <argp.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/command.h"
#include "cmd/usage_message.h"
#include "pack/columns.h"
#include "reader/xalloc.h"

const char *argp_program_version = "vmtrace " VMTRACE_VERSION;

static const char doc[] = "Shows both sides of the MMU: what programs allocated, at which virtual addresses, and which "
                          "physical frames stood behind them.";

/* The table of commands, as the last part of --help. */
static char *help_filter(int key, const char *text, void *input)
{
  char *buf = NULL;
  size_t size = 0;
  FILE *f;

  (void)input;
  if (key != ARGP_KEY_HELP_EXTRA)
    return (char *)text;
  f = open_memstream(&buf, &size);
  if (!f)
    xalloc_failed();
  fputs("Commands:\n", f);
  for (const struct command *c = command_table(); c->name; c++)
    fprintf(f, "  %-10s  %s\n", c->name, c->help);
  fputs("  help        the options of a command: vmtrace help COMMAND\n\n"
        "Exit status: 0 fine, 1 the command found something wrong, 2 wrong usage, 3 a trace could not be read.",
        f);
  fclose(f);
  return buf;
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
  int *command_at = state->input;

  switch (key) {
  case ARGP_KEY_ARG:
    (void)arg;
    *command_at = state->next - 1;
    state->next = state->argc; /* the rest belongs to the command */
    return 0;
  case ARGP_KEY_NO_ARGS:
    argp_error(state, "name a command");
    return EINVAL;
  default:
    return ARGP_ERR_UNKNOWN;
  }
}

static int run(const struct command *command, int argc, char **argv)
{
  char name[64];

  snprintf(name, sizeof name, "vmtrace %s", command->name);
  argv[0] = name;
  return command->run(argc, argv);
}

static int help(const struct argp *argp, int argc, char **argv)
{
  char name[] = "vmtrace", option[] = "--help";
  char *with_help[] = {name, option, NULL};
  const struct command *command;

  if (argc < 2)
    return usage_parse(argp, 2, with_help, 0, NULL); /* prints and exits */
  command = command_find(argv[1]);
  if (!command)
    return command_error(EXIT_USAGE, "there is no command '%s'; `vmtrace --help` lists them", argv[1]);
  return run(command, 2, with_help);
}

int main(int argc, char **argv)
{
  static const struct argp argp = {
      .parser = parse, .args_doc = "COMMAND [OPTIONS] TRACE...", .doc = doc, .help_filter = help_filter};
  static char name[] = "vmtrace";
  int command_at = 0;
  const struct command *command;

  xalloc_begin();
  columns_serve_reader();
  argp_err_exit_status = EXIT_USAGE;
  if (argc > 0)
    argv[0] = name; /* messages name the program alike wherever it was found */
  if (usage_parse(&argp, argc, argv, ARGP_IN_ORDER, &command_at) || !command_at)
    return EXIT_USAGE;
  argc -= command_at;
  argv += command_at;
  if (!strcmp(argv[0], "help"))
    return help(&argp, argc, argv);
  command = command_find(argv[0]);
  if (!command)
    return command_error(EXIT_USAGE, "there is no command '%s'; `vmtrace --help` lists them", argv[0]);
  return run(command, argc, argv);
}
