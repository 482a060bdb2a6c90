/*
 * See completion_words.h.  A command's options are asked of the command itself: argp puts them together from all its
 * parts only there.
 */
#include "cmd/completion_words.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cmd/command.h"
#include "output/output_format.h"
#include "reader/xalloc.h"

/* In the child: one command, its output in the pipe. */
_Noreturn static void say_into(int fd, const struct command *command, const char *option)
{
  char name[64], *argv[] = {name, (char *)option, (char *)"-", NULL};

  snprintf(name, sizeof name, "vmtrace %s", command->name);
  if (dup2(fd, STDOUT_FILENO) < 0)
    _exit(EXIT_UNREADABLE);
  exit(command->run(strcmp(option, "--help") == 0 ? 2 : 3, argv));
}

/* What `vmtrace COMMAND OPTION` says; to be freed. */
static char *ask_command(const struct command *command, const char *option)
{
  int ends[2], status;
  char *text = NULL;
  size_t room = 0, used = 0;
  ssize_t n = 0;
  pid_t pid;

  fflush(NULL);
  pid = pipe(ends) == 0 ? fork() : -1;
  if (pid < 0)
    return NULL;
  if (pid == 0) {
    close(ends[0]);
    say_into(ends[1], command, option);
  }
  close(ends[1]);
  do {
    used += (size_t)n;
    if (used + 1 >= room)
      text = xrealloc(text, room = room * 2 + 4096);
    n = read(ends[0], text + used, room - used - 1);
  } while (n > 0);
  text[used] = '\0';
  close(ends[0]);
  if (waitpid(pid, &status, 0) == pid && WIFEXITED(status) && WEXITSTATUS(status) == EXIT_FINE)
    return text;
  free(text);
  return NULL;
}

/* The formats that the help of --format names. */
static char *formats_in(const char *help)
{
  char *values = xstrdup("");

  for (const struct format *const *f = formats(); *f; f++) {
    size_t n = strlen((*f)->name);

    for (const char *p = help; (p = strstr(p, (*f)->name)); p += n) {
      char *more;

      if ((p > help && p[-1] != ' ') || isalnum((unsigned char)p[n]))
        continue;
      more = xasprintf("%s%s%s", values, *values ? " " : "", (*f)->name);
      free(values);
      values = more;
      break;
    }
  }
  return values;
}

/* The first words of the lines up to an empty one. */
static char *first_words(const char *text)
{
  char *values = xstrdup(""), *more;

  while (text && *text && *text != '\n') {
    more = xasprintf("%s%s%.*s", values, *values ? " " : "", (int)strcspn(text, " \n"), text);
    free(values);
    values = more;
    text = strchr(text, '\n');
    text += text != NULL;
  }
  return values;
}

static void find_values(struct completion_option *o, const char *columns)
{
  if (!strcmp(o->name, "format"))
    o->values = formats_in(o->meaning);
  if (columns && (!strcmp(o->name, "columns") || !strcmp(o->name, "sort"))) {
    o->values = first_words(columns);
    o->list = true;
  }
}

/* "  -f, --format=FORMAT        what it means": false for other lines. */
static bool parse_option_line(char *line, struct completion_option *o)
{
  char *p = line + strspn(line, " ");
  size_t n;

  *o = (struct completion_option){0};
  if (p == line)
    return false;
  if (p[0] == '-' && p[1] != '-' && p[1] && !strncmp(p + 2, ", ", 2)) {
    o->letter = p[1];
    p += 4;
  }
  n = strncmp(p, "--", 2) == 0 ? strspn(p + 2, "abcdefghijklmnopqrstuvwxyz-") : 0;
  if (!n)
    return false;
  o->name = xstrndup(p + 2, n);
  p += 2 + n;
  p += *p == '[';
  if (*p == '=') {
    n = strcspn(++p, " ]");
    o->argument = xstrndup(p, n);
    p += n;
  }
  p += strcspn(p, " ");
  o->meaning = xstrdup(p + strspn(p, " "));
  return true;
}

static bool find_options(struct completion_command *c, const struct command *command)
{
  char *help = ask_command(command, "--help"), *columns = NULL;
  struct completion_option option;
  size_t room = 0;

  if (!help) {
    command_error(EXIT_UNREADABLE, "vmtrace %s --help does not work", command->name);
    return false;
  }
  if (strstr(help, "--columns="))
    columns = ask_command(command, "--columns=help");
  c->runs = strstr(help, " PROG ") != NULL;
  for (char *line = strtok(help, "\n"); line; line = strtok(NULL, "\n")) {
    if (!parse_option_line(line, &option))
      continue;
    find_values(&option, columns);
    c->options = xgrow(c->options, c->count, &room, sizeof *c->options);
    c->options[c->count++] = option;
  }
  free(columns);
  free(help);
  return true;
}

struct completion_command *completion_words(size_t *count)
{
  struct completion_command *all = NULL;
  size_t room = 0;

  xsetenv("ARGP_HELP_FMT", "rmargin=4000"); /* each option on one line */
  *count = 0;
  for (const struct command *c = command_table(); c->name; c++) {
    all = xgrow(all, *count, &room, sizeof *all);
    all[*count] = (struct completion_command){.name = c->name, .meaning = c->help};
    if (!find_options(&all[*count], c))
      return NULL;
    ++*count;
  }
  return all;
}
