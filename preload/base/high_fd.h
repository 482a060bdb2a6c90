/*
 * Descriptors of the library on numbers that the program does not use.
 */
#ifndef VMTRACE_HIGH_FD_H
#define VMTRACE_HIGH_FD_H

/*
 * Gives the file of fd another number, close-on-exec, and closes fd itself.
 * The number is above the program's limit of open files if that can be had,
 * so that even a program that tries every number does not meet it; else high
 * below the limit.  -errno: there is none.  While it runs the process's limit is
 * wider for a moment.
 */
int high_fd(int fd);

#endif
