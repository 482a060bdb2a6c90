/*
 * Names of code that a program made while it ran: /tmp/perf-PID.map, which
 * JIT compilers write for perf(1).
 *
 * A line says nothing of time: of code that was replaced by other code at the
 * same addresses the later name is in force.
 */
#ifndef VMTRACE_PERF_MAP_H
#define VMTRACE_PERF_MAP_H

#include <stdint.h>
#include <sys/types.h>

struct perf_map;

/*
 * Reads the map of a process, if there is one that can be trusted: a regular
 * file of the process's user or the reader's, not older than the process
 * (since_real_ns: when its trace began).  NULL: there is none.
 */
struct perf_map *perf_map_open(int pid, uid_t user, uint64_t since_real_ns);
void perf_map_close(struct perf_map *m);

/* The name of the code at addr; NULL: not known. */
const char *perf_map_find(const struct perf_map *m, uint64_t addr);

#endif
