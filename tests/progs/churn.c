/*
 * Random allocation, resizing and freeing in one thread: `churn SEED STEPS
 * LIVE MAX` keeps up to LIVE blocks of up to MAX bytes, each filled with a
 * pattern that is checked before it goes.  Prints a checksum, and exits with a status that
 * depends on it.  A fifth argument "addresses" also prints the address of every
 * 1,000th block, "peak" the program's peak of resident memory in KiB on stderr.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct block {
  unsigned char *at;
  size_t size;
};

static uint64_t state;

static uint32_t next_random(void)
{
  state = state * 6364136223846793005u + 1442695040888963407u;
  return (uint32_t)(state >> 33);
}

static void fill(struct block *b, size_t from)
{
  for (size_t i = from; i < b->size; i += 64)
    b->at[i] = (unsigned char)(b->size + i);
}

static uint64_t check(const struct block *b, size_t size)
{
  uint64_t sum = 0;

  for (size_t i = 0; i < size; i += 64) {
    if (b->at[i] != (unsigned char)(b->size + i)) {
      printf("a block of %zu bytes was changed at %zu\n", b->size, i);
      exit(1);
    }
    sum = sum * 31 + b->at[i];
  }
  return sum;
}

static long peak_kib(void)
{
  char line[256];
  long kib = 0;
  FILE *status = fopen("/proc/self/status", "re");

  while (status && fgets(line, sizeof line, status))
    sscanf(line, "VmHWM: %ld", &kib);
  if (status)
    fclose(status);
  return kib;
}

int main(int argc, char **argv)
{
  unsigned long steps = argc > 2 ? strtoul(argv[2], NULL, 0) : 100000;
  unsigned long live = argc > 3 ? strtoul(argv[3], NULL, 0) : 4096;
  unsigned long max = argc > 4 ? strtoul(argv[4], NULL, 0) : 1024;
  struct block *blocks = calloc(live, sizeof *blocks);
  const char *also = argc > 5 ? argv[5] : "";
  uint64_t sum = 0;

  state = argc > 1 ? strtoull(argv[1], NULL, 0) : 1;
  for (unsigned long n = 0; blocks && n < steps; n++) {
    struct block *b = &blocks[next_random() % live];
    size_t size = 1 + next_random() % max;

    if (!b->at) {
      *b = (struct block){malloc(size), size};
      fill(b, 0);
    } else if (next_random() % 8 == 0) {
      size_t kept = size < b->size ? size : b->size;

      sum += check(b, b->size);
      b->at = realloc(b->at, size);
      sum += check(b, kept);
      b->size = size;
      fill(b, 0);
    } else {
      sum += check(b, b->size);
      free(b->at);
      b->at = NULL;
    }
    if (n % 1000 == 0 && !strcmp(also, "addresses"))
      printf("%p\n", (void *)b->at);
  }
  printf("%016lx\n", (unsigned long)sum);
  if (!strcmp(also, "peak"))
    fprintf(stderr, "%ld\n", peak_kib());
  return (int)(sum % 100);
}
