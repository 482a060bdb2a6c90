/*
 * libunwind, as a part of this library.
 *
 * The dynamic loader has no part in it: a library that the loader brings in for
 * us is in the program's namespace under its soname, moves the loader's own allocations, and calls whatever the program
 * puts in place of libc's functions.  So the shared object that the system has, libunwind-<processor>.so, is laid out
 * in this library's text at build time (libunwind_image.awk), with its functions under their own names: <libunwind.h>
 * is all that a caller needs.  Its imports are functions of libunwind_imports.c.
 */
#ifndef VMTRACE_LIBUNWIND_IMAGE_H
#define VMTRACE_LIBUNWIND_IMAGE_H

/*
 * Makes the data of the image writable, puts addresses into it, and makes
 * read-only again what stays as it is.  Before any function of libunwind is called; once, in one thread.
 * 0, or -errno: the kernel or a filter of system calls refuses to change the protection.
 */
int libunwind_image_start(void);

#endif
