/*
 * Whose malloc the program calls; see malloc_binding.h.  Called by process.c and process_fork.c.
 *
 * The loader binds the program's calls to the first definition in its order of search: the executable's before a
 * preloaded library's.  An allocator that is linked statically under malloc's name is found in this way; one under
 * names of its own is not, and is no allocator to anybody but the program.
 */
#include "entry/malloc_binding.h"

#include <dlfcn.h>
#include <limits.h>
#include <link.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/syscall.h>

#include "base/dl_error.h"
#include "base/sys.h"
#include "entry/hook.h"
#include "frames/mapped_path.h"

static char elsewhere[PATH_MAX]; /* path of the object; empty: the program calls this library's malloc */

static const void *object_base(const void *address)
{
  Dl_info info;

  return dladdr(address, &info) ? info.dli_fbase : NULL;
}

/*
 * An executable at a fixed address that takes malloc's address has a place of its own for it, which jumps to whatever
 * the loader has bound: for dlsym that is malloc, and it defines nothing.  Calls, its own too, pass it over.
 */
static bool is_definition(const void *address, Dl_info *info)
{
  const ElfW(Sym) *symbol = NULL;

  return dladdr1(address, info, (void **)&symbol, RTLD_DL_SYMENT) && !(symbol && symbol->st_shndx == SHN_UNDEF);
}

void malloc_binding_find(void)
{
  const void *bound = dlsym(RTLD_DEFAULT, "malloc");
  Dl_info info;

  if (!bound || !is_definition(bound, &info) || info.dli_fbase == object_base((const void *)elsewhere))
    return;
  strncpy(elsewhere, info.dli_fname, sizeof elsewhere - 1);
  /* The loader knows the executable by the name that it was started with: the kernel knows better. */
  if (info.dli_fbase == object_base((const void *)getauxval(AT_PHDR)))
    mapped_executable(elsewhere, sizeof elsewhere);
}

void malloc_binding_record(void)
{
  const uint64_t reason = VT_UNTRACED_MALLOC;

  if (elsewhere[0])
    event_record(VT_R_UNTRACED, 1, &reason, elsewhere, strlen(elsewhere));
}
