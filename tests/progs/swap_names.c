/*
 * Exchanges what names mean, for ever: `swap_names A B [C]` makes A and B (and then A and C) change places as fast as
 * it can, in the present directory, until it is killed.  What another user does who wants a program to open one file
 * and replace another.
 */
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

int main(int argc, char **argv)
{
  puts("swapping");
  fflush(stdout);
  for (;;) {
    for (int i = 2; i < argc; i++) {
      renameat2(AT_FDCWD, argv[1], AT_FDCWD, argv[i], RENAME_EXCHANGE);
      renameat2(AT_FDCWD, argv[1], AT_FDCWD, argv[i], RENAME_EXCHANGE);
    }
  }
}
