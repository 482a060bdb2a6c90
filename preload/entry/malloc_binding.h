/*
 * Whose malloc the program calls.
 */
#ifndef VMTRACE_MALLOC_BINDING_H
#define VMTRACE_MALLOC_BINDING_H

/*
 * Looks up which malloc the program calls.  Where it is not this library's, because the executable has one of its own
 * or another allocator was preloaded first, every trace of this process gets an UNTRACED record: what that malloc
 * serves is not seen.  Called once, by the constructor; takes the loader's lock.
 */
void malloc_binding_find(void);

/* Writes that record into the present trace, if it is due.  Called for each new trace, outside of a hook. */
void malloc_binding_record(void);

#endif
