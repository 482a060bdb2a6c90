/*
 * Relations: what the trackers found, as rows with named, typed columns.
 * Every format, filter, sort and (later) SQL is written once, over columns.
 *
 * To add one: a file query/relation_NAME.c with a struct relation, and its line in
 * the table of query/relations.c.
 */
#ifndef VMTRACE_RELATION_H
#define VMTRACE_RELATION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct session;
struct symbol;
struct tracker;

/* What a column's values are, and so how they are shown, summed and compared. */
enum column_kind {
  COLUMN_BYTES,
  COLUMN_COUNT,
  COLUMN_TIME,     /* nanoseconds, CLOCK_MONOTONIC */
  COLUMN_DURATION, /* nanoseconds */
  COLUMN_ADDRESS,
  COLUMN_FRAME,  /* a page frame number */
  COLUMN_NUMBER, /* an identifier: pid, thread, signal: never summed */
  COLUMN_STACK,  /* a call stack, by the numbers of a struct stack_names */
  COLUMN_TEXT
};

/* Bytes, counts and durations: their sums and differences mean something. */
static inline bool column_kind_adds(enum column_kind kind)
{
  return kind == COLUMN_BYTES || kind == COLUMN_COUNT || kind == COLUMN_DURATION;
}

/* A value.  What is not known is CELL_UNKNOWN, of text NULL: shown as "-", null or nothing. */
union cell {
  int64_t number;   /* addresses and frames as their bits */
  const char *text; /* any bytes up to a NUL; lives as long as the session */
};
#define CELL_UNKNOWN INT64_MIN

struct column {
  const char *name;    /* for --sort, --columns, --where and SQL: lower case, underscores */
  const char *key;     /* in JSON; NULL: name */
  const char *heading; /* of a table: upper case, short */
  enum column_kind kind;
  uint8_t priority;    /* 0: always shown; the higher, the earlier it gives way on a narrow terminal; COLUMN_HIDDEN */
  const char *meaning; /* one sentence, for --help, the manual page and --schema */
  uint8_t flags;       /* COLUMN_KEY ... */
};
#define COLUMN_HIDDEN 255 /* shown when asked for by --columns, and in all formats for machines */
#define COLUMN_KEY 1u   /* rows of two sessions that agree in all such columns are the same thing: what diff compares */
#define COLUMN_ALONE 2u /* a peak and the like: the sum over rows is no such number, although the kind adds */
#define COLUMN_WIDE 4u  /* a text that the table is about: on a narrow terminal, half of the line is its */

/* Who the frames of COLUMN_STACK cells are. */
struct stack_names {
  void *arg;
  /* Writes the frames of a call stack, innermost first, room of them at most; how many these are (0: not known).
   * They live as long as the session. */
  unsigned (*frames)(void *arg, int64_t stack, const struct symbol **frame, unsigned room);
  /* Which of them stands for the stack in a table, where one line is to say it: an index. */
  unsigned (*site)(void *arg, int64_t stack);
};
#define STACK_FRAMES_MAX 1024u /* the library keeps no more (VMTRACE_STACK) */

/* Rows, one after the other. */
struct cursor;

struct relation {
  const char *name;    /* plural: "processes" */
  const char *meaning; /* one sentence */
  const struct column *columns;
  unsigned column_count;
  const struct tracker *const *trackers; /* that the session needs for it, ended by NULL */
  /* A cursor before the first row of a session whose pass is done. */
  struct cursor *(*open)(const struct relation *r, struct session *s);
  /* Writes the next row, column_count cells; false at the end. */
  bool (*next)(struct cursor *c, union cell *row);
  void (*close)(struct cursor *c);
  /* Of its COLUMN_STACK cells; NULL: it has none. */
  const struct stack_names *(*stacks)(struct session *s);
  const struct relation_list *list; /* of relations that are a list in each trace (query/relation_list.h); else NULL */
};

/* All relations, ended by NULL; and the one of that name, NULL when there is none. */
const struct relation *const *relations(void);
const struct relation *relation_find(const char *name);

/* The column of that name; column_count when there is none. */
unsigned relation_column(const struct relation *r, const char *name);

#endif
