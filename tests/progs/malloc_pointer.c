/*
 * Takes malloc's address in its code, as an interpreter does that hands allocators around.  Linked at a fixed address
 * (malloc_pointer-nopie), the executable has a place of its own for it, which is no definition.
 */
#include <stdio.h>
#include <stdlib.h>

int main(void)
{
  void *(*allocate)(size_t) = malloc;
  void (*release)(void *) = free;
  void *block;

  /* The compiler is not to know where these lead. */
  __asm__ volatile("" : "+r"(allocate), "+r"(release));
  block = allocate(100);
  printf("%p\n", block);
  release(block);
  return block == NULL;
}
