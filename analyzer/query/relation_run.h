/*
 * From a relation to its rows.
 */
#ifndef VMTRACE_RELATION_RUN_H
#define VMTRACE_RELATION_RUN_H

#include "query/relation.h"
#include "query/session/session.h"
#include "query/table.h"

/* Asks for what a relation needs; after session_at, before the pass.  Where no instant was asked for, it is the end. */
void relation_want(const struct relation *r, struct session *s);

/* All its rows; after the pass. */
struct table *relation_load(const struct relation *r, struct session *s);

#endif
