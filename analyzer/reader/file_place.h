/*
 * A file that is named once, and then used by descriptor: its directory, its
 * name there, and itself.  Who may write in the directory can exchange what
 * the name means at any moment; what was opened stays what it is.
 */
#ifndef VMTRACE_FILE_PLACE_H
#define VMTRACE_FILE_PLACE_H

#include <limits.h>
#include <stdbool.h>
#include <sys/stat.h>

struct file_place {
  int dir; /* the directory */
  int fd;  /* the file */
  char name[NAME_MAX + 1];
  struct stat st; /* of fd, when it was opened */
};

/*
 * Opens a regular file in the directory dir, and nothing else: a symbolic link
 * is not followed (-ELOOP), a FIFO or a device is not even opened (-EINVAL).
 * flags: O_RDONLY or O_RDWR.  A descriptor (close-on-exec) and its *st, or -errno.
 */
int file_open_at(int dir, const char *name, int flags, struct stat *st);

/* The same for a path that leads through symbolic links, for files that are only read. */
int file_open_path(const char *path, struct stat *st);

/* Opens directory and file of a path for reading.  A link that the caller owns is followed; another user's is -ELOOP.
 * 0, or -errno as above; close it in either case. */
int file_place_open(struct file_place *place, const char *path);
void file_place_close(struct file_place *place);

/* Opens the directory that a path lies in, and stores its last part in name.  A descriptor, or -errno. */
int file_directory(const char *path, char name[NAME_MAX + 1]);

/* Whether that name in dir means the file of st. */
bool file_is_at(int dir, const char *name, const struct stat *st);

#endif
