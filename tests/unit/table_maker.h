/*
 * A small relation made by hand, for tests of tables and formats: no session, no trace.
 */
#ifndef TESTS_TABLE_MAKER_H
#define TESTS_TABLE_MAKER_H

#include "query/table.h"

enum { T_NAME, T_PID, T_SIZE, T_BLOCKS, T_PEAK, T_WHEN, T_ADDRESS, T_STACK, T_NOTE, T_COLUMNS };

/* Columns: name (key), pid, size (bytes), blocks, peak (not to be summed), when, address, stack, note (hidden). */
struct table *maker_table(void);

/* Appends a row; INT64_MIN: unknown, name NULL: unknown. */
union cell *maker_row(struct table *t, const char *name, int64_t pid, int64_t size, int64_t blocks);

/* Frames of the stacks 1, 2, 3: main calls a; main calls a, which calls operator new; a name that means harm. */
extern const struct stack_names maker_stacks;

#endif
