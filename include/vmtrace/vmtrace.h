/*
 * What a program may say to vmtrace while it is traced: marks and snapshots.
 * See vmtrace.h(3).  For C and C++; there is nothing to link with.
 *
 * The functions are weak: where libvmtrace.so is not loaded they are null, and
 * the macros cost one comparison.  Call the macros.
 */
#ifndef VMTRACE_H
#define VMTRACE_H

#ifdef __cplusplus
extern "C" {
#endif

/*
 * Without noplt the linker of an executable that is not position independent would settle at
 * link time that a weak function is null.
 */
#if defined(__has_attribute)
#if __has_attribute(noplt)
#define VMTRACE_WEAK __attribute__((weak, noplt))
#endif
#endif
#ifndef VMTRACE_WEAK
#define VMTRACE_WEAK __attribute__((weak))
#endif

/*
 * A named moment, the same for all threads: what they did before it comes before it, what they do after it comes after.
 * At most 8192 bytes of name count.  A sample of the page frames is
 * asked for, and not waited for.
 */
void vmtrace_mark(const char *name) VMTRACE_WEAK;

/*
 * A sample of the page frames now, then a mark; returns when both are taken.  A null name: no mark.  A sample that
 * would take more than a second of processor time (tens of gigabytes) is cut short.
 */
void vmtrace_snapshot(const char *name) VMTRACE_WEAK;

/* Not 0 when events are being recorded; 0 with VMTRACE_OUT=off, and after tracing had to stop. */
int vmtrace_active(void) VMTRACE_WEAK;

/* vmtrace_mark may be called in a signal handler: where that has interrupted a call of the malloc family, the mark
 * comes when the call is done, with the first 48 bytes of its name.  The others may not. */
#define VMTRACE_MARK(name) (vmtrace_mark ? vmtrace_mark(name) : (void)0)
#define VMTRACE_SNAPSHOT(name) (vmtrace_snapshot ? vmtrace_snapshot(name) : (void)0)
#define VMTRACE_ACTIVE() (vmtrace_active ? vmtrace_active() : 0)

#ifdef __cplusplus
}
#endif

#endif
