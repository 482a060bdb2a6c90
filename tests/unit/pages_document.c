/*
 * Makes the JSON report of the traces of pages_maker and takes it apart.
 */
#include "pages_document.h"

#include <check.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pages_maker.h"
#include "report/pages_report.h"

json_t *report_range(uint64_t first, uint64_t end)
{
  const struct pages_view view = {.first = first, .end = end};
  struct page_set *set = pages_made();
  char *text = NULL;
  size_t size = 0;
  FILE *out = open_memstream(&text, &size);
  json_error_t error;
  json_t *json;

  ck_assert_ptr_nonnull(set);
  ck_assert_ptr_nonnull(out);
  ck_assert_int_eq(pages_json(out, set, &view), 0);
  fclose(out);
  page_set_free(set);
  json = json_loads(text, JSON_REJECT_DUPLICATES, &error);
  ck_assert_msg(json, "%s at line %d: %s", error.text, error.line, text);
  free(text);
  return json;
}

json_t *report(void)
{
  return report_range(0, PAGES_EVERYTHING);
}

json_t *page_at(const json_t *json, uint64_t addr)
{
  char va[32];
  json_t *page;
  size_t i;

  snprintf(va, sizeof va, "0x%" PRIx64, addr);
  json_array_foreach(json_object_get(json, "pages"), i, page) {
    if (!strcmp(json_string_value(json_object_get(page, "va")), va))
      return page;
  }
  return NULL;
}

const char *verdict_at(const json_t *json, uint64_t addr)
{
  json_t *page = page_at(json, addr);

  return page ? json_string_value(json_object_get(page, "verdict")) : "none";
}

json_int_t number(const json_t *object, const char *key)
{
  json_t *value = json_object_get(object, key);

  ck_assert_msg(json_is_integer(value), "no number %s", key);
  return json_integer_value(value);
}

const char *string(const json_t *object, const char *key)
{
  json_t *value = json_object_get(object, key);

  ck_assert_msg(json_is_string(value), "no string %s", key);
  return json_string_value(value);
}
