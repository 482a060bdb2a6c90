/*
 * Processes as users know them: what a process was before it called exec is the same process, and a child stands below
 * who started it.
 */
#ifndef VMTRACE_PROCESS_TREE_H
#define VMTRACE_PROCESS_TREE_H

#include "query/table.h"

/*
 * From the rows of the relation `processes`, a table of them: the images of one process become one row.  What counts
 * over a life (events, allocations, lost) is summed, peaks are the highest, all else is the last image's.  A column
 * "images" is added.  by_image: images stay rows of their own, each below the one before.
 *
 * The result is a tree, siblings by their start.
 */
struct table *process_tree(const struct table *images, bool by_image);

#endif
