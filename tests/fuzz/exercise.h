/*
 * Everything that the analyzer does with a trace, for its mutations.
 */
#ifndef VMTRACE_EXERCISE_H
#define VMTRACE_EXERCISE_H

/* Reads path in all ways: info, dump, pages, each as text and as JSON.  Output goes nowhere. */
void exercise(const char *path);

#endif
