/*
 * Its first allocation is made by newlocale, which holds libc's lock of the
 * locale meanwhile (libp11-kit's constructor does the same); setlocale then
 * takes that lock.  Also prints what dlerror has to say at that point: nothing.
 */
#include <dlfcn.h>
#include <locale.h>
#include <stdio.h>

static locale_t first;

/* Runs before the constructors of all libraries. */
static void make_locale(void)
{
  first = newlocale(LC_ALL_MASK, "POSIX", NULL);
}

__attribute__((section(".preinit_array"), used)) static void (*const at_start)(void) = make_locale;

int main(void)
{
  const char *error = dlerror();

  printf("%s, %s\n", setlocale(LC_ALL, "C"), error ? error : "no error");
  freelocale(first);
  return 0;
}
