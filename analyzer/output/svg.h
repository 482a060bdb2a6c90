/*
 * What SVG figures have in common.
 */
#ifndef VMTRACE_SVG_H
#define VMTRACE_SVG_H

#include <stdio.h>

#include "output/address_space.h"
#include "output/call_graph.h"
#include "output/style.h"

#define SVG_WIDTH 1000 /* of all figures, in pixels */

/* Any name as text of a document: cleaned as for a terminal, and what XML would take for its own escaped. */
void svg_put(FILE *out, const char *text);

/* The same in so many characters, cut at its end ("…"). */
void svg_put_cut(FILE *out, const char *text, unsigned width);

/* The document's first lines: its size, a white ground, the fonts; and its last. */
void svg_begin(FILE *out, unsigned height, const char *title);
void svg_end(FILE *out);

/* svg_flame.c, svg_space.c */
int svg_flame(FILE *out, const struct call_graph *g, const struct style *style);
int svg_space(FILE *out, const struct address_space *s, const struct style *style);

#endif
