/*
 * The table of stack nodes: (parent, pc) to id, each pair once per process.
 * Lookups take no lock; a new node takes one for a moment.  Memory is the library's own.
 */
#ifndef VMTRACE_STACK_TABLE_H
#define VMTRACE_STACK_TABLE_H

#include <stdbool.h>
#include <stdint.h>

/* Prepares the table; false: out of memory. */
bool stack_table_start(void);

/* The node of pc under parent, made if need be (*made tells).  0: out of memory. */
uint32_t stack_table_intern(uint32_t parent, uint64_t pc, bool *made);

/* Nodes of pcs in [start, end] are never found again: the code there is another now. */
void stack_table_forget(uint64_t start, uint64_t end);

/* In the child the table starts anew: its trace has none of the parent's nodes. */
void stack_table_before_fork(void);
void stack_table_after_fork(bool child);

#endif
