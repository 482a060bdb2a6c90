/*
 * Who owns what, exactly: functions that allocate known numbers of blocks of
 * known sizes, some freed, some never touched.  For check_stacks.
 *
 *   keeper    10 blocks of 100 KiB, all touched, all kept
 *   hoarder   10 blocks of 100 KiB, none touched, all kept
 *   passer    1,000 blocks of 64 bytes, each freed before the next allocation
 *   grower    one block, grown by realloc from 16 bytes to 1 MiB
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BLOCKS 10
#define BLOCK (100 << 10)

static void *volatile kept[2 * BLOCKS + 1];

__attribute__((noinline)) static void keeper(void)
{
  for (int i = 0; i < BLOCKS; i++) {
    kept[i] = malloc(BLOCK);
    memset(kept[i], i, BLOCK);
  }
}

__attribute__((noinline)) static void hoarder(void)
{
  for (int i = 0; i < BLOCKS; i++)
    kept[BLOCKS + i] = malloc(BLOCK);
}

__attribute__((noinline)) static void passer(void)
{
  for (int i = 0; i < 1000; i++) {
    void *volatile p = malloc(64);

    free(p);
  }
}

__attribute__((noinline)) static void grower(void)
{
  for (size_t size = 16; size <= 1 << 20; size *= 2)
    kept[2 * BLOCKS] = realloc(kept[2 * BLOCKS], size);
}

int main(void)
{
  keeper();
  hoarder();
  passer();
  grower();
  return kept[0] == NULL;
}
