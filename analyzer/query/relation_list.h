/*
 * Relations that are a list in each trace: marks, modules, samples ...  To add one, its file has the columns, how long
 * the list of a trace is, and what its rows are:
 *
 *   const struct relation relation_marks = {.name = "marks", ..., RELATION_LIST(marks_list)};
 */
#ifndef VMTRACE_RELATION_LIST_H
#define VMTRACE_RELATION_LIST_H

#include "query/relation.h"
#include "query/session/session.h"

#define LIST_TEXTS 4
#define LIST_TEXT_MAX 256

/* What a row is made in. */
struct list_row {
  struct session *session;
  const struct session_trace *trace;
  size_t number;                        /* in the list of this trace */
  union cell *cell;                     /* of the row: all unknown at first, but for the pid */
  char text[LIST_TEXTS][LIST_TEXT_MAX]; /* room for texts that are put together */
  void *state;                          /* what begin() gave */
};

struct relation_list {
  /* Before the first row of a trace: what its rows are made from (NULL: nothing), and how many there are. */
  void *(*begin)(struct session *s, const struct session_trace *t, size_t *count);
  void (*row)(struct list_row *row);
  void (*end)(void *state); /* NULL: nothing is to be given back */
};

struct cursor *relation_list_open(const struct relation *r, struct session *s);
bool relation_list_next(struct cursor *c, union cell *row);
void relation_list_close(struct cursor *c);

#define RELATION_LIST(of)                                                                                              \
  .open = relation_list_open, .next = relation_list_next, .close = relation_list_close, .list = &(of)

/* The first column of each: whose row it is. */
#define LIST_PID                                                                                                       \
  {                                                                                                                    \
    "pid", NULL, "PID", COLUMN_NUMBER, 0, "the process", 0                                                             \
  }

static inline union cell cell_number(uint64_t n)
{
  return (union cell){.number = n > INT64_MAX ? INT64_MAX : (int64_t)n};
}

/* Addresses and frames: all 64 bits. */
static inline union cell cell_bits(uint64_t n)
{
  return (union cell){.number = (int64_t)n};
}

#endif
