/*
 * `vmtrace dump`: every event, one per line.  Options and filters; the lines
 * themselves are made in report/event_*.c.
 */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cmd/arguments.h"
#include "cmd/command.h"
#include "query/session/progress.h"
#include "report/event_line.h"

struct dump_options {
  struct command_common common;
  double from, to; /* seconds since the start of a trace */
  const char *thread;
  bool some_ops;        /* --op was given: */
  bool ops[VT_R_LIMIT]; /* whether records of that type are wanted */
};

struct dump {
  const struct dump_options *options;
  struct reader *reader;
  bool thread_found; /* --thread's, in one of the traces */
  struct blocks blocks;
  struct emit emit;
  uint64_t from_ns, to_ns;
};

enum { OPTION_FROM = 0x100, OPTION_TO, OPTION_THREAD, OPTION_OP };

static double parse_seconds(const char *arg, const char *option, struct argp_state *state)
{
  double v = 0;

  if (!argument_seconds(arg, &v))
    argp_error(state, "--%s takes seconds since the start of the trace, not '%s'", option, arg);
  return v;
}

static bool mark_op(struct dump_options *options, const char *name, size_t length)
{
  for (uint32_t type = 0; type < VT_R_LIMIT; type++) {
    const char *op = reader_op_name(type);

    if (op && type != VT_R_TIME && strlen(op) == length && !memcmp(op, name, length)) {
      options->ops[type] = true;
      return true;
    }
  }
  return false;
}

static void parse_ops(struct dump_options *options, const char *list, struct argp_state *state)
{
  options->some_ops = true;
  for (const char *p = list;; p++) {
    size_t length = strcspn(p, ",");

    if (!mark_op(options, p, length))
      argp_error(state, "--op: there is no '%.*s'; `vmtrace info` lists the events of a trace by name", (int)length, p);
    p += length;
    if (!*p)
      return;
  }
}

static bool is_lineage(const char *text)
{
  const char *digits = text + (*text == '?');

  if (!strcmp(text, "sampler"))
    return true;
  for (; digits; digits = strchr(digits, '.') ? strchr(digits, '.') + 1 : NULL) {
    if (!strspn(digits, "0123456789"))
      return false;
  }
  return !text[strspn(text, "?0123456789.")];
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
  struct dump_options *options = state->input;

  switch (key) {
  case ARGP_KEY_INIT:
    state->child_inputs[0] = &options->common;
    return 0;
  case OPTION_FROM:
    options->from = parse_seconds(arg, "from", state);
    return 0;
  case OPTION_TO:
    options->to = parse_seconds(arg, "to", state);
    return 0;
  case OPTION_THREAD:
    if (!is_lineage(arg))
      argp_error(state, "--thread takes a lineage, as 0, 0.1, 0.1.2, ?7 or sampler, not '%s'", arg);
    options->thread = arg;
    return 0;
  case ARGP_KEY_SUCCESS:
    for (uint32_t type = 0; type < VT_R_LIMIT && !options->some_ops; type++)
      options->ops[type] = reader_op_name(type) != NULL;
    if (options->from > options->to)
      argp_error(state, "--from is after --to: there is nothing in between");
    return 0;
  case OPTION_OP:
    parse_ops(options, arg, state);
    return 0;
  default:
    return ARGP_ERR_UNKNOWN;
  }
}

/* Follows the blocks, also through what is not shown; the size of the block that this event ends. */
static uint64_t follow_blocks(struct blocks *blocks, const struct event *e)
{
  struct block block = {0}, removed = {0};

  switch (e->type) {
  case VT_R_ALLOC:
    block = (struct block){.addr = e->field[0], .size = e->field[1]};
    break;
  case VT_R_FREE:
    blocks_remove(blocks, e->field[0], &removed);
    break;
  case VT_R_REALLOC:
    blocks_remove(blocks, e->field[0], &removed);
    block = (struct block){.addr = e->field[1], .size = e->field[2]};
    break;
  default:
    return 0;
  }
  /* Without memory for it the size is not known when it is freed, and shown as 0: nothing else. */
  blocks_add(blocks, &block);
  return removed.size;
}

