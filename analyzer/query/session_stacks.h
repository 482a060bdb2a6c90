/*
 * Call stacks of the traces of a session, as cells.
 */
#ifndef VMTRACE_SESSION_STACKS_H
#define VMTRACE_SESSION_STACKS_H

#include "query/relation.h"
#include "query/session/session.h"

/* The cell of a call stack id of a trace; 0: not known. */
union cell session_stack(const struct session_trace *t, uint32_t stack);

/* Who the frames of these cells are, as long as the session lives.  Names are looked up when they are asked for. */
const struct stack_names *session_stacks(struct session *s);

#endif
