/*
 * See option_names.h.  Called by option.c, once per variable of the environment.
 */
#include "base/option_names.h"

#include <stdbool.h>
#include <string.h>

#include "base/log.h"

#define NAME_MAX_BYTES 40u
#define SHORT_NAME 5u /* such a name is almost another one only when one letter is wrong */

static const char prefix[] = "VMTRACE_";

static char upper(char c)
{
  return c >= 'a' && c <= 'z' ? (char)(c - 'a' + 'A') : c;
}

static unsigned least_of(unsigned a, unsigned b)
{
  return a < b ? a : b;
}

/* Letters that are missing, too many, wrong, or exchanged with their neighbour. */
static unsigned distance(const char *a, size_t n, const char *b, size_t m)
{
  unsigned row[3][NAME_MAX_BYTES + 1];

  for (unsigned j = 0; j <= m; j++)
    row[0][j] = j;
  for (unsigned i = 1; i <= n; i++) {
    unsigned *now = row[i % 3], *before = row[(i + 2) % 3], *earlier = row[(i + 1) % 3];

    now[0] = i;
    for (unsigned j = 1; j <= m; j++) {
      bool same = upper(a[i - 1]) == b[j - 1];

      now[j] = least_of(least_of(now[j - 1], before[j]) + 1, before[j - 1] + !same);
      if (i > 1 && j > 1 && upper(a[i - 1]) == b[j - 2] && upper(a[i - 2]) == b[j - 1])
        now[j] = least_of(now[j], earlier[j - 2] + 1);
    }
  }
  return row[n % 3][m];
}

void option_name_check(const char *entry, const char *const *names, size_t count)
{
  size_t length = strcspn(entry, "="), skip = sizeof prefix - 1;
  unsigned best = length < skip + SHORT_NAME ? 1 : 2;
  const char *nearest = NULL;
  char name[NAME_MAX_BYTES + 1];

  if (strncmp(entry, prefix, skip) != 0 || length > NAME_MAX_BYTES)
    return;
  memcpy(name, entry, length);
  name[length] = '\0';
  for (size_t i = 0; i < count; i++) {
    unsigned d = distance(name + skip, length - skip, names[i] + skip, strlen(names[i]) - skip);

    if (!strcmp(name, names[i]))
      return;
    if (d <= best) {
      best = d;
      nearest = names[i];
    }
  }
  if (nearest)
    log_warn("%s: there is no such variable; did you mean %s?", name, nearest);
  else
    log_info("%s: this library has no such variable", name);
}
