/*
 * Which frames of a call stack only pass an allocation on: the allocator's
 * own functions, wrappers of malloc, containers of the C++ and Rust libraries.
 */
#ifndef VMTRACE_CALL_SITE_H
#define VMTRACE_CALL_SITE_H

#include <stdbool.h>
#include <stddef.h>

#include "symbols/symbols.h"

/* Whether a reader of a report wants to know who called this frame rather than the frame. */
bool call_site_is_wrapper(const struct symbol *frame);

/* From now on functions whose name, as reports have it, matches this (POSIX extended) regular expression are wrappers,
 * too.  False: it is none, or memory is short; why, in words, is in error. */
bool call_site_skip(const char *regex, char *error, size_t size);

#endif
