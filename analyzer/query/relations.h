/*
 * The relations that there are; each is in query/relation_NAME.c.
 */
#ifndef VMTRACE_RELATIONS_H
#define VMTRACE_RELATIONS_H

#include "query/relation.h"

extern const struct relation relation_processes;

#endif
