/*
 * Parsing of the VMTRACE_* variables.  One function per kind of value; a
 * wrong value is named once, with what the variable takes, and the default holds.
 */
#include "base/option.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/log.h"
#include "base/option_names.h"
#include "base/sys.h"
#include "vmtrace/format.h"
#include "vmtrace/options.h"

static const struct {
  const char *variable, *value, *values;
} table[VT_OPT_COUNT] = {
#define X(id, variable, option, value, values, meaning) {variable, value, values},
    VT_OPTIONS(X)
#undef X
};

#define SHOWN_VALUE 64 /* bytes of a value that is not understood */

static struct options the_options;
static bool parsed;

/* What /proc/self/environ holds, when libc's environ is not set yet. */
static char early_environment[32768];
static size_t early_length;

static const char *match(const char *entry, const char *name)
{
  size_t n = strlen(name);

  return strncmp(entry, name, n) == 0 && entry[n] == '=' ? entry + n + 1 : NULL;
}

static const char *variable_value(const char *name)
{
  if (environ) {
    for (char **e = environ; *e; e++) {
      const char *value = match(*e, name);

      if (value)
        return value;
    }
    return NULL;
  }
  if (!early_length) {
    ssize_t n = sys_read_file("/proc/self/environ", early_environment, sizeof early_environment);

    early_length = n > 0 ? (size_t)n : 1;
  }
  for (size_t at = 0; at < early_length; at += strlen(early_environment + at) + 1) {
    const char *value = match(early_environment + at, name);

    if (value)
      return value;
  }
  return NULL;
}

/* A number in decimal or 0x hexadecimal up to limit, ended by end; the character after it, or NULL. */
static const char *parse_number(const char *s, uint64_t limit, uint64_t *value)
{
  bool hex = s[0] == '0' && (s[1] == 'x' || s[1] == 'X');
  unsigned base = hex ? 16 : 10;
  uint64_t v = 0;
  const char *start;

  start = s += hex ? 2 : 0;
  for (;; s++) {
    unsigned digit;

    if (*s >= '0' && *s <= '9')
      digit = (unsigned)(*s - '0');
    else if (hex && (*s | 32) >= 'a' && (*s | 32) <= 'f')
      digit = (unsigned)((*s | 32) - 'a' + 10);
    else
      break;
    if (v > (limit - digit) / base)
      return NULL;
    v = v * base + digit;
  }
  *value = v;
  return s == start ? NULL : s;
}

static bool parse_unsigned(const char *s, uint64_t limit, unsigned *value)
{
  uint64_t v;
  const char *end = parse_number(s, limit, &v);

  if (!end || *end)
    return false;
  *value = (unsigned)v;
  return true;
}

/* The index of s, which ends at end, in a NULL-ended list; -1: not there. */
static int parse_choice(const char *s, size_t length, const char *const *choices)
{
  for (int i = 0; choices[i]; i++)
    if (strlen(choices[i]) == length && memcmp(choices[i], s, length) == 0)
      return i;
  return -1;
}

static bool parse_watch(const char *s, struct options *o)
{
  static const char *const types[] = {"int", "uint", "long", "ulong", "double", "ptr", NULL};
  struct option_watch watch[OPTION_WATCH_MAX];
  unsigned count = 0;

  while (*s) {
    uint64_t addr;
    size_t length;
    int type;

    s = parse_number(s, UINT64_MAX, &addr);
    if (!s || *s++ != ':' || count == OPTION_WATCH_MAX)
      return false;
    length = strcspn(s, ",");
    type = parse_choice(s, length, types);
    if (type < 0)
      return false;
    watch[count].addr = addr;
    watch[count++].type = (enum vt_value_type)type;
    s += length;
    if (*s == ',')
      s++;
  }
  memcpy(o->watch, watch, sizeof watch);
  o->watch_count = count;
  return true;
}

/* An absolute template: a relative one is taken from the present working directory, whatever it is later. */
static bool parse_out(const char *s, struct options *o)
{
  size_t length = strlen(s), used = 0;

  if (strcmp(s, "off") == 0) {
    o->out[0] = '\0';
    return true;
  }
  if (!length)
    return false;
  if (s[0] != '/') {
    long n = sys_call(SYS_getcwd, (long)o->out, (long)sizeof o->out, 0, 0, 0, 0);

    used = n > 1 ? (size_t)n - 1 : 0;
    if (!used || o->out[0] != '/') {
      log_warn("VMTRACE_OUT: the working directory has no path; no trace is written");
      o->out[0] = '\0';
      return true;
    }
    if (o->out[used - 1] != '/')
      o->out[used++] = '/';
  }
  if (used + length >= sizeof o->out) {
    o->out[0] = '\0';
    return false;
  }
  memcpy(o->out + used, s, length + 1);
  return true;
}

static bool parse_log(const char *s)
{
  static const char *const levels[] = {"error", "warn", "info", "debug", NULL};
  int level = parse_choice(s, strlen(s), levels);

  if (level >= 0)
    log_set_level((enum log_level)level);
  return level >= 0;
}

static bool parse_unwind(const char *s, enum option_unwind *value)
{
  static const char *const ways[] = {"cached", "plain", "compare", NULL};
  int way = parse_choice(s, strlen(s), ways);

  if (way >= 0)
    *value = (enum option_unwind)way;
  return way >= 0;
}

