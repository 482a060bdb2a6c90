/*
 * The end of a unit test's main().
 */
#ifndef TESTS_UNIT_H
#define TESTS_UNIT_H

#include "chosen.h"

/* Runs the suite, as CK_VERBOSITY says, and returns what main() returns. */
int unit_main(Suite *suite);
/* A case whose tests each end after so many seconds: a guard against hangs, never a verdict. */
TCase *unit_case(Suite *suite, const char *name, int seconds);

#endif
