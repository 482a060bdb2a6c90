/*
 * Parsing of arguments with clean messages.  See usage_message.h.  Called by
 * main.c, cmd/command.c and cmd/run/run.c.
 *
 * While argp works, stderr is memory.  It ends the program itself when an option is wrong:
 * what it had to say is then written on the way out.
 */
#include "cmd/usage_message.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "reader/plain_text.h"
#include "reader/xalloc.h"

static struct {
  FILE *kept; /* the real stderr; NULL: nothing is held back */
  FILE *memory;
  char *text;
  size_t size;
} message;

/* Where the last line begins, which is argp's own "Try ..."; the text's length when there is one line only. */
static size_t last_line(const char *text, size_t size)
{
  size_t end = size;

  while (end && text[end - 1] != '\n')
    end--;
  return end && !strncmp(text + end, "Try `", 5) ? end : size;
}

static void put_lines(FILE *out, const char *text, size_t size)
{
  size_t end = size && text[size - 1] == '\n' ? size - 1 : size, last = last_line(text, end);

  if (!size)
    return;
  if (last == end) {
    plain_put(out, text, end);
  } else {
    plain_put(out, text, last - 1);
    putc('\n', out);
    plain_put(out, text + last, end - last);
  }
  putc('\n', out);
}

static void message_release(void)
{
  if (!message.kept)
    return;
  stderr = message.kept;
  message.kept = NULL;
  fclose(message.memory);
  put_lines(stderr, message.text, message.size);
  free(message.text);
}

static void message_hold(void)
{
  static bool registered;

  message.memory = open_memstream(&message.text, &message.size);
  if (!message.memory)
    xalloc_failed();
  message.kept = stderr;
  stderr = message.memory;
  if (!registered && atexit(message_release))
    xalloc_failed();
  registered = true;
}

int usage_parse(const struct argp *argp, int argc, char **argv, unsigned flags, void *input)
{
  int result;

  message_hold();
  result = argp_parse(argp, argc, argv, flags, NULL, input);
  message_release();
  return result;
}
