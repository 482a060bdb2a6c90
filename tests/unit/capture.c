/*
 * Capturing of output and temporary files; see capture.h.  One capture at a time.
 */
#include "capture.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static struct {
  int fd, saved;
  FILE *file;
} capture;

static char directory[64];
static pid_t owner;

void capture_begin(int fd)
{
  fflush(NULL);
  capture.fd = fd;
  capture.saved = dup(fd);
  capture.file = tmpfile();
  if (capture.saved < 0 || !capture.file || dup2(fileno(capture.file), fd) < 0)
    abort();
}

char *capture_end(void)
{
  long size;
  char *text;

  fflush(NULL);
  dup2(capture.saved, capture.fd);
  close(capture.saved);
  fseek(capture.file, 0, SEEK_END);
  size = ftell(capture.file);
  rewind(capture.file);
  text = calloc(1, (size_t)size + 1);
  if (!text || fread(text, 1, (size_t)size, capture.file) != (size_t)size)
    abort();
  fclose(capture.file);
  return text;
}

/* Check runs tests in children, which must leave the directory alone. */
static void remove_directory(void)
{
  DIR *d = getpid() == owner ? opendir(directory) : NULL;

  for (struct dirent *e = d ? readdir(d) : NULL; e; e = readdir(d)) {
    if (e->d_name[0] != '.')
      unlinkat(dirfd(d), e->d_name, 0);
  }
  if (d) {
    closedir(d);
    rmdir(directory);
  }
}

const char *temp_path(const char *name)
{
  static char paths[8][128];
  static unsigned next;
  char *path = paths[next++ % 8];

  if (!directory[0]) {
    const char *tmp = getenv("TMPDIR");

    snprintf(directory, sizeof directory, "%.40s/vmtrace-XXXXXX", tmp && *tmp ? tmp : "/tmp");
    if (!mkdtemp(directory))
      abort();
    owner = getpid();
    atexit(remove_directory);
  }
  snprintf(path, sizeof paths[0], "%s/%.48s", directory, name);
  return path;
}
