/*
 * After a dlsym that may have failed: the program must not find our error in
 * its next dlerror().
 *
 * Not by calling dlerror: it translates the message under the lock of libc's
 * locale, and the library may start in the middle of newlocale or setlocale,
 * which hold it.  A lookup that succeeds clears the error as well.
 */
#ifndef VMTRACE_DL_ERROR_H
#define VMTRACE_DL_ERROR_H

#include <dlfcn.h>

static inline void dl_error_clear(void)
{
  (void)dlsym(RTLD_DEFAULT, "dlsym");
}

#endif
