/*
 * What tests of hard conditions ask of every program and every trace.  All
 * functions end the test with a message when it is not so.
 */
#ifndef VMTRACE_E2E_JUDGE_H
#define VMTRACE_E2E_JUDGE_H

#include "e2e.h"

/* Runs the spec without and with the library, under which variable ("NAME=VALUE", NULL: none) is set: the same standard
 * output and the same status.  What the library says is in with->err, to be released. */
void judge_same(struct e2e_spec spec, const char *variable, struct e2e_result *with);
/* `prog MODE COUNT`, a program of tests/progs, in the same way; it exits with 0. */
void judge_run(const char *prog, const char *mode, unsigned long count, struct e2e_result *with);

/* What info says about a trace; to be released. */
json_t *judge_info(const char *trace);
/* The pages of a trace's sample at exit with frame numbers; 0: there is none.  On a crowded machine there may be none
 * although all is well: the program does not wait for ever. */
long long judge_exit_sample(const char *trace);
/* Every trace in e2e_dir() is complete, and nothing is lost or damaged in it.  How many there are, and in *sum the sum
 * of a number of theirs ("a.b" goes down). */
size_t judge_whole(const char *path, long long *sum);

#endif
