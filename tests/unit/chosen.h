/*
 * One test of a program alone.  TEST_ONLY=NAME in the environment leaves all others out, as CK_RUN_CASE does with
 * cases; TEST_ONLY=NAME:I the other rounds of a loop test, too.  unit.h and e2e.h include it: their users add tests as
 * check.h says.
 */
#ifndef TESTS_CHOSEN_H
#define TESTS_CHOSEN_H

#include <check.h>

/* What all of check.h's macros that add a test end in; adds it unless TEST_ONLY names another. */
void chosen_add_test(TCase *tests, const TTest *test, int signal, int status, int first, int end);

#define _tcase_add_test chosen_add_test

#endif
