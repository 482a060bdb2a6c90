/*
 * dlopen and dlclose: modules come and go.
 *
 * The loader searches by the RUNPATH and in the namespace of whoever calls
 * dlopen, which it tells by the return address.  A name that is searched for
 * is therefore passed on by a jump, without a frame of ours; the change is
 * then recorded at the next occasion (modules_update).  A name with a slash is
 * taken as it is, whoever asks.
 */
#include "entry/hook_dl.h"

#include <dlfcn.h>
#include <string.h>

#include "base/log.h"
#include "entry/hook.h"
#include "entry/module_list.h"
#include "entry/next_libc.h"
#include "entry/process.h"
#include "heap/next.h"

/* $ORIGIN and the like stand for something of the caller's. */
static bool depends_on_caller(const char *name)
{
  return !name || !strchr(name, '/') || strchr(name, '$');
}

static void *open_path(const char *name, int mode)
{
  void *handle = next_libc.dlopen(name, mode);

  if (handle)
    modules_update();
  return handle;
}

/*
 * A module bound with RTLD_DEEPBIND takes malloc and free of libc's, past this
 * library and past an allocator preloaded after it, and exchanges blocks with
 * the program (PHP opens its extensions so): either would free what it does
 * not know.  Nothing is changed where all blocks are libc's.
 */
static bool forbids_deep_binding(void)
{
  switch (process_mode()) {
  case PROCESS_PIN:
    return true;
  case PROCESS_NEXT:
    return !heap_next_is_libc();
  default:
    return false;
  }
}

dlopen_fn dlopen_target(const char *name, int *mode)
{
  hook_thread();
  if (*mode & RTLD_DEEPBIND && forbids_deep_binding()) {
    *mode &= ~RTLD_DEEPBIND;
    log_info("dlopen of %s: without RTLD_DEEPBIND, so that it has the same malloc as the program", name ? name : "");
  }
  return depends_on_caller(name) ? next_libc.dlopen : open_path;
}

EXPORT int dlclose(void *handle)
{
  int result;

  hook_thread();
  result = next_libc.dlclose(handle);
  if (result == 0)
    modules_update();
  return result;
}
