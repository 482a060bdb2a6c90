/*
 * Instants from the command line.  See instant.h.
 */
#include "query/session/instant.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define SECOND_NS UINT64_C(1000000000)
#define DAY_S 86400u

static bool parse_mark(const char *text, struct instant *m)
{
  const char *number = strrchr(text, '#');
  char *end;

  m->kind = INSTANT_MARK;
  m->mark = text;
  m->mark_len = (unsigned)strlen(text);
  m->nth = 1;
  if (number && number[1] >= '1' && number[1] <= '9') {
    uint64_t nth = strtoull(number + 1, &end, 10);

    if (!*end) {
      m->nth = nth;
      m->mark_len = (unsigned)(number - text);
    }
  }
  return m->mark_len > 0;
}

/* strtod takes more than people write: signs, hexadecimal, infinity. */
static bool is_decimal(const char *text)
{
  return (*text == '.' || (*text >= '0' && *text <= '9')) && text[1] != 'x' && text[1] != 'X';
}

static bool parse_span(const char *text, uint64_t *ns)
{
  static const struct {
    const char *unit;
    double ns;
  } units[] = {{"", 1e9}, {"s", 1e9}, {"ms", 1e6}, {"us", 1e3}, {"ns", 1}, {"m", 6e10}, {"min", 6e10}, {"h", 3.6e12}};
  char *end;
  double value = strtod(text, &end);

  if (end == text || !(value >= 0) || !is_decimal(text))
    return false;
  for (size_t i = 0; i < sizeof units / sizeof *units; i++) {
    if (strcmp(end, units[i].unit) == 0 && value * units[i].ns < 0x1p62) {
      *ns = (uint64_t)llrint(value * units[i].ns);
      return true;
    }
  }
  return false;
}

/* A fraction of a second, if there is one. */
static bool parse_fraction(const char **text, uint64_t *ns)
{
  uint64_t unit = SECOND_NS / 10;

  *ns = 0;
  if (**text != '.')
    return true;
  for ((*text)++; **text >= '0' && **text <= '9'; (*text)++, unit /= 10)
    *ns += (uint64_t)(**text - '0') * unit;
  return (*text)[-1] != '.';
}

static bool parse_of_day(const char *text, struct instant *m)
{
  struct tm tm = {0};
  const char *end = strptime(text, "%H:%M:%S", &tm);
  uint64_t fraction;

  if (!end)
    end = strptime(text, "%H:%M", &tm);
  if (!end || *text < '0' || *text > '9' || !parse_fraction(&end, &fraction) || *end)
    return false;
  m->kind = INSTANT_OF_DAY;
  m->offset_ns = (uint64_t)(tm.tm_hour * 3600 + tm.tm_min * 60 + tm.tm_sec) * SECOND_NS + fraction;
  return true;
}

static bool parse_date(const char *text, struct instant *m)
{
  struct tm tm = {.tm_isdst = -1};
  const char *end = strptime(text, "%Y-%m-%d", &tm);
  uint64_t fraction = 0;
  bool utc = false;
  time_t seconds;

  if (!end || *text < '0' || *text > '9' || (*end && *end != 'T' && *end != ' '))
    return false;
  if (*end) {
    end = strptime(end + 1, "%H:%M:%S", &tm);
    if (!end || !parse_fraction(&end, &fraction))
      return false;
    utc = *end == 'Z';
    end += utc;
  }
  seconds = utc ? timegm(&tm) : mktime(&tm);
  if (*end || seconds < 0)
    return false;
  m->kind = INSTANT_CLOCK;
  m->offset_ns = (uint64_t)seconds * SECOND_NS + fraction;
  return true;
}

bool instant_parse(const char *text, struct instant *m)
{
  *m = (struct instant){.kind = INSTANT_END};
  if (!strcmp(text, "end"))
    return true;
  m->kind = INSTANT_PEAK;
  if (!strcmp(text, "peak"))
    return true;
  if (!strncmp(text, "mark:", 5))
    return parse_mark(text + 5, m);
  m->kind = *text == '-' ? INSTANT_END_MINUS : INSTANT_START_PLUS;
  return parse_span(text + (*text == '-'), &m->offset_ns) || parse_of_day(text, m) || parse_date(text, m);
}

uint64_t instant_clock(const struct instant *instant, uint64_t start_real_ns)
{
  time_t start = (time_t)(start_real_ns / SECOND_NS);
  struct tm tm;
  uint64_t at;

  if (instant->kind == INSTANT_CLOCK || !localtime_r(&start, &tm))
    return instant->offset_ns;
  tm.tm_hour = tm.tm_min = tm.tm_sec = 0;
  tm.tm_isdst = -1;
  at = (uint64_t)mktime(&tm) * SECOND_NS + instant->offset_ns;
  /* Well before the traces began it is the next day's. */
  return at + DAY_S / 2 * SECOND_NS < start_real_ns ? at + DAY_S * SECOND_NS : at;
}
