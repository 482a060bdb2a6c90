/*
 * Names of code addresses inside the running program, for reports of errors:
 * from /proc/self/maps and the symbol tables of the files that are mapped.  No
 * lock of the loader is taken and nothing of the program's heap is used.
 */
#ifndef VMTRACE_CODE_NAMES_H
#define VMTRACE_CODE_NAMES_H

#include <stddef.h>
#include <stdint.h>

struct code_names;

/* Reads the mappings as they are now; NULL when that cannot be done (no /proc, no memory, no descriptor). */
struct code_names *code_names_open(void);
void code_names_close(struct code_names *names);

/*
 * "function+0x12 (/path/of/module+0x1234)", where the second number is the
 * address that `addr2line -e` takes; less where less is known, and the address
 * alone when names is NULL.  Returns buf.
 */
const char *code_name(struct code_names *names, uint64_t pc, char *buf, size_t size);

#endif
