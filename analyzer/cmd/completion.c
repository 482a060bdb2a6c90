/*
 * `vmtrace completion SHELL`: a script that completes commands, options, formats, columns and traces.
 * What there is to complete is cmd/completion_words.c's; here it is put in the words of each shell.
 */
#include <stdio.h>
#include <string.h>

#include "cmd/command.h"
#include "cmd/completion_words.h"

typedef void (*completion_put)(const struct completion_command *c, size_t count);

/* text within single quotes, where quote is how the shell writes one; bracket: [ ] and : need a backslash (zsh). */
static void put_quoted(const char *text, const char *quote, bool bracket)
{
  for (; *text; text++) {
    if (*text == '\'') {
      fputs(quote, stdout);
      continue;
    }
    if (*text == '\\' || (bracket && strchr("[]:", *text)))
      putchar('\\');
    putchar(*text);
  }
}

/* bash */

static const char bash_head[] =
    "# bash completion for vmtrace(1), made by `vmtrace completion bash`.\n"
    "_vmtrace() {\n"
    "  local cur=${COMP_WORDS[COMP_CWORD]} prev= command= options= values= list= head= word i\n"
    "  COMPREPLY=()\n"
    "  for ((i = 1; i < COMP_CWORD; i++)); do\n"
    "    word=${COMP_WORDS[i]}\n"
    "    [ \"$word\" = -- ] && { compopt -o default; return; } # the program to run, and its own arguments\n"
    "    [ -z \"$command\" ] && [[ $word != -* ]] && command=$word\n"
    "  done\n"
    "  # --format=js arrives as three words: --format, =, js.\n"
    "  if [ \"$cur\" = = ]; then\n"
    "    cur= prev=${COMP_WORDS[COMP_CWORD - 1]}\n"
    "  elif [ \"${COMP_WORDS[COMP_CWORD - 1]}\" = = ]; then\n"
    "    prev=${COMP_WORDS[COMP_CWORD - 2]}\n"
    "  fi\n"
    "  case $command in\n";

static const char bash_tail[] =
    "  esac\n"
    "  case $command$prev in\n"
    "VALUES"
    "  esac\n"
    "  if [ -n \"$values\" ]; then\n"
    "    [ -n \"$list\" ] && [[ $cur == *,* ]] && head=${cur%,*},\n"
    "    mapfile -t COMPREPLY < <(compgen -P \"$head\" -W \"$values\" -- \"${cur##*,}\")\n"
    "    [ -n \"$list\" ] && compopt -o nospace\n"
    "  elif [ -z \"$command\" ] || [[ $cur == -* ]]; then\n"
    "    mapfile -t COMPREPLY < <(compgen -W \"$options\" -- \"$cur\")\n"
    "    [[ ${COMPREPLY[0]-} == *= ]] && compopt -o nospace\n"
    "  else\n"
    "    compopt -o filenames\n"
    "    mapfile -t COMPREPLY < <(compgen -d -- \"$cur\"; compgen -f -X '!*.vmt' -- \"$cur\")\n"
    "  fi\n"
    "}\n"
    "complete -F _vmtrace vmtrace\n";

static void bash_values(const struct completion_command *c, size_t count)
{
  for (size_t i = 0; i < count; i++) {
    for (size_t k = 0; k < c[i].count; k++) {
      const struct completion_option *o = &c[i].options[k];

      if (o->values)
        printf("  %s--%s) values=\"%s\"%s ;;\n", c[i].name, o->name, o->values, o->list ? " list=1" : "");
    }
  }
}

static void put_bash(const struct completion_command *c, size_t count)
{
  const char *tail = strstr(bash_tail, "VALUES");

  fputs(bash_head, stdout);
  fputs("  '') options=\"", stdout);
  for (size_t i = 0; i < count; i++)
    printf("%s ", c[i].name);
  puts("help --help --version\" ;;");
  for (size_t i = 0; i < count; i++) {
    printf("  %s) options=\"", c[i].name);
    for (size_t k = 0; k < c[i].count; k++)
      printf("%s--%s%s", k ? " " : "", c[i].options[k].name, c[i].options[k].argument ? "=" : "");
    puts("\" ;;");
  }
  fwrite(bash_tail, 1, (size_t)(tail - bash_tail), stdout);
  bash_values(c, count);
  fputs(tail + strlen("VALUES"), stdout);
}

/* zsh */

