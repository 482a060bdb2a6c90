/*
 * Loads a shared object and calls a function in it: load_and_call FILE
 * FUNCTION [MODE...], MODE global or deep.  The process itself has no C++.
 */
#include <dlfcn.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

int main(int argc, char **argv)
{
  int mode = RTLD_NOW, result;
  int (*function)(void);
  void *object;

  for (int i = 3; i < argc; i++)
    mode |= !strcmp(argv[i], "global") ? RTLD_GLOBAL : !strcmp(argv[i], "deep") ? RTLD_DEEPBIND : 0;
  object = argc > 2 ? dlopen(argv[1], mode) : NULL;
  if (!object) {
    fprintf(stderr, "%s\n", argc > 2 ? dlerror() : "usage: load_and_call FILE FUNCTION [MODE...]");
    return 1;
  }
  function = (int (*)(void))(uintptr_t)dlsym(object, argv[2]);
  result = function ? function() : 1;
  fflush(stdout);
  dlclose(object);
  return result;
}
