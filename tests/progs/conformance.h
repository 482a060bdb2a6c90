/*
 * What the programs that judge the malloc family have in common: rules, bytes
 * that tell whose they are, and the choice of a theme.
 */
#ifndef TESTS_CONFORMANCE_H
#define TESTS_CONFORMANCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

/* Says "wrong: ..." if the rule does not hold. */
#define RULE(holds, ...)                                                                                               \
  do {                                                                                                                 \
    if (!(holds)) {                                                                                                    \
      printf("wrong: " __VA_ARGS__);                                                                                   \
      putchar('\n');                                                                                                   \
    }                                                                                                                  \
  } while (0)

/* A request that no compiler sees through. */
static inline size_t opaque(size_t size)
{
  __asm__ volatile("" : "+r"(size));
  return size;
}

/* Bytes that differ from block to block. */
static inline void fill(char *p, size_t size, unsigned seed)
{
  for (size_t i = 0; i < size; i++)
    p[i] = (char)(seed + i * 7 + (i >> 8));
}

static inline bool is_filled(const char *p, size_t size, unsigned seed)
{
  for (size_t i = 0; i < size; i++)
    if (p[i] != (char)(seed + i * 7 + (i >> 8)))
      return false;
  return true;
}

struct theme {
  const char *name;
  void (*judge)(void);
};

/* Judges the theme that the program's argument names, and says "judged"; what main() returns. */
static inline int judge_theme(int argc, char **argv, const struct theme *themes, size_t count)
{
  for (size_t i = 0; argc > 1 && i < count; i++)
    if (!strcmp(argv[1], themes[i].name)) {
      themes[i].judge();
      puts("judged");
      return 0;
    }
  return 2;
}

#endif
