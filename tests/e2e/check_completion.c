/*
 * What shells offer: commands, options, formats and columns, all from the program's own tables.
 */
#include <stdio.h>
#include <string.h>

#include "e2e.h"

/* What bash offers after words: each word of `expected` in a row. */
static void expect_bash(const char *words, const char *expected)
{
  struct e2e_result result;
  char command[8400];

  snprintf(command, sizeof command,
           "source <(%s completion bash); COMP_WORDS=(%s); COMP_CWORD=$((${#COMP_WORDS[@]} - 1)); "
           "_vmtrace 2>/dev/null; echo \" ${COMPREPLY[*]} \"",
           e2e_analyzer(), words);
  e2e_run(&(struct e2e_spec){.argv = E2E_ARGV("bash", "-c", command), .cwd = e2e_top()}, &result);
  ck_assert_msg(strstr(result.out, expected) != NULL, "%s: %s, not %s", words, result.out, expected);
  e2e_release(&result);
}

START_TEST(bash)
{
  expect_bash("vmtrace ''", " run info dump pages heap ps pack doctor ");
  expect_bash("vmtrace he", " heap help ");
  expect_bash("vmtrace heap --inv", " --invert ");
  expect_bash("vmtrace heap --format = f", " folded ");
  expect_bash("vmtrace ps --format = ''", " text json csv ");
  expect_bash("vmtrace ps --format =", " text json csv ");
  expect_bash("vmtrace ps --columns = rss_", " rss_peak ");
  expect_bash("vmtrace ps --columns = pid,live_", " pid,live_blocks ");
  expect_bash("vmtrace info demos/../dem", " demos/../demos ");
}
END_TEST

static void expect_shell(const char *const *argv, const char *const *expected)
{
  struct e2e_result result;

  e2e_run(&(struct e2e_spec){.argv = argv}, &result);
  e2e_expect_exit(&result, 0);
  for (; *expected; expected++)
    ck_assert_msg(strstr(result.out, *expected) != NULL, "no %s in: %s", *expected, result.out);
  e2e_release(&result);
}

START_TEST(fish)
{
  char command[8400];

  if (!e2e_has("fish"))
    E2E_SKIP("fish is not installed");
  snprintf(command, sizeof command,
           "%s completion fish | source; complete -C 'vmtrace p'; complete -C 'vmtrace ps --format=';"
           "complete -C 'vmtrace heap --inv'; complete -C 'vmtrace ps --columns=pid,pe'",
           e2e_analyzer());
  expect_shell(E2E_ARGV("fish", "--no-config", "-c", command),
               E2E_ARGV("ps\t", "pages\t", "--format=csv\t", "--invert\t", "--columns=pid,peak\t"));
}
END_TEST

/* The script is loaded as zsh would load it; what it offers is asked of it with the functions of zsh replaced. */
START_TEST(zsh)
{
  char command[8400];

  if (!e2e_has("zsh"))
    E2E_SKIP("zsh is not installed");
  snprintf(command, sizeof command,
           "compdef() { :; }; eval \"$(%s completion zsh)\"; _describe() { print -l $commands; };"
           "_arguments() { print -l -- $@; }; words=(vmtrace ''); CURRENT=2; _vmtrace;"
           "words=(vmtrace ps ''); CURRENT=3; _vmtrace",
           e2e_analyzer());
  expect_shell(
      E2E_ARGV("zsh", "-f", "-c", command),
      E2E_ARGV("ps:the processes", "--format=[", ":FORMAT:(text json csv)", "_values -s , columns pid ", "*.vmt"));
}
END_TEST

int main(void)
{
  Suite *suite = suite_create("completion");
  TCase *tcase = e2e_case(suite, "shells", 60);

  tcase_add_test(tcase, bash);
  tcase_add_test(tcase, fish);
  tcase_add_test(tcase, zsh);
  return e2e_main(suite);
}
