/*
 * What may be sent to a descriptor beyond plain text.
 */
#ifndef VMTRACE_TERMINAL_H
#define VMTRACE_TERMINAL_H

#include <stdbool.h>

/* Colours: a terminal that is not dumb (TERM), whose user does not refuse them (NO_COLOR). */
bool terminal_has_colour(int fd);

/* Lines that are written over: a terminal that is not dumb. */
bool terminal_can_erase(int fd);

#endif
