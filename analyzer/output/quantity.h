/*
 * Numbers for people.
 */
#ifndef VMTRACE_QUANTITY_H
#define VMTRACE_QUANTITY_H

#include <stdint.h>

#define QUANTITY_MAX 32 /* bytes of a buffer; each function returns it */

char *quantity_bytes(char *buf, uint64_t bytes); /* "512 B", "1.5 KiB", "12.3 MiB" */
char *quantity_time(char *buf, uint64_t ns);     /* "730 ns", "1.25 ms", "2.98 s", "3 min 12 s" */
char *quantity_count(char *buf, uint64_t n);     /* "24,113" */

#endif
