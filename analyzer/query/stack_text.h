/*
 * Call stacks and frames as text.
 */
#ifndef VMTRACE_STACK_TEXT_H
#define VMTRACE_STACK_TEXT_H

#include <stdint.h>

#include "query/relation.h"

/* "outermost;...;innermost", as flame-graph tools read it: functions as they are called, a ';' in a name as ':';
 * "[unknown]" for a stack that is not known.  To be freed. */
char *stack_folded(const struct stack_names *names, int64_t stack);

/* The frame that stands for it: "function (file.c:12) in module", "module+0x1234".  To be freed. */
char *stack_site(const struct stack_names *names, int64_t stack);

/* The same for one frame, and its function alone: "function", "module+0x1234", "0x1234". */
char *frame_text(const struct symbol *frame);
char *frame_function(const struct symbol *frame);

#endif
