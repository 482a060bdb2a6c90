/*
 * Formatting without stdio, and one-line messages by one write(2).  See log.h.
 */
#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>

#include "base/clean.h"
#include "base/sys.h"

#define LINE_MAX_BYTES 1024

#define STDERR 2
#define SIGPIPE_BIT (UINT64_C(1) << (SIGPIPE - 1))

static enum log_level level_now = LOG_WARN;
static bool no_stderr; /* what is at its number is a file of the program's */

void log_set_level(enum log_level level)
{
  level_now = level;
}

enum log_level log_level(void)
{
  return level_now;
}

/* Where text goes: counts everything, keeps what fits. */
struct text {
  char *buf;
  size_t size, length;
  bool clean; /* strings are from outside: clean.h */
};

static void put_char(struct text *t, char c)
{
  if (t->length + 1 < t->size)
    t->buf[t->length] = c;
  t->length++;
}

static void put_padded(struct text *t, const char *s, size_t n, int width, char fill)
{
  for (int i = (int)n; i < width; i++)
    put_char(t, fill);
  for (size_t i = 0; i < n; i++)
    put_char(t, s[i]);
}

/* Each character that may not be shown becomes a question mark. */
static void put_string(struct text *t, const char *s, int width)
{
  if (!t->clean) {
    put_padded(t, s, strlen(s), width, ' ');
    return;
  }
  while (*s) {
    bool shown;
    size_t n = clean_character(s, &shown);

    put_padded(t, shown ? s : "?", shown ? n : 1, 0, ' ');
    s += n;
  }
}

static void put_number(struct text *t, uint64_t value, unsigned base, bool negative, int width, char fill)
{
  char digits[24];
  size_t at = sizeof digits;

  do
    digits[--at] = "0123456789abcdef"[value % base];
  while (value /= base);
  if (negative && fill == '0') {
    put_char(t, '-');
    width--;
  } else if (negative) {
    digits[--at] = '-';
  }
  put_padded(t, digits + at, sizeof digits - at, width, fill);
}

static uint64_t unsigned_argument(va_list *args, int longs)
{
  return longs ? va_arg(*args, unsigned long) : va_arg(*args, unsigned);
}

static int64_t signed_argument(va_list *args, int longs)
{
  return longs ? va_arg(*args, long) : va_arg(*args, int);
}

/* One conversion, at the character after '%'; returns the one after it. */
static const char *put_conversion(struct text *t, const char *f, va_list *args)
{
  char fill = ' ';
  int width = 0, longs = 0;

  if (*f == '0')
    fill = *f++;
  while (*f >= '0' && *f <= '9')
    width = width * 10 + (*f++ - '0');
  while (*f == 'l' || *f == 'z') {
    longs++;
    f++;
  }
  switch (*f) {
  case 's': {
    const char *s = va_arg(*args, const char *);

    put_string(t, s ? s : "(null)", width);
    break;
  }
  case 'c':
    put_char(t, (char)va_arg(*args, int));
    break;
  case 'd': {
    int64_t v = signed_argument(args, longs);

    put_number(t, v < 0 ? -(uint64_t)v : (uint64_t)v, 10, v < 0, width, fill);
    break;
  }
  case 'u':
    put_number(t, unsigned_argument(args, longs), 10, false, width, fill);
    break;
  case 'x':
    put_number(t, unsigned_argument(args, longs), 16, false, width, fill);
    break;
  case 'p':
    put_char(t, '0');
    put_char(t, 'x');
    put_number(t, (uintptr_t)va_arg(*args, void *), 16, false, width - 2, '0');
    break;
  case '\0':
    return f;
  default:
    put_char(t, *f);
  }
  return f + 1;
}

static int put_text(struct text t, const char *format, va_list args)
{
  va_list copy;

  va_copy(copy, args);
  while (*format) {
    if (*format == '%')
      format = put_conversion(&t, format + 1, &copy);
    else
      put_char(&t, *format++);
  }
  va_end(copy);
  if (t.size)
    t.buf[t.length < t.size ? t.length : t.size - 1] = '\0';
  return (int)t.length;
}

int text_vformat(char *buf, size_t size, const char *format, va_list args)
{
  return put_text((struct text){.buf = buf, .size = size}, format, args);
}

int text_vmessage(char *buf, size_t size, const char *format, va_list args)
{
  return put_text((struct text){.buf = buf, .size = size, .clean = true}, format, args);
}

int text_format(char *buf, size_t size, const char *format, ...)
{
  va_list args;
  int n;

  va_start(args, format);
  n = text_vformat(buf, size, format, args);
  va_end(args);
  return n;
}

void log_find_stderr(void)
{
  no_stderr = sys_call(SYS_fcntl, STDERR, F_GETFD, 0, 0, 0, 0) == -EBADF;
}

void log_note_dup(int fd)
{
  if (fd == STDERR)
    no_stderr = false;
}

/* A pipe that nobody reads any more: the signal is taken away again, unless one was pending before. */
void log_write(const char *text, size_t size)
{
  const struct timespec at_once = {0, 0};
  const uint64_t set = SIGPIPE_BIT;
  uint64_t mask, pending = 0;

  if (no_stderr)
    return;
  mask = sys_block_signals();
  sys_call(SYS_rt_sigpending, (long)&pending, sizeof pending, 0, 0, 0, 0);
  if (sys_write(STDERR, text, size) == -EPIPE && !(pending & SIGPIPE_BIT))
    sys_call(SYS_rt_sigtimedwait, (long)&set, 0, (long)&at_once, sizeof set, 0, 0);
  sys_restore_signals(mask);
}

/* Of a line that was cut after length bytes: without a character that may have been cut. */
static size_t cut_length(const char *line, size_t length)
{
  while (length && (line[length - 1] & 0xc0) == 0x80)
    length--;
  return length && line[length - 1] & 0x80 ? length - 1 : length;
}

void log_message(enum log_level level, const char *format, ...)
{
  static const char prefix[] = "vmtrace: ";
  char line[LINE_MAX_BYTES];
  size_t used = sizeof prefix - 1;
  va_list args;
  int n;

  if (level > level_now)
    return;
  memcpy(line, prefix, used);
  va_start(args, format);
  n = text_vmessage(line + used, sizeof line - used - 1, format, args);
  va_end(args);
  used = (size_t)n < sizeof line - used - 1 ? used + (size_t)n : cut_length(line, sizeof line - 2);
  line[used++] = '\n';
  log_write(line, used);
}
