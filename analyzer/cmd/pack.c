/*
 * `vmtrace pack`: traces compressed at rest.  Options and the line per trace;
 * the work is in cmd/pack_trace.c and pack/pack_file.c.
 */
#include "cmd/arguments.h"
#include "cmd/command.h"
#include "cmd/pack_trace.h"
#include "output/quantity.h"
#include "reader/plain_text.h"

struct pack_options {
  struct pack_wish wish;
  char **traces;
  int count;
};

static int parse_level(const char *arg, struct argp_state *state)
{
  uint64_t level = 0;

  if (!argument_number(arg, 1, PACK_LEVEL_MAX, &level))
    argp_error(state, "--level takes a number from 1 to %d, not '%s'", PACK_LEVEL_MAX, arg);
  return (int)level;
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
  struct pack_options *options = state->input;

  switch (key) {
  case 'l':
    options->wish.level = parse_level(arg, state);
    return 0;
  case 'o':
    options->wish.output = arg;
    if (!*arg)
      argp_error(state, "--output takes the name of a file");
    return 0;
  case ARGP_KEY_ARGS:
    options->traces = argument_traces(state, &options->count);
    return 0;
  case ARGP_KEY_NO_ARGS:
    argp_error(state, "name at least one trace (a file that ends in .vmt, or a directory of them)");
    return 0;
  case ARGP_KEY_END:
    if (options->wish.output && options->count > 1)
      argp_error(state, "--output takes one trace");
    return 0;
  default:
    return ARGP_ERR_UNKNOWN;
  }
}

static int pack_one(const char *path, const struct pack_wish *wish)
{
  char before[QUANTITY_MAX], after[QUANTITY_MAX];
  struct pack_outcome outcome;
  int code = pack_trace(path, wish, &outcome);

  if (!outcome.packed)
    return code;
  plain_puts(stdout, wish->output ? wish->output : path);
  printf(": %s, packed %s (%.1f%%)\n", quantity_bytes(before, outcome.before), quantity_bytes(after, outcome.after),
         100 * (double)outcome.after / (double)outcome.before);
  return code;
}

int cmd_pack(int argc, char **argv)
{
  static const struct argp_option options[] = {
      {"level", 'l', "N", 0, "effort, 1 (fast) to 19 (small); 6 unless given", 0},
      {"output", 'o', "FILE", 0, "write the packed trace to FILE, and leave TRACE as it is", 0},
      {0},
  };
  const struct argp argp = {
      .options = options,
      .parser = parse,
      .args_doc = "TRACE...",
      .doc = "Compresses each TRACE of a program that has ended, in its place. All commands read packed traces. The "
             "trace is replaced only when the packed one is complete and has been read back."};
  struct pack_options chosen = {.wish = {.level = PACK_LEVEL}};
  int code = EXIT_FINE;

  command_parse(&argp, argc, argv, &chosen);
  for (int i = 0; i < chosen.count; i++) {
    if (pack_one(chosen.traces[i], &chosen.wish) != EXIT_FINE)
      code = EXIT_UNREADABLE;
  }
  return command_finish(stdout, code);
}
