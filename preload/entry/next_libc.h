/*
 * The functions behind the hooks: what the program would have called without
 * this library (libc, or another interposer loaded after it).  Found once, at
 * start, while the process has one thread; so calling them is as safe in
 * signal handlers and after fork as they are themselves.
 *
 * A pointer is NULL when libc lacks the function.
 */
#ifndef VMTRACE_NEXT_LIBC_H
#define VMTRACE_NEXT_LIBC_H

#include <dirent.h>
#include <dlfcn.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <termios.h>
#include <threads.h>
#include <time.h>

typedef int (*scan_filter)(const struct dirent *);
typedef int (*scan_order)(const struct dirent **, const struct dirent **);
typedef int (*scan_filter64)(const struct dirent64 *);
typedef int (*scan_order64)(const struct dirent64 **, const struct dirent64 **);

/* X(result, name, parameters) */
#define NEXT_LIBC(X)                                                                                                   \
  X(int, pthread_create, (pthread_t *, const pthread_attr_t *, void *(*)(void *), void *))                             \
  X(int, pthread_join, (pthread_t, void **))                                                                           \
  X(int, pthread_tryjoin_np, (pthread_t, void **))                                                                     \
  X(int, pthread_timedjoin_np, (pthread_t, void **, const struct timespec *))                                          \
  X(int, pthread_clockjoin_np, (pthread_t, void **, clockid_t, const struct timespec *))                               \
  X(int, pthread_detach, (pthread_t))                                                                                  \
  X(void, pthread_exit, (void *))                                                                                      \
  X(int, pthread_cancel, (pthread_t))                                                                                  \
  X(int, pthread_setname_np, (pthread_t, const char *))                                                                \
  X(int, thrd_create, (thrd_t *, thrd_start_t, void *))                                                                \
  X(int, thrd_join, (thrd_t, int *))                                                                                   \
  X(int, thrd_detach, (thrd_t))                                                                                        \
  X(pid_t, fork, (void))                                                                                               \
  X(pid_t, _Fork, (void))                                                                                              \
  X(pid_t, forkpty, (int *, char *, const struct termios *, const struct winsize *))                                   \
  X(int, daemon, (int, int))                                                                                           \
  X(int, execve, (const char *, char *const *, char *const *))                                                         \
  X(int, execvpe, (const char *, char *const *, char *const *))                                                        \
  X(int, fexecve, (int, char *const *, char *const *))                                                                 \
  X(int, execveat, (int, const char *, char *const *, char *const *, int))                                             \
  X(int, posix_spawn,                                                                                                  \
    (pid_t *, const char *, const posix_spawn_file_actions_t *, const posix_spawnattr_t *, char *const *,              \
     char *const *))                                                                                                   \
  X(int, posix_spawnp,                                                                                                 \
    (pid_t *, const char *, const posix_spawn_file_actions_t *, const posix_spawnattr_t *, char *const *,              \
     char *const *))                                                                                                   \
  X(void, abort, (void))                                                                                               \
  X(void, quick_exit, (int))                                                                                           \
  X(int, brk, (void *))                                                                                                \
  X(void *, sbrk, (intptr_t))                                                                                          \
  X(void *, shmat, (int, const void *, int))                                                                           \
  X(int, shmdt, (const void *))                                                                                        \
  X(int, fcntl, (int, int, ...))                                                                                       \
  X(int, close, (int))                                                                                                 \
  X(int, close_range, (unsigned, unsigned, int))                                                                       \
  X(void, closefrom, (int))                                                                                            \
  X(int, unshare, (int))                                                                                               \
  X(int, setns, (int, int))                                                                                            \
  X(int, setuid, (uid_t))                                                                                              \
  X(int, setgid, (gid_t))                                                                                              \
  X(int, seteuid, (uid_t))                                                                                             \
  X(int, setegid, (gid_t))                                                                                             \
  X(int, setreuid, (uid_t, uid_t))                                                                                     \
  X(int, setregid, (gid_t, gid_t))                                                                                     \
  X(int, setresuid, (uid_t, uid_t, uid_t))                                                                             \
  X(int, setresgid, (gid_t, gid_t, gid_t))                                                                             \
  X(int, setgroups, (size_t, const gid_t *))                                                                           \
  X(int, initgroups, (const char *, gid_t))                                                                            \
  X(int, setfsuid, (uid_t))                                                                                            \
  X(int, setfsgid, (gid_t))                                                                                            \
  X(int, capset, (void *, void *))                                                                                     \
  X(int, open, (const char *, int, ...))                                                                               \
  X(int, open64, (const char *, int, ...))                                                                             \
  X(int, openat, (int, const char *, int, ...))                                                                        \
  X(int, openat64, (int, const char *, int, ...))                                                                      \
  X(int, __open_2, (const char *, int))                                                                                \
  X(int, __open64_2, (const char *, int))                                                                              \
  X(int, __openat_2, (int, const char *, int))                                                                         \
  X(int, __openat64_2, (int, const char *, int))                                                                       \
  X(FILE *, fopen, (const char *, const char *))                                                                       \
  X(FILE *, fopen64, (const char *, const char *))                                                                     \
  X(DIR *, opendir, (const char *))                                                                                    \
  X(struct dirent *, readdir, (DIR *))                                                                                 \
  X(struct dirent64 *, readdir64, (DIR *))                                                                             \
  X(int, readdir_r, (DIR *, struct dirent *, struct dirent **))                                                        \
  X(int, readdir64_r, (DIR *, struct dirent64 *, struct dirent64 **))                                                  \
  X(ssize_t, getdents64, (int, void *, size_t))                                                                        \
  X(int, scandir, (const char *, struct dirent ***, scan_filter, scan_order))                                          \
  X(int, scandir64, (const char *, struct dirent64 ***, scan_filter64, scan_order64))                                  \
  X(int, stat, (const char *, struct stat *))                                                                          \
  X(int, stat64, (const char *, struct stat64 *))                                                                      \
  X(int, lstat, (const char *, struct stat *))                                                                         \
  X(int, lstat64, (const char *, struct stat64 *))                                                                     \
  X(int, fstatat, (int, const char *, struct stat *, int))                                                             \
  X(int, fstatat64, (int, const char *, struct stat64 *, int))                                                         \
  X(int, __xstat, (int, const char *, struct stat *))                                                                  \
  X(int, __xstat64, (int, const char *, struct stat64 *))                                                              \
  X(int, __lxstat, (int, const char *, struct stat *))                                                                 \
  X(int, __lxstat64, (int, const char *, struct stat64 *))                                                             \
  X(int, __fxstatat, (int, int, const char *, struct stat *, int))                                                     \
  X(int, __fxstatat64, (int, int, const char *, struct stat64 *, int))                                                 \
  X(int, statx, (int, const char *, int, unsigned, struct statx *))                                                    \
  X(pid_t, vfork, (void))                                                                                              \
  X(int, clone, (int (*)(void *), void *, int, void *, ...))                                                           \
  X(long, syscall, (long, ...))                                                                                        \
  X(int, prctl, (int, unsigned long, unsigned long, unsigned long, unsigned long))                                     \
  X(void *, dlopen, (const char *, int))                                                                               \
  X(int, dlclose, (void *))                                                                                            \
  X(void *, __libc_malloc, (size_t))                                                                                   \
  X(void *, __libc_calloc, (size_t, size_t))                                                                           \
  X(void *, __libc_realloc, (void *, size_t))                                                                          \
  X(void *, __libc_memalign, (size_t, size_t))                                                                         \
  X(void, __libc_free, (void *))

struct next_libc {
#define X(result, name, parameters) result(*name) parameters;
  NEXT_LIBC(X)
#undef X
};

extern struct next_libc next_libc __attribute__((visibility("hidden")));

/* Fills the table by dlsym, which may allocate: the caller has raised thread->internal. */
void next_libc_find(void);

#endif
