/*
 * The commands of `vmtrace`: one table, one function each, and what they
 * share: exit codes, --format, the TRACE arguments, --help.
 *
 * To add a command NAME: write cmd/NAME.c with cmd_NAME(), declare it below,
 * add one line to the table in cmd/command.c and a page man/vmtrace-NAME.1.
 *
 * Only cmd/ and main.c decide about exit codes; nothing here calls exit()
 * but argp, for --help, --version and wrong usage (EXIT_USAGE).
 */
#ifndef VMTRACE_COMMAND_H
#define VMTRACE_COMMAND_H

#include <argp.h>
#include <stdbool.h>
#include <stdio.h>

/* What the process exits with. */
enum {
  EXIT_FINE = 0,
  EXIT_FINDINGS = 1,  /* the command asserts something and found against it */
  EXIT_USAGE = 2,     /* wrong options or arguments */
  EXIT_UNREADABLE = 3 /* a trace could not be read at all */
};

enum command_format { FORMAT_TEXT, FORMAT_JSON };

/*
 * One command.  run gets argv[0] "vmtrace NAME" (what argp prints in messages)
 * and returns an exit code.
 */
struct command {
  const char *name;
  int (*run)(int argc, char **argv);
  const char *help; /* one line, for `vmtrace --help` */
};

/* The table, ended by a NULL name; and the command of that name, NULL when there is none. */
const struct command *command_table(void);
const struct command *command_find(const char *name);

/*
 * The options that reporting commands have in common, as an argp child:
 *
 *   struct my_options { struct command_common common; bool all; };
 *   static const struct argp_child *children = command_traces();   // --format and TRACE...
 *   ...
 *   case ARGP_KEY_INIT: state->child_inputs[0] = &options->common; return 0;
 *
 * argp hands the input of a command without a parser of its own straight to the child.
 */
struct command_common {
  enum command_format format;
  char **traces; /* the TRACE arguments, directories as what is in them; command_traces() only */
  int trace_count;
};

/* --format=text|json and at least one TRACE. */
const struct argp_child *command_traces(void);

/* At least one TRACE, for commands that have options for formats of their own. */
struct command_traces {
  char **path; /* directories as what is in them */
  size_t count;
};
struct argp_child command_traces_child(void);

/* --format=text|json alone. */
const struct argp_child *command_formats(void);

/* argp_parse with the conventions of this program: wrong usage is one message and exit code 2.  0. */
int command_parse(const struct argp *argp, int argc, char **argv, void *input);

/* One line "vmtrace: ..." on stderr; returns code, so that a command can end with `return command_error(...)`. */
int command_error(int code, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Flushes out and reports a failed write (full disk); returns code, or EXIT_UNREADABLE when output was lost.  A closed
 * pipe is no error. */
int command_finish(FILE *out, int code);

int cmd_run(int argc, char **argv);
int cmd_info(int argc, char **argv);
int cmd_dump(int argc, char **argv);
int cmd_pages(int argc, char **argv);
int cmd_heap(int argc, char **argv);
int cmd_ps(int argc, char **argv);
int cmd_pack(int argc, char **argv);
int cmd_doctor(int argc, char **argv);
int cmd_completion(int argc, char **argv);

#endif
