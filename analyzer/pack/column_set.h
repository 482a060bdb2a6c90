/*
 * The columns of a packed chunk, as packing and unpacking share them.  Only
 * for columns.c, column_split.c and column_join.c.
 */
#ifndef VMTRACE_COLUMN_SET_H
#define VMTRACE_COLUMN_SET_H

#include "pack/predictor.h"

/* In the order in which they lie in a packed chunk; what they hold is in FORMAT.md. */
enum column_id {
  COL_OP,
  COL_CLOCK_GAP,
  COL_CLOCK_LOW,
  COL_CLOCK_HIGH,
  COL_STACK_CODE,
  COL_STACK,
  COL_SIZE_LOW,
  COL_SIZE_HIGH,
  COL_ALLOC_CODE,
  COL_ALLOC,
  COL_FREE_CODE,
  COL_FREE_DISTANCE,
  COL_FREE_LOW,
  COL_FREE_HIGH,
  COL_REALLOC_SIZE,
  COL_STACK_ID,
  COL_NODE,
  COL_NODE_CODE,
  COL_NODE_PC,
  COL_LENGTH,
  COL_BYTES,
  COLUMNS
};

/* COL_OP: general records that are kept as they are have their first byte here, all others one of these. */
enum { OP_ALLOC = 1, OP_FREE = 2, OP_REALLOC = 3, OP_STACK = 5, OP_NODE = 6 };

#define PC_SLOTS 4096u

struct column {
  uint8_t *data, *cur, *end; /* splitting: end is that of the room; joining: of the contents */
};

/* Definitions of call stacks: what the next one is told from. */
struct node_state {
  uint64_t pc;
  uint32_t id;
  uint64_t next_pc[PC_SLOTS]; /* per pc: what came after it */
};

struct column_set {
  struct column column[COLUMNS];
  struct predictor predictor;
  struct node_state node;
  uint64_t stack_id; /* of the latest STACK record */
};

/* Records to columns, which must be empty.  False when they could not be given back byte by byte. */
bool column_split(struct column_set *set, const uint8_t *raw, size_t raw_size);

/* Columns (cur to end) to records; raw has COLUMNS_PAD bytes more.  False when they do not give raw_size bytes of
 * records. */
bool column_join(struct column_set *set, uint8_t *raw, size_t raw_size);

#endif
