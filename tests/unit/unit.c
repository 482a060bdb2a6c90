/*
 * Runs a suite.  See unit.h; called by the main() of unit tests.
 */
#include "unit.h"

#include <stdlib.h>

TCase *unit_case(Suite *suite, const char *name, int seconds)
{
  TCase *tests = tcase_create(name);

  tcase_set_timeout(tests, seconds);
  suite_add_tcase(suite, tests);
  return tests;
}

int unit_main(Suite *suite)
{
  SRunner *runner = srunner_create(suite);
  int failed;

  srunner_run_all(runner, CK_ENV);
  failed = srunner_ntests_failed(runner);
  srunner_free(runner);
  return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
