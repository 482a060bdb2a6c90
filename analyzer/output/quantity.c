/*
 * Numbers for people; see quantity.h.
 */
#include "output/quantity.h"

#include <inttypes.h>
#include <stdio.h>

char *quantity_bytes(char *buf, uint64_t bytes)
{
  static const char *const units[] = {"KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
  double v = (double)bytes / 1024;
  unsigned i = 0;

  if (bytes < 1024) {
    snprintf(buf, QUANTITY_MAX, "%" PRIu64 " B", bytes);
    return buf;
  }
  for (; v >= 1023.95 && i < 5; i++)
    v /= 1024;
  snprintf(buf, QUANTITY_MAX, v < 9.995 ? "%.2f %s" : "%.1f %s", v, units[i]);
  return buf;
}

char *quantity_time(char *buf, uint64_t ns)
{
  double v = (double)ns;

  if (ns < 1000)
    snprintf(buf, QUANTITY_MAX, "%" PRIu64 " ns", ns);
  else if (ns < 1000000)
    snprintf(buf, QUANTITY_MAX, "%.3g us", v / 1e3);
  else if (ns < 1000000000)
    snprintf(buf, QUANTITY_MAX, "%.3g ms", v / 1e6);
  else if (ns < UINT64_C(120000000000))
    snprintf(buf, QUANTITY_MAX, "%.2f s", v / 1e9);
  else
    snprintf(buf, QUANTITY_MAX, "%" PRIu64 " min %" PRIu64 " s", ns / UINT64_C(60000000000), ns / 1000000000 % 60);
  return buf;
}

char *quantity_count(char *buf, uint64_t n)
{
  char digits[24];
  int len = snprintf(digits, sizeof digits, "%" PRIu64, n);
  char *p = buf;

  for (int i = 0; i < len; i++) {
    if (i && (len - i) % 3 == 0)
      *p++ = ',';
    *p++ = digits[i];
  }
  *p = '\0';
  return buf;
}
