/*
 * Which frames of a call stack only pass an allocation on: the allocator's
 * own functions, wrappers of malloc, containers of the C++ library.
 */
#ifndef VMTRACE_CALL_SITE_H
#define VMTRACE_CALL_SITE_H

#include <stdbool.h>

#include "model/symbols.h"

/* Whether a reader of a report wants to know who called this frame rather than the frame. */
bool call_site_is_wrapper(const struct symbol *frame);

#endif
