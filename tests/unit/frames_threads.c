/*
 * See frames_threads.h.  Called by check_frames_helper.c and check_frames_helper_life.c.
 */
#include "frames_threads.h"

#include <check.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/sys.h"

void list_descriptors(int tid, char *text, size_t size)
{
  char path[64];
  struct dirent *entry;
  DIR *dir;

  snprintf(path, sizeof path, "/proc/self/task/%d/fd", tid);
  dir = opendir(path);
  ck_assert_ptr_nonnull(dir);
  *text = '\0';
  while ((entry = readdir(dir))) {
    if (*entry->d_name != '.' && (tid != sys_gettid() || atoi(entry->d_name) != dirfd(dir)))
      snprintf(text + strlen(text), size - strlen(text), "%s ", entry->d_name);
  }
  closedir(dir);
}

int other_threads(int *other)
{
  struct dirent *entry;
  DIR *dir = opendir("/proc/self/task");
  int count = 0;

  ck_assert_ptr_nonnull(dir);
  while ((entry = readdir(dir))) {
    if (*entry->d_name != '.' && atoi(entry->d_name) != sys_gettid()) {
      *other = atoi(entry->d_name);
      count++;
    }
  }
  closedir(dir);
  return count;
}

void read_status(int tid, const char *key, char *value, size_t size)
{
  char path[64], line[256];
  FILE *file;

  snprintf(path, sizeof path, "/proc/self/task/%d/status", tid);
  file = fopen(path, "r");
  ck_assert_ptr_nonnull(file);
  *value = '\0';
  while (fgets(line, sizeof line, file)) {
    if (strncmp(line, key, strlen(key)) == 0) {
      line[strcspn(line, "\n")] = '\0';
      snprintf(value, size, "%s", line + strlen(key) + 2);
    }
  }
  fclose(file);
}
