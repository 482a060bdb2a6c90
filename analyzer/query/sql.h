/*
 * SQL over relations and tables: each is a virtual table of SQLite, whose rows are read where they are.
 *
 *   column kind                          SQL
 *   bytes, count, duration, time,
 *   number, address, frame               INTEGER: 64 bits, addresses and frames as they are (0x200000 can be written)
 *   text                                 TEXT
 *   stack                                TEXT: the functions, outermost first, with ';' between them
 *   what is not known                    NULL
 *
 * Nothing but what was added can be read, and nothing can be written.
 */
#ifndef VMTRACE_SQL_H
#define VMTRACE_SQL_H

#include <stdbool.h>
#include <stddef.h>

#include "query/rows.h"

struct sql;
struct sqlite3_stmt;

/* Never NULL. */
struct sql *sql_open(void);
void sql_close(struct sql *sql);

/* Makes source a table of its name; what it refers to must outlive sql. */
void sql_add(struct sql *sql, const struct row_source *source);

/* One statement; NULL after one line on stderr: SQLite's own message, and what tables there are.  To be run with
 * sqlite3_step, sql_next, and ended with sqlite3_finalize. */
struct sqlite3_stmt *sql_prepare(struct sql *sql, const char *statement);

/* The next row of a statement: 1; 0 at the end; -1 after one line on stderr. */
int sql_next(struct sql *sql, struct sqlite3_stmt *statement);

/*
 * Which rows of a table an SQL expression over its columns is true for, as --where takes it: keep[row].  0, or -1 after
 * one line on stderr with SQLite's message and the names of the columns.
 */
int sql_where(const struct table *t, const char *expression, bool *keep);

#endif
