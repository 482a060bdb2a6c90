/*
 * What tests of the life of processes have in common: programs run with and
 * without the library, and events of their traces.  All functions end the test with a message when it is not so.
 */
#ifndef VMTRACE_LIFE_H
#define VMTRACE_LIFE_H

#include "e2e_judge.h"

/* Runs `NAME KIND` without and with the library, under which variable ("NAME=VALUE", NULL: none) is set; the results of
 * the latter, whose output and status are the same and which has nothing to say. */
void life_run(const char *name, const char *kind, const char *variable, struct e2e_result *result);
/* The trace of process pid, or (0) the only one of the program exe that is not of process other; to be released. */
json_t *life_info(char **traces, long long pid, const char *exe, long long other);
/* The index-th event of that kind, NULL when there are fewer; belongs to dump. */
json_t *life_event(json_t *dump, const char *op, int index);
/* The same; it is there. */
json_t *life_need_event(json_t *dump, const char *op, int index);

#endif
