/*
 * Forks while other threads read long lines, which allocates with the lock of
 * a stream held, and flush all streams, which waits for those locks with the
 * lock of libc's list of streams held.  fork takes that one as well.  Prints the number of children that ended well.
 */
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define FORKERS 4
#define READERS 3
#define FORKS 15
#define LINE 50000

static char path[32]; /* of a file that nothing but this process has */
static bool done;
static int well;

static void *forks(void *unused)
{
  (void)unused;
  for (int i = 0; i < FORKS; i++) {
    int status = -1;
    pid_t child = fork();

    if (child == 0)
      _exit(7);
    if (child > 0 && waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 7)
      __atomic_fetch_add(&well, 1, __ATOMIC_RELAXED);
  }
  return NULL;
}

static void *reads(void *unused)
{
  FILE *file = fopen(path, "r");

  (void)unused;
  while (file && !__atomic_load_n(&done, __ATOMIC_RELAXED)) {
    char *line = NULL;
    size_t room = 0;

    rewind(file);
    if (getline(&line, &room, file) != LINE + 1)
      exit(2);
    free(line);
    usleep(200); /* locks are not fair: the others have to get them, too */
  }
  if (file)
    fclose(file);
  return NULL;
}

static void *flushes(void *unused)
{
  (void)unused;
  while (!__atomic_load_n(&done, __ATOMIC_RELAXED)) {
    fflush(NULL);
    usleep(200);
  }
  return NULL;
}

static bool write_line(void)
{
  int fd = memfd_create("line", 0);
  FILE *file;

  snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
  file = fopen(path, "w");
  for (int i = 0; file && i < LINE; i++)
    fputc('x', file);
  return file && fputc('\n', file) != EOF && fclose(file) == 0;
}

int main(void)
{
  pthread_t forkers[FORKERS], others[READERS + 1];

  if (!write_line())
    return 3;
  for (int i = 0; i < READERS; i++)
    pthread_create(&others[i], NULL, reads, NULL);
  pthread_create(&others[READERS], NULL, flushes, NULL);
  for (int i = 0; i < FORKERS; i++)
    pthread_create(&forkers[i], NULL, forks, NULL);
  for (int i = 0; i < FORKERS; i++)
    pthread_join(forkers[i], NULL);
  __atomic_store_n(&done, true, __ATOMIC_RELAXED);
  for (int i = 0; i <= READERS; i++)
    pthread_join(others[i], NULL);
  printf("%d of %d\n", well, FORKERS * FORKS);
  return 0;
}
