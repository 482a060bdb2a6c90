/*
 * Filling in the header of a new trace: the machine, the process and the
 * configuration.  Called by trace_start only.
 */
#ifndef VMTRACE_TRACE_HEADER_H
#define VMTRACE_TRACE_HEADER_H

#include <stdint.h>

#include "trace/trace.h"

/* header is zeroed memory.  What /proc does not tell is left zero. */
void header_fill(struct vt_file_header *header, const struct trace_config *config, const uint8_t id[16],
                 const uint8_t parent[16], int pid);

#endif
