/*
 * A library that owns live blocks is unloaded: unload MODE LIBRARY SECOND.
 * Both have make(count, size), which allocates blocks by functions of their
 * own, and drop(blocks, count), which frees them.  The second is loaded where
 * the first was.
 *
 *   keep     blocks of both outlive their libraries, and are freed by this program, but for the last ten of each
 *   twice    a block that an unloaded library allocated and freed is freed again
 *   threads  four threads load, allocate, unload and free, over and over
 *   lists    four threads load and unload, each a library of its own, of which there are four
 */
#include <dlfcn.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COUNT 100
#define LEFT 10
#define ROUNDS 100
#define LISTS 4

struct library {
  void *handle;
  void **(*make)(size_t count, size_t size);
  void (*drop)(void **blocks, size_t count);
};

static struct library load(const char *path)
{
  struct library l = {.handle = dlopen(path, RTLD_NOW)};

  if (!l.handle) {
    puts(dlerror());
    exit(2);
  }
  l.make = (void **(*)(size_t, size_t))(uintptr_t)dlsym(l.handle, "make");
  l.drop = (void (*)(void **, size_t))(uintptr_t)dlsym(l.handle, "drop");
  return l;
}

static void unload(const struct library *l)
{
  uintptr_t code = (uintptr_t)l->make;
  Dl_info info;

  dlclose(l->handle);
  if (dladdr((void *)code, &info))
    puts("the library is still there");
}

static void check(void **blocks, size_t size)
{
  for (size_t i = 0; i < COUNT; i++)
    for (size_t k = 0; k < size; k++)
      if (((unsigned char *)blocks[i])[k] != (unsigned char)i) {
        puts("a block lost a byte");
        exit(3);
      }
}

static void keep(char **paths)
{
  void **blocks[2];
  uintptr_t code[2];

  for (size_t i = 0; i < 2; i++) {
    struct library l = load(paths[i]);

    code[i] = (uintptr_t)l.make;
    blocks[i] = l.make(COUNT, 777 + i);
    l.drop(blocks[i] + 90, LEFT);
    memset(blocks[i] + 90, 0, LEFT * sizeof **blocks);
    for (size_t k = 90; k < COUNT; k++)
      memset(blocks[i][k] = malloc(777 + i), (int)k, 777 + i);
    unload(&l);
  }
  puts(code[0] == code[1] ? "at the same address" : "at another address");
  for (size_t i = 0; i < 2; i++) {
    check(blocks[i], 777 + i);
    for (size_t k = LEFT; k < COUNT; k++)
      free(blocks[i][k]);
    free(blocks[i]);
  }
}

static void twice(char **paths)
{
  struct library l = load(paths[0]);
  void **blocks = l.make(COUNT, 777);
  void *volatile first = blocks[0];

  l.drop(blocks, 1);
  unload(&l);
  free(first);
  puts("went on");
}

static void *rounds(void *path)
{
  for (int i = 0; i < ROUNDS; i++) {
    struct library l = load(path);
    void **blocks = l.make(COUNT, 500);

    l.drop(blocks, LEFT);
    dlclose(l.handle);
    for (size_t k = LEFT; k < COUNT; k++)
      free(blocks[k]);
    free(blocks);
  }
  return NULL;
}

static void threads(char **paths)
{
  pthread_t threads[4];

  for (size_t i = 0; i < 4; i++)
    pthread_create(&threads[i], NULL, rounds, paths[i % 2]);
  for (size_t i = 0; i < 4; i++)
    pthread_join(threads[i], NULL);
}

static void *load_only(void *path)
{
  for (int i = 0; i < ROUNDS * 5; i++) {
    struct library l = load(path);

    dlclose(l.handle);
  }
  return NULL;
}

static void lists(char **paths)
{
  pthread_t threads[LISTS];

  for (size_t i = 0; i < LISTS; i++)
    pthread_create(&threads[i], NULL, load_only, paths[i]);
  for (size_t i = 0; i < LISTS; i++)
    pthread_join(threads[i], NULL);
}

int main(int argc, char **argv)
{
  if (argc < 4)
    return 4;
  if (!strcmp(argv[1], "keep"))
    keep(argv + 2);
  else if (!strcmp(argv[1], "twice"))
    twice(argv + 2);
  else if (!strcmp(argv[1], "threads"))
    threads(argv + 2);
  else if (!strcmp(argv[1], "lists") && argc == 2 + LISTS)
    lists(argv + 2);
  puts("done");
  return 0;
}
