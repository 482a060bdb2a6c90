/*
 * The trackers that there are, and their states.
 */
#ifndef VMTRACE_TRACKERS_H
#define VMTRACE_TRACKERS_H

#include "symbols/modules.h"
#include "track/foreign_malloc.h"
#include "track/heap/heap_counts.h"
#include "track/pages/process_picture.h"
#include "track/stack_nodes.h"
#include "track/tracker.h"

/* Blocks and the program's own mappings, by call stack.  State: struct heap_counts. */
extern const struct tracker tracker_blocks;

/* What call stacks consist of.  State: struct names; a child's leads to its parent's. */
struct names {
  struct id_table nodes; /* struct stack_node by call stack id */
  struct modules modules;
  struct names *parent; /* of the process that it was forked from; NULL: its trace is not here */
};
extern const struct tracker tracker_names;

/* Whose malloc the program calls, and what was lost.  State: struct shortcomings. */
struct shortcomings {
  const struct vt_file_header *header;
  struct own_malloc own_malloc;
  uint64_t lost; /* events that the trace does not have, as far as its records tell */
};
extern const struct tracker tracker_shortcomings;

/* All that was seen of pages, and marks.  State: struct history. */
struct history {
  struct picture *picture; /* who takes it leaves NULL */
};
extern const struct tracker tracker_history;

/* Page states at instants.  State: struct page_states. */
struct page_states;
extern const struct tracker tracker_pages;

/* The pages of an instant, as the sample that belongs to it saw them. */
struct pages_then {
  struct range_list pages, vmas; /* settled: one range for each place */
  size_t samples;                /* how many had begun */
  uint64_t sample_ns;            /* when the last of them began; 0: there was none */
  bool at_end;                   /* of the process's own end */
  uint64_t counted;              /* pages present, by the sample's own count */
  uint64_t rss, tracer, tables;  /* pages; see VT_R_RESIDENT; 0: unknown */
};

/* What the process that this one was forked from had around the fork. */
struct pages_inherited {
  bool known;               /* its trace is here, and has a sample of one of the two times */
  struct range_list before; /* as its latest sample before the fork saw them; empty: there was none */
  struct range_list after;  /* as its first sample behind the fork did */
};
const struct pages_inherited *page_states_inherited(const struct page_states *s);

/* After the pass.  NULL: the instant did not come.  number: as session_at gave it, or HEAP_AT_PEAK_OF_GROUP. */
const struct pages_then *page_states_then(const struct page_states *s, unsigned number);
/* All that was seen; its samples and mappings are those that pages_then counts. */
const struct picture *page_states_picture(const struct page_states *s);

#endif
