/*
 * dlopen's two halves: the entry, which is assembler for each architecture
 * (hook_dl_<architecture>.c), and the choice of where it goes.
 */
#ifndef VMTRACE_HOOK_DL_H
#define VMTRACE_HOOK_DL_H

/*
 * Where a call of dlopen(name, *mode) is to jump, with its return address
 * unchanged, and its arguments too but for what is done to *mode.
 */
typedef void *(*dlopen_fn)(const char *name, int mode);
__attribute__((visibility("hidden"))) dlopen_fn dlopen_target(const char *name, int *mode);

#endif
