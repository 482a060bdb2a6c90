/*
 * Adds tests to cases, or the chosen one alone.  See chosen.h.
 */
#include "chosen.h"

#include <stdlib.h>
#include <string.h>

#undef _tcase_add_test

void chosen_add_test(TCase *tests, const TTest *test, int signal, int status, int first, int end)
{
  const char *only = getenv("TEST_ONLY");
  size_t length = strlen(test->name);

  if (only && (strncmp(only, test->name, length) != 0 || (only[length] && only[length] != ':')))
    return;
  if (only && only[length] == ':') {
    first = atoi(only + length + 1);
    end = first + 1;
  }
  _tcase_add_test(tests, test, signal, status, first, end);
}
