/*
 * Values of the library's options; see run_settings.h.  A test compares each
 * answer with the library's own.
 */
#include "cmd/run/run_settings.h"

#include <limits.h>
#include <stdint.h>
#include <string.h>

#include "cmd/arguments.h"

#define WATCH_MAX 32 /* addresses: OPTION_WATCH_MAX of the library */

/* Whether the length bytes at text are one of the words, which are separated by blanks. */
static bool is_word_of(const char *text, size_t length, const char *words)
{
  while (*words) {
    size_t n = strcspn(words, " ");

    if (n == length && !memcmp(words, text, n))
      return true;
    words += n + (words[n] == ' ');
  }
  return false;
}

static bool is_number(const char *text, uint64_t most)
{
  const char *end;
  uint64_t v;

  return argument_address(text, &end, &v) && !*end && v <= most;
}

static bool is_watch_list(const char *text)
{
  for (unsigned n = 0; *text; n++) {
    uint64_t address;
    size_t length;

    if (n == WATCH_MAX || !argument_address(text, &text, &address) || *text++ != ':')
      return false;
    length = strcspn(text, ",");
    if (!is_word_of(text, length, "int uint long ulong double ptr"))
      return false;
    text += length + (text[length] == ',');
  }
  return true;
}

static bool is_one_of(const char *text, const char *words)
{
  return is_word_of(text, strlen(text), words);
}

bool run_setting_holds(enum vt_option option, const char *value)
{
  switch (option) {
  case VT_OPT_OUT:
    return *value && strlen(value) < PATH_MAX;
  case VT_OPT_HEAP:
    return is_one_of(value, "pin next");
  case VT_OPT_STACK:
    return is_number(value, 1024);
  case VT_OPT_UNWIND:
    return is_one_of(value, "cached plain compare");
  case VT_OPT_SAMPLE_MS:
    return is_number(value, 3600000);
  case VT_OPT_FAULTS:
    return is_one_of(value, "off on");
  case VT_OPT_WATCH:
    return is_watch_list(value);
  case VT_OPT_ON_ERROR:
    return is_one_of(value, "abort continue");
  case VT_OPT_LOG:
    return is_one_of(value, "error warn info debug");
  case VT_OPT_COUNT:
    break;
  }
  return false;
}