static bool parse_pair(const char *s, const char *no, const char *yes, bool *value)
{
  bool is_yes = strcmp(s, yes) == 0;

  if (!is_yes && strcmp(s, no) != 0)
    return false;
  *value = is_yes;
  return true;
}

static bool parse_option(enum vt_option option, const char *s, struct options *o)
{
  switch (option) {
  case VT_OPT_OUT:
    return parse_out(s, o);
  case VT_OPT_HEAP:
    return parse_pair(s, "pin", "next", &o->heap_next);
  case VT_OPT_STACK:
    return parse_unsigned(s, 1024, &o->stack_frames);
  case VT_OPT_UNWIND:
    return parse_unwind(s, &o->unwind);
  case VT_OPT_SAMPLE_MS:
    return parse_unsigned(s, 3600000, &o->sample_ms);
  case VT_OPT_FAULTS:
    return parse_pair(s, "off", "on", &o->faults);
  case VT_OPT_WATCH:
    return parse_watch(s, o);
  case VT_OPT_ON_ERROR:
    return parse_pair(s, "abort", "continue", &o->on_error_continue);
  case VT_OPT_LOG:
    return parse_log(s);
  case VT_OPT_COUNT:
    break;
  }
  return false;
}

/* A value may be of any length; what the variable takes must still be in the line. */
static void refuse(unsigned i, const char *value)
{
  char shown[SHOWN_VALUE];
  int n = text_format(shown, sizeof shown, "%s", value);

  log_warn("%s=%s%s is not understood: it takes %s; using %s", table[i].variable, shown,
           n >= (int)sizeof shown ? "..." : "", table[i].values, table[i].value[0] ? table[i].value : "none");
}

static void check_names(void)
{
  const char *names[VT_OPT_COUNT + 1];

  for (unsigned i = 0; i < VT_OPT_COUNT; i++)
    names[i] = table[i].variable;
  names[VT_OPT_COUNT] = "VMTRACE_PARENT";
  for (char **e = environ; e && *e; e++)
    option_name_check(*e, names, VT_OPT_COUNT + 1);
  for (size_t at = 0; !environ && at < early_length; at += strlen(early_environment + at) + 1)
    option_name_check(early_environment + at, names, VT_OPT_COUNT + 1);
}

/* What `vmtrace run` gave; anything else leaves zero. No message says so, because nobody sets it by hand. */
static void parse_run_id(const char *s, uint8_t id[16])
{
  if (!s || strlen(s) != 32)
    return;
  for (unsigned i = 0; i < 32; i++) {
    unsigned digit = s[i] <= '9' ? (unsigned)(s[i] - '0') : (unsigned)(s[i] - 'a' + 10);

    if (digit > 15) {
      memset(id, 0, 16);
      return;
    }
    id[i / 2] = (uint8_t)(id[i / 2] << 4 | digit);
  }
}

const struct options *options_get(void)
{
  struct options *o = &the_options;

  if (parsed)
    return o;
  parsed = true;
  for (unsigned i = 0; i < VT_OPT_COUNT; i++)
    parse_option((enum vt_option)i, table[i].value, o);
  /* From the last to the first: the log level is known before anything is said. */
  for (unsigned i = VT_OPT_COUNT; i-- > 0;) {
    const char *value = variable_value(table[i].variable);

    if (value && !parse_option((enum vt_option)i, value, o)) {
      refuse(i, value);
      parse_option((enum vt_option)i, table[i].value, o);
    }
  }
  check_names();
  parse_run_id(variable_value(VT_RUN_VARIABLE), o->run_id);
  return o;
}

const char *options_default(enum vt_option option)
{
  return table[option].value;
}

/* Appends length bytes of s to path; false when they do not fit. */
static bool append(char *path, unsigned size, unsigned *used, const char *s, size_t length)
{
  if (*used + length >= size)
    return false;
  memcpy(path + *used, s, length);
  *used += (unsigned)length;
  path[*used] = '\0';
  return true;
}

/* The value of %letter: a name without slashes, or NULL for an unknown letter. */
static const char *placeholder(char letter, int pid, char *buf, size_t size)
{
  switch (letter) {
  case 'p':
    text_format(buf, size, "%d", pid);
    return buf;
  case 'e': {
    long n = sys_call(SYS_readlinkat, AT_FDCWD, (long)"/proc/self/exe", (long)buf, (long)size - 1, 0, 0);
    char *slash;

    if (n <= 0)
      return "unknown";
    buf[n] = '\0';
    slash = strrchr(buf, '/');
    return slash ? slash + 1 : buf;
  }
  case 'h':
    return gethostname(buf, size) == 0 && !strchr(buf, '/') ? buf : "unknown";
  case '%':
    return "%";
  default:
    return NULL;
  }
}

int options_trace_path(char *path, unsigned size, const char *template, int pid)
{
  unsigned used = 0;
  char value[1024];

  path[0] = '\0';
  for (const char *s = template; *s; s++) {
    const char *text = *s == '%' && s[1] ? placeholder(s[1], pid, value, sizeof value) : NULL;

    if (text)
      s++;
    if (!append(path, size, &used, text ? text : s, text ? strlen(text) : 1))
      return -ENAMETOOLONG;
  }
  return 0;
}
