/*
 * Does what a program does that was saved with its heap: it turns address
 * space randomisation off, starts itself anew, and grows the program break
 * from the end of its data on.  Prints "behind the data", or what was wrong.
 */
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/personality.h>
#include <unistd.h>

extern char end; /* of the data, by the linker */

int main(int argc, char **argv)
{
  int persona = personality(0xffffffff);
  uintptr_t data = (uintptr_t)&end, now;

  (void)argc;
  if (!(persona & ADDR_NO_RANDOMIZE)) {
    if (personality((unsigned)persona | ADDR_NO_RANDOMIZE) < 0)
      return 2;
    execv("/proc/self/exe", argv);
    return 2;
  }
  now = (uintptr_t)sbrk(0);
  if (now < data || now - data > 64 << 10) {
    printf("%s\n", now < data ? "below the data" : "far from the data");
    return 1;
  }
  if (brk((char *)now + (1 << 20)) || memset((char *)now, 1, 1 << 20) != (void *)now ||
      sbrk(0) != (char *)now + (1 << 20)) {
    printf("cannot grow: %s\n", strerror(errno));
    return 1;
  }
  puts("behind the data");
  return 0;
}
