/*
 * Opens the library named by its argument (jansson) with RTLD_DEEPBIND, and
 * frees what that library allocated, as PHP does with its extensions.  Prints
 * the text that it got, and whether it lies among the first small blocks of
 * the pinned heap.
 */
#include <dlfcn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int main(int argc, char **argv)
{
  void *handle = argc > 1 ? dlopen(argv[1], RTLD_NOW | RTLD_DEEPBIND) : NULL;
  void *(*json_true)(void);
  char *(*json_dumps)(const void *, size_t);
  char *text;

  if (!handle)
    return 2;
  json_true = (void *(*)(void))(uintptr_t)dlsym(handle, "json_true");
  json_dumps = (char *(*)(const void *, size_t))(uintptr_t)dlsym(handle, "json_dumps");
  if (!json_true || !json_dumps)
    return 2;
  text = json_dumps(json_true(), 0x200); /* JSON_ENCODE_ANY */
  printf("%s, %s\n", text, (uintptr_t)text < 0x400000 ? "pinned" : "elsewhere");
  free(text);
  return 0;
}
