/*
 * Finds the functions behind the hooks.  See next_libc.h; called once by
 * process.c.
 */
#include "entry/next_libc.h"

#include <dlfcn.h>

#include "base/dl_error.h"

struct next_libc next_libc;

void next_libc_find(void)
{
#define X(result, name, parameters) next_libc.name = (result(*) parameters)(uintptr_t)dlsym(RTLD_NEXT, #name);
  NEXT_LIBC(X)
#undef X
  dl_error_clear(); /* a function that is missing is no error of the program's */
}
