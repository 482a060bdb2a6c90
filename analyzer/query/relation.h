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
  COLUMN_STACK,  /* a call stack: a node of the table's call tree */
  COLUMN_TEXT
};

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
};
#define COLUMN_HIDDEN 255 /* shown when asked for by --columns, and in all formats for machines */

/* Rows, one after the other. */
struct cursor;

struct relation {
  const char *name;    /* plural: "processes" */
  const char *meaning; /* one sentence */
  const struct column *columns;
  unsigned column_count;
  const struct tracker *const *trackers; /* that the session needs for it, ended by NULL */
  /* A cursor before the first row of a session whose pass is done. */
  struct cursor *(*open)(struct session *s);
  /* Writes the next row, column_count cells; false at the end. */
  bool (*next)(struct cursor *c, union cell *row);
  void (*close)(struct cursor *c);
};

/* All relations, ended by NULL; and the one of that name, NULL when there is none. */
const struct relation *const *relations(void);
const struct relation *relation_find(const char *name);

/* The column of that name; column_count when there is none. */
unsigned relation_column(const struct relation *r, const char *name);

#endif
