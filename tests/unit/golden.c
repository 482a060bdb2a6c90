/*
 * Compares texts with those in tests/golden.  See golden.h; called by tests of
 * reports, which run from the top of the checkout.
 */
#include "golden.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define GOLDEN_MAX (1 << 20)

static void write_golden(const char *path, const char *text)
{
  FILE *file = fopen(path, "we");

  ck_assert_ptr_nonnull(file);
  fputs(text, file);
  fclose(file);
}

/* The caller frees it. */
static char *read_golden(const char *path)
{
  FILE *file = fopen(path, "re");
  char *text = calloc(1, GOLDEN_MAX);

  ck_assert_msg(file, "%s is missing", path);
  ck_assert_ptr_nonnull(text);
  (void)!fread(text, 1, GOLDEN_MAX - 1, file);
  fclose(file);
  return text;
}

void golden_expect(const char *name, const char *text)
{
  char path[256], *golden;

  snprintf(path, sizeof path, "tests/golden/%s.txt", name);
  if (getenv("GOLDEN_UPDATE"))
    write_golden(path, text);
  golden = read_golden(path);
  ck_assert_msg(!strcmp(text, golden), "not as in %s:\n%s", path, text);
  free(golden);
}