/* One form of an option: -f+ or --format=. */
static void zsh_form(const struct completion_option *o, const char *form, const char *argument)
{
  fputs("      '", stdout);
  if (o->letter)
    printf("(-%c --%s)", o->letter, o->name);
  printf("%s%s[", form, o->argument ? argument : "");
  put_quoted(o->meaning, "'\\''", true);
  putchar(']');
  if (o->list)
    printf(":%s:_values -s , %s %s", o->argument, o->name, o->values);
  else if (o->values)
    printf(":%s:(%s)", o->argument, o->values);
  else if (o->argument)
    printf(":%s:_files", o->argument);
  puts("' \\");
}

static void zsh_option(const struct completion_option *o)
{
  const char letter[] = {'-', o->letter, '\0'};
  char name[80];

  if (o->letter)
    zsh_form(o, letter, "+");
  snprintf(name, sizeof name, "--%s", o->name);
  zsh_form(o, name, "=");
}

static void put_zsh(const struct completion_command *c, size_t count)
{
  puts("#compdef vmtrace\n# zsh completion for vmtrace(1), made by `vmtrace completion zsh`.\n_vmtrace() {\n"
       "  local -a commands\n  commands=(");
  for (size_t i = 0; i < count; i++) {
    printf("    '%s:", c[i].name);
    put_quoted(c[i].meaning, "'\\''", false);
    puts("'");
  }
  puts("    'help:the options of a command'\n  )\n"
       "  if (( CURRENT == 2 )); then\n    _describe -t commands command commands\n    return\n  fi\n"
       "  shift words\n  (( CURRENT-- ))\n  case $words[1] in");
  for (size_t i = 0; i < count; i++) {
    printf("  %s)\n    _arguments -S \\\n", c[i].name);
    for (size_t k = 0; k < c[i].count; k++)
      zsh_option(&c[i].options[k]);
    printf("      %s\n    ;;\n", c[i].runs ? "'*:::program:_normal'" : "'*:trace:_files -g \"*.vmt(-.) *(-/)\"'");
  }
  puts("  esac\n}\nif [ \"$funcstack[1]\" = _vmtrace ]; then\n  _vmtrace \"$@\"\nelse\n  compdef _vmtrace vmtrace\nfi");
}

/* fish */

static void fish_option(const char *command, const struct completion_option *o)
{
  printf("complete -c vmtrace -n '__fish_seen_subcommand_from %s' -l %s", command, o->name);
  if (o->letter)
    printf(" -s '%c'", o->letter);
  if (o->list)
    printf(" -xa '(__fish_complete_list , \"string split \\' \\' \\\"%s\\\"\")'", o->values);
  else if (o->values)
    printf(" -xa '%s'", o->values);
  else if (o->argument)
    fputs(" -r", stdout);
  fputs(" -d '", stdout);
  put_quoted(o->meaning, "\\'", false);
  puts("'");
}

static void put_fish(const struct completion_command *c, size_t count)
{
  puts("# fish completion for vmtrace(1), made by `vmtrace completion fish`.");
  for (size_t i = 0; i < count; i++) {
    printf("complete -c vmtrace -n __fish_use_subcommand -xa %s -d '", c[i].name);
    put_quoted(c[i].meaning, "\\'", false);
    puts("'");
  }
  for (size_t i = 0; i < count; i++) {
    for (size_t k = 0; k < c[i].count; k++)
      fish_option(c[i].name, &c[i].options[k]);
  }
}

static const struct shell {
  const char *name;
  completion_put put;
} shells[] = {{"bash", put_bash}, {"zsh", put_zsh}, {"fish", put_fish}};

static error_t parse_shell(int key, char *arg, struct argp_state *state)
{
  const struct shell **shell = state->input;

  switch (key) {
  case ARGP_KEY_ARG:
    for (size_t i = 0; i < sizeof shells / sizeof *shells && !*shell; i++)
      *shell = strcmp(shells[i].name, arg) ? NULL : &shells[i];
    if (!*shell || state->arg_num)
      argp_error(state, "name one shell: bash, zsh or fish");
    return 0;
  case ARGP_KEY_NO_ARGS:
    argp_error(state, "name a shell: bash, zsh or fish");
    return 0;
  default:
    return ARGP_ERR_UNKNOWN;
  }
}

int cmd_completion(int argc, char **argv)
{
  static const struct argp argp = {.parser = parse_shell,
                                   .args_doc = "bash|zsh|fish",
                                   .doc = "Writes a script that completes the commands of vmtrace in that shell: "
                                          "options, formats, columns and traces."};
  const struct shell *shell = NULL;
  struct completion_command *commands;
  size_t count;

  command_parse(&argp, argc, argv, &shell);
  commands = completion_words(&count);
  if (!commands)
    return EXIT_UNREADABLE;
  shell->put(commands, count);
  return command_finish(stdout, EXIT_FINE);
}
