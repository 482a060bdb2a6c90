/*
 * The call tree in text: a part of the format `text`.
 */
#ifndef VMTRACE_TEXT_GRAPH_H
#define VMTRACE_TEXT_GRAPH_H

#include <stdio.h>

#include "output/call_graph.h"
#include "output/style.h"

int text_graph(FILE *out, const struct call_graph *g, const struct style *style);

#endif
