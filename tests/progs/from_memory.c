/*
 * `from_memory PROG ARGS...`: runs a copy of PROG that lies in memory alone (memfd_create).
 */
#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

extern char **environ;

int main(int argc, char **argv)
{
  int from = argc > 1 ? open(argv[1], O_RDONLY | O_CLOEXEC) : -1, to = memfd_create("kept_in_memory", MFD_CLOEXEC);
  struct stat st;

  if (from < 0 || to < 0 || fstat(from, &st) < 0)
    return 1;
  for (off_t left = st.st_size; left > 0;) {
    ssize_t n = sendfile(to, from, NULL, (size_t)left);

    if (n <= 0)
      return 1;
    left -= n;
  }
  fexecve(to, argv + 1, environ);
  perror("fexecve");
  return 1;
}
