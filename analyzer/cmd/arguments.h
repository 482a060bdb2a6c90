/*
 * What the commands' arguments have in common: numbers that are taken whole or
 * not at all, and TRACE arguments, of which some are directories.
 */
#ifndef VMTRACE_ARGUMENTS_H
#define VMTRACE_ARGUMENTS_H

#include <argp.h>
#include <stdbool.h>
#include <stdint.h>

/* A decimal number from least to most: digits and nothing else. */
bool argument_number(const char *text, uint64_t least, uint64_t most, uint64_t *value);

/* A number of seconds that is finite and not negative, in decimal, as 1, 0.25 or 1e3. */
bool argument_seconds(const char *text, double *value);

/* An address: 0x and hexadecimal digits, or decimal ones.  *end: what follows it. */
bool argument_address(const char *text, const char **end, uint64_t *value);

/*
 * The TRACE arguments from argv[state->next] on, each directory replaced by
 * the traces in it (*.vmt, by name); they live as long as the program.  Memory
 * is bounded by what their files hold from now on.
 */
char **argument_traces(struct argp_state *state, int *count);

/* One trace more, which an option names. */
void argument_trace(const char *path);

#endif
