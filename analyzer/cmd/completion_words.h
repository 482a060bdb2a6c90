/*
 * What there is to complete: the commands of the table, their options as --help has them, and the values that some
 * take.
 */
#ifndef VMTRACE_COMPLETION_WORDS_H
#define VMTRACE_COMPLETION_WORDS_H

#include <stdbool.h>
#include <stddef.h>

struct completion_option {
  char *name;     /* without its dashes */
  char letter;    /* its short form; 0: none */
  char *argument; /* "FORMAT"; NULL: it takes none */
  char *meaning;
  char *values; /* separated by blanks; NULL: any */
  bool list;    /* several values, with commas between them */
};

struct completion_command {
  const char *name, *meaning;
  bool runs; /* what follows is a program and its arguments */
  struct completion_option *options;
  size_t count;
};

/* All commands, with help; *count of them.  Never freed: the program ends after it.  NULL after one line on stderr. */
struct completion_command *completion_words(size_t *count);

#endif
