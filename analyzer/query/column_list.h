/*
 * Columns in words.
 */
#ifndef VMTRACE_COLUMN_LIST_H
#define VMTRACE_COLUMN_LIST_H

#include "query/relation.h"

/* "pid, ppid, exe": to be freed. */
char *column_names(const struct column *columns, unsigned count);

#endif
