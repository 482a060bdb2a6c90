/*
 * Prototypes of hooks that some libc's headers lack: functions of newer or
 * older versions, and of C23.
 */
#ifndef VMTRACE_LIBC_NAMES_H
#define VMTRACE_LIBC_NAMES_H

#include <dirent.h>
#include <features.h>
#include <malloc.h>
#include <stddef.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <time.h>

void cfree(void *p);
void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *p, size_t size);
void *__libc_memalign(size_t align, size_t size);
void *__libc_valloc(size_t size);
void *__libc_pvalloc(size_t size);
void __libc_free(void *p);
void __libc_cfree(void *p);
void free_sized(void *p, size_t size);
void free_aligned_sized(void *p, size_t align, size_t size);
pid_t _Fork(void);
int close_range(unsigned first, unsigned last, int flags);
void closefrom(int first);
int __fxstat(int version, int fd, struct stat *st);
int __fxstat64(int version, int fd, struct stat64 *st);
int __xstat(int version, const char *path, struct stat *st);
int __xstat64(int version, const char *path, struct stat64 *st);
int __lxstat(int version, const char *path, struct stat *st);
int __lxstat64(int version, const char *path, struct stat64 *st);
int __fxstatat(int version, int dir, const char *path, struct stat *st, int flags);
int __fxstatat64(int version, int dir, const char *path, struct stat64 *st, int flags);
int __open_2(const char *path, int flags);
int __open64_2(const char *path, int flags);
int __openat_2(int dir, const char *path, int flags);
int __openat64_2(int dir, const char *path, int flags);
int readdir_r(DIR *dir, struct dirent *e, struct dirent **result);
int readdir64_r(DIR *dir, struct dirent64 *e, struct dirent64 **result);
ssize_t getdents64(int dir, void *entries, size_t size);
int capset(void *header, void *data);
int fcntl64(int fd, int command, ...);

#if !__GLIBC_PREREQ(2, 33)
struct mallinfo2 {
  size_t arena, ordblks, smblks, hblks, hblkhd, usmblks, fsmblks, uordblks, fordblks, keepcost;
};
struct mallinfo2 mallinfo2(void);
#endif

#endif