static bool is_wanted(const struct dump *d, const struct event *e)
{
  const struct dump_options *o = d->options;

  return e->type < VT_R_LIMIT && o->ops[e->type] && e->time_ns >= d->from_ns && e->time_ns <= d->to_ns &&
         (!o->thread || !strcmp(o->thread, reader_lineage(d->reader, e->thread)));
}

static uint64_t at_seconds(uint64_t start_ns, double seconds)
{
  double ns = seconds * 1e9;

  return ns < 9e18 && start_ns < UINT64_C(9000000000000000000) ? start_ns + (uint64_t)(ns + 0.5) : UINT64_MAX;
}

static void dump_events(struct dump *d, struct progress *progress)
{
  void (*line_of)(struct event_line *, const struct event *) =
      d->options->common.format == FORMAT_JSON ? event_line_json : event_line_text;
  struct event_line line = {.emit = &d->emit, .reader = d->reader, .start_ns = reader_header(d->reader)->start_ns};
  const struct event *e;
  uint64_t n = 0;

  while (!d->emit.failed && (e = reader_next(d->reader))) {
    line.old_size = follow_blocks(&d->blocks, e);
    if (is_wanted(d, e))
      line_of(&line, e);
    if (++n % 65536 == 0)
      progress_step(progress, reader_progress(d->reader));
  }
  emit_flush(&d->emit);
}

static int dump_one(const char *path, const struct dump_options *options, struct dump *d)
{
  struct progress progress;

  d->reader = reader_open(path, READER_ALL);
  if (!d->reader)
    return EXIT_UNREADABLE;
  if (!blocks_init(&d->blocks)) {
    reader_close(d->reader);
    return command_error(EXIT_UNREADABLE, "%s: out of memory", path);
  }
  d->options = options;
  d->from_ns = at_seconds(reader_header(d->reader)->start_ns, options->from);
  d->to_ns = at_seconds(reader_header(d->reader)->start_ns, options->to);
  reader_limit(d->reader, d->from_ns, d->to_ns);
  progress_begin(&progress, path);
  /* Lines and the progress line would disturb each other on one terminal. */
  progress.terminal = progress.terminal && !isatty(STDOUT_FILENO);
  d->thread_found |= options->thread && reader_has_lineage(d->reader, options->thread);
  dump_events(d, &progress);
  progress_end(&progress);
  blocks_release(&d->blocks);
  reader_close(d->reader);
  return EXIT_FINE;
}

int cmd_dump(int argc, char **argv)
{
  static const struct argp_option options[] = {
      {"from", OPTION_FROM, "SECONDS", 0, "only events from then on, since the start of the trace", 0},
      {"to", OPTION_TO, "SECONDS", 0, "only events up to then", 0},
      {"thread", OPTION_THREAD, "LINEAGE", 0, "only events of that thread: 0, 0.1, 0.1.2, sampler", 0},
      {"op", OPTION_OP, "LIST", 0, "only events of these kinds: alloc,free,mmap ...", 0},
      {0},
  };
  const struct argp argp = {.options = options,
                            .parser = parse,
                            .args_doc = "TRACE...",
                            .doc =
                                "Writes every event of each TRACE, one per line, in the order in which they happened.",
                            .children = command_traces()};
  static struct dump dump;
  struct dump_options chosen = {.common = {.format = FORMAT_TEXT}, .to = INFINITY};
  int code = EXIT_FINE;

  command_parse(&argp, argc, argv, &chosen);
  emit_init(&dump.emit, stdout);
  for (int i = 0; i < chosen.common.trace_count; i++) {
    if (dump_one(chosen.common.traces[i], &chosen, &dump) != EXIT_FINE)
      code = EXIT_UNREADABLE;
  }
  if (chosen.thread && !dump.thread_found && code == EXIT_FINE)
    code = command_error(EXIT_USAGE, "there is no thread %s: `vmtrace dump --op=thread` lists them", chosen.thread);
  return command_finish(stdout, code);
}
