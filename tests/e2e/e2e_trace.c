/*
 * The end-to-end tests' harness, second half: which traces there are and what
 * `vmtrace` says about them, as JSON.  Reads traces through the analyzer only.
 * Called by tests/e2e/check_*.c.
 */
#include "e2e.h"

#include <glob.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

char **e2e_traces(const char *dir, size_t *count)
{
  char pattern[4096];
  glob_t found;
  char **list;

  ck_assert_int_lt(snprintf(pattern, sizeof pattern, "%s/*.vmt*", dir), (int)sizeof pattern);
  if (glob(pattern, 0, NULL, &found))
    found.gl_pathc = 0;
  list = calloc(found.gl_pathc + 1, sizeof *list);
  ck_assert_ptr_nonnull(list);
  for (size_t i = 0; i < found.gl_pathc; i++)
    list[i] = strdup(found.gl_pathv[i]);
  if (count)
    *count = found.gl_pathc;
  if (found.gl_pathc)
    globfree(&found);
  return list;
}

void e2e_traces_free(char **traces)
{
  for (char **t = traces; *t; t++)
    free(*t);
  free(traces);
}

const char *e2e_only_trace(const char *dir)
{
  size_t count;
  char **traces = e2e_traces(dir, &count);

  ck_assert_msg(count == 1, "%zu traces instead of one in %s", count, dir);
  return traces[0];
}

/* Runs the analyzer; the caller releases the result. */
static void analyze(const char *const *argv, char *const *traces, struct e2e_result *result)
{
  const char *full[512] = {e2e_analyzer()};
  size_t n = 1;

  for (; *argv; argv++)
    full[n++] = *argv;
  full[n++] = "--format=json";
  for (; traces && *traces; traces++) {
    ck_assert_uint_lt(n, sizeof full / sizeof *full - 1);
    full[n++] = *traces;
  }
  e2e_run(&(struct e2e_spec){.argv = full, .cwd = e2e_top()}, result);
  e2e_expect_exit(result, 0);
}

json_t *e2e_json(const char *const *argv, char *const *traces)
{
  struct e2e_result result;
  json_error_t error;
  json_t *json;

  analyze(argv, traces, &result);
  json = json_loadb(result.out, result.out_len, 0, &error);
  ck_assert_msg(json, "%s is no JSON: %s in line %d\n%.2000s", argv[0], error.text, error.line, result.out);
  e2e_release(&result);
  return json;
}

json_t *e2e_dump(const char *trace)
{
  char *const traces[] = {(char *)trace, NULL};
  json_t *events = json_array();
  struct e2e_result result;
  char *line, *rest;

  analyze(E2E_ARGV("dump"), traces, &result);
  for (line = strtok_r(result.out, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
    json_error_t error;
    json_t *event = json_loads(line, JSON_ALLOW_NUL, &error);

    ck_assert_msg(event, "dump: a line is no JSON: %s\n%s", error.text, line);
    json_array_append_new(events, event);
  }
  e2e_release(&result);
  return events;
}

json_t *e2e_get(const json_t *object, const char *path)
{
  json_t *at = (json_t *)object;
  char copy[256], *rest;

  ck_assert_uint_lt(strlen(path), sizeof copy);
  strcpy(copy, path);
  for (char *key = strtok_r(copy, ".", &rest); key; key = strtok_r(NULL, ".", &rest)) {
    at = json_object_get(at, key);
    ck_assert_msg(at, "no key '%s' in\n%.2000s", path, json_dumps(object, JSON_INDENT(1) | JSON_ENCODE_ANY));
  }
  return at;
}

long long e2e_int(const json_t *object, const char *path)
{
  json_t *value = e2e_get(object, path);

  ck_assert_msg(json_is_integer(value), "'%s' is no whole number: %s", path, json_dumps(value, JSON_ENCODE_ANY));
  return json_integer_value(value);
}

const char *e2e_str(const json_t *object, const char *path)
{
  json_t *value = e2e_get(object, path);

  ck_assert_msg(json_is_string(value), "'%s' is no text: %s", path, json_dumps(value, JSON_ENCODE_ANY));
  return json_string_value(value);
}

json_t *e2e_page(const json_t *pages, unsigned long long address)
{
  json_t *list = e2e_get(pages, "pages");
  json_t *page;
  size_t i;

  json_array_foreach(list, i, page) {
    if (strtoull(e2e_str(page, "va"), NULL, 0) == address)
      return page;
  }
  return NULL;
}

void e2e_await_samples(char *const *traces, long long more)
{
  const struct timespec pause = {.tv_nsec = 20000000};

  for (; *traces; traces++) {
    char *const one[] = {*traces, NULL};
    long long enough = -1, now;

    for (;;) {
      json_t *info = e2e_json(E2E_ARGV("info"), one);

      now = e2e_int(info, "events.sample");
      json_decref(info);
      if (enough < 0)
        enough = now + more;
      if (now >= enough)
        break;
      nanosleep(&pause, NULL);
    }
  }
}
