/*
 * Programs that look which threads they have, whose threads end one by one,
 * and that give up privileges: threadbare SUBJECT HOW.  What is printed and the exit status are the same without a
 * tracer.
 *
 *   end HOW       the threads of the process end in some order; the status is that of the last one
 *   look HOW      how many threads there are, asked in some way: one
 *   back          looks, and then allocates for a second and a half
 *   files HOW     lists, counts and closes descriptors
 *   drop HOW      gives up privileges, and then tries to read page frames by other threads' descriptors
 */
#include <dirent.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#ifndef SYS_pidfd_getfd
#define SYS_pidfd_getfd 438
#endif
#ifndef SYS_pidfd_open
#define SYS_pidfd_open 434
#endif
#define PIDFD_THREAD_FLAG 0200

struct way {
  const char *name;
  int (*run)(void);
};

/* Allocates for some time, so that whatever waits for an event has many. */
static void work_for(double seconds)
{
  struct timespec start, now;

  clock_gettime(CLOCK_MONOTONIC, &start);
  do {
    for (int i = 0; i < 1000; i++)
      free(malloc((size_t)i % 300));
    usleep(1000);
    clock_gettime(CLOCK_MONOTONIC, &now);
  } while ((double)(now.tv_sec - start.tv_sec) + (double)(now.tv_nsec - start.tv_nsec) / 1e9 < seconds);
}

/* ---- ends ---- */

__attribute__((noreturn)) static void leave_bare(int status)
{
  for (;;)
    syscall(SYS_exit, status);
}

/* The thread's next call of getppid ends it, and only it. */
static void kill_me_by_filter(void)
{
  struct sock_filter code[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_getppid, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_THREAD),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  struct sock_fprog program = {sizeof code / sizeof *code, code};

  prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
  if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program, 0, 0))
    _exit(99);
  getppid();
}

static int end_bare(void)
{
  leave_bare(7);
}

static int end_filter(void)
{
  kill_me_by_filter();
  return 98;
}

static int end_strict(void)
{
  prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT, 0, 0, 0);
  syscall(SYS_getppid);
  return 98;
}

static void wait_for_first(void)
{
  char state[200] = "";

  while (!strstr(state, ") Z ")) {
    int fd = open("/proc/self/stat", O_RDONLY);
    ssize_t n = fd < 0 ? 0 : read(fd, state, sizeof state - 1);

    state[n > 0 ? n : 0] = '\0';
    close(fd);
    usleep(1000);
  }
  work_for(0.1);
}

static void *last_is_bare(void *unused)
{
  wait_for_first();
  (void)unused;
  leave_bare(9);
}

static void *last_is_filtered(void *unused)
{
  wait_for_first();
  kill_me_by_filter();
  return unused;
}

static void *last_exits(void *unused)
{
  wait_for_first();
  (void)unused;
  exit(5);
}

static void *last_returns(void *unused)
{
  wait_for_first();
  return unused;
}

static void *filtered(void *unused)
{
  kill_me_by_filter();
  return unused;
}

static int leave_to(void *(*start)(void *), bool bare)
{
  pthread_t thread;

  if (pthread_create(&thread, NULL, start, NULL))
    return 97;
  if (bare)
    leave_bare(3);
  pthread_exit(NULL);
  return 0;
}

static int end_two_bare(void)
{
  return leave_to(last_is_bare, true);
}

static int end_bare_filter(void)
{
  return leave_to(last_is_filtered, true);
}

static int end_exit(void)
{
  return leave_to(last_exits, false);
}

static int end_return(void)
{
  return leave_to(last_returns, false);
}

static int end_bare_return(void)
{
  return leave_to(last_returns, true);
}

/* One thread of two is killed by a filter, and the other goes on. */
static int end_one(void)
{
  pthread_t thread;

  if (pthread_create(&thread, NULL, filtered, NULL))
    return 97;
  pthread_join(thread, NULL);
  work_for(0.1);
  return 6;
}

/* All of that in a child, whose parent hears of it. */
static int end_child(void)
{
  pid_t child = fork();
  int status = 0;

  if (!child)
    end_filter();
  waitpid(child, &status, 0);
  printf("child: signal %d\n", WIFSIGNALED(status) ? WTERMSIG(status) : 0);
  return 0;
}

static const struct way ends[] = {{"bare", end_bare},
                                  {"filter", end_filter},
                                  {"strict", end_strict},
                                  {"two-bare", end_two_bare},
                                  {"bare-filter", end_bare_filter},
                                  {"exit", end_exit},
                                  {"return", end_return},
                                  {"bare-return", end_bare_return},
                                  {"one", end_one},
                                  {"child", end_child},
                                  {NULL, NULL}};

/* ---- looks ---- */

static int count_dir(DIR *dir)
{
  struct dirent *entry;
  int count = 0;

  while (dir && (entry = readdir(dir)))
    count += *entry->d_name != '.';
  return count;
}

static int look_opendir(void)
{
  DIR *dir = opendir("/proc/self/task");
  int count = count_dir(dir);

  closedir(dir);
  return count;
}

static int look_pid(void)
{
  char path[64];
  DIR *dir;
  int count;

  snprintf(path, sizeof path, "/proc//%d/./task/", (int)getpid());
  dir = opendir(path);
  count = count_dir(dir);
  closedir(dir);
  return count;
}

static int look_scandir(void)
{
  struct dirent **list;

  return scandir("/proc/self/task", &list, NULL, NULL) - 2;
}

static int look_stat(void)
{
  struct stat st;

  return stat("/proc/self/task", &st) ? -1 : (int)st.st_nlink - 2;
}

/* As a zygote does: by a descriptor of /proc. */
static int look_fstatat(void)
{
  int proc = open("/proc", O_RDONLY | O_DIRECTORY);
  struct stat st;

  return fstatat(proc, "self/task/", &st, 0) ? -1 : (int)st.st_nlink - 2;
}

static int look_statx(void)
{
  struct statx st;
  int self = open("/proc/self", O_PATH);

  return statx(self, "task", 0, STATX_NLINK, &st) ? -1 : (int)st.stx_nlink - 2;
}

static int look_openat(void)
{
  int self = open("/proc/self", O_RDONLY | O_DIRECTORY);

  return count_dir(fdopendir(openat(self, "task", O_RDONLY | O_DIRECTORY)));
}

static int look_relative(void)
{
  return chdir("/proc/self") ? -1 : count_dir(opendir("task"));
}

static int look_status(void)
{
  FILE *file = fopen("/proc/self/status", "r");
  char line[256];
  int count = -1;

  while (fgets(line, sizeof line, file))
    sscanf(line, "Threads: %d", &count);
  fclose(file);
  return count;
}

/* The twentieth field, after a name that has no blank. */
static int parse_stat(int fd)
{
  char text[1024];
  ssize_t n = read(fd, text, sizeof text - 1);
  char *p = text;

  text[n > 0 ? n : 0] = '\0';
  for (int i = 1; i < 20; i++)
    p = p ? strchr(p + 1, ' ') : NULL;
  return p ? atoi(p + 1) : -1;
}

static int look_open(void)
{
  return parse_stat(open("/proc/thread-self/stat", O_RDONLY));
}

static int look_number(void)
{
  return parse_stat((int)syscall(SYS_openat, AT_FDCWD, "/proc/self/stat", O_RDONLY, 0));
}

static int look_number_stat(void)
{
  struct stat st;

  return syscall(SYS_newfstatat, AT_FDCWD, "/proc/self/task", &st, 0) ? -1 : (int)st.st_nlink - 2;
}

/* The listing stays open: what it says next is looked at much later. */
static int look_again(void)
{
  DIR *dir = opendir("/proc/self/task");
  int first = count_dir(dir);

  work_for(1.2);
  rewinddir(dir);
  return first * 10 + count_dir(dir);
}

static const struct way looks[] = {
    {"opendir", look_opendir}, {"pid", look_pid},     {"scandir", look_scandir}, {"stat", look_stat},
    {"fstatat", look_fstatat}, {"statx", look_statx}, {"openat", look_openat},   {"relative", look_relative},
    {"status", look_status},   {"open", look_open},   {"number", look_number},   {"number-stat", look_number_stat},
    {"again", look_again},     {NULL, NULL}};

static int come_back(void)
{
  printf("%d\n", look_opendir());
  work_for(1.5);
  return 0;
}

/* ---- descriptors ---- */

/* Without libc: nobody notices that the program looks. */
#if defined(__x86_64__)
static long bare_call(long number, long a, long b, long c, long d)
{
  register long r10 __asm__("r10") = d;
  long result;

  __asm__ volatile("syscall" : "=a"(result) : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10) : "rcx", "r11", "memory");
  return result;
}
#else
static long bare_call(long number, long a, long b, long c, long d)
{
  register long x8 __asm__("x8") = number, x0 __asm__("x0") = a, x1 __asm__("x1") = b, x2 __asm__("x2") = c;
  register long x3 __asm__("x3") = d;

  __asm__ volatile("svc #0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2), "r"(x3) : "memory");
  return x0;
}
#endif

static void print_number(const char *name)
{
  if (*name != '.')
    printf(" %s", name);
}

/* By both ways of libc, by its system call, and one by one. */
static int files_list(void)
{
  static const char *const lists[] = {"/proc/self/fd", "/proc/self/fdinfo", "/dev/fd"};
  struct dirent **names;
  struct dirent64 *e;
  char entries[4096];

  for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) {
    DIR *dir = opendir(lists[i]);

    while ((e = readdir64(dir)))
      print_number(e->d_name);
    closedir(dir);
    puts("");
  }
  for (int n = scandir("/proc/self/fd", &names, NULL, alphasort), i = 0; i < n; i++)
    print_number(names[i]->d_name);
  puts("");
  int fd = open("/proc/self/fd", O_RDONLY | O_DIRECTORY);
  for (ssize_t n; (n = syscall(SYS_getdents64, fd, entries, sizeof entries)) > 0;)
    for (ssize_t at = 0; at < n; at += e->d_reclen) {
      e = (struct dirent64 *)(entries + at);
      print_number(e->d_name);
    }
  close(fd);
  puts("");
  for (fd = 0; fd < 70000; fd++) {
    struct stat st;

    if (fstat(fd, &st) == 0 || fcntl(fd, F_GETFD) >= 0)
      printf(" %d", fd);
  }
  puts("");
  return 0;
}

/* As many as the limit allows, and then again after all were closed. */
static int files_count(void)
{
  struct rlimit limit = {64, 64};
  int count = 0, last = -1, fd;

  setrlimit(RLIMIT_NOFILE, &limit);
  while ((fd = open("/dev/null", O_RDONLY)) >= 0) {
    last = fd;
    count++;
  }
  printf("%d, up to %d\n", count, last);
  for (fd = 3; fd < 1000; fd++)
    close(fd);
  work_for(0.2);
  printf("%d\n", open("/dev/null", O_RDONLY));
  return files_list();
}

/* A child with memory of its own, but its parent's descriptor table, allocates and closes all. */
static int files_shared(void)
{
  int fd = open("/dev/null", O_RDWR), there = dup2(fd, 1000), status = 0, traces = 0;
  pid_t child = (pid_t)syscall(SYS_clone, CLONE_FILES | SIGCHLD, 0, 0, 0, 0);

  if (child == 0) {
    work_for(0.1);
    close_range(3, ~0u, 0);
    printf("child: %d\n", fcntl(there, F_GETFD));
    work_for(0.1);
    fflush(stdout);
    _exit(5);
  }
  waitpid(child, &status, 0);
  printf("parent: %d, status %x\n", fcntl(there, F_GETFD), (unsigned)status);
  work_for(0.1);
  for (fd = 3; fd < 70000; fd++) {
    char name[64], link[256] = "";

    snprintf(name, sizeof name, "/proc/self/fd/%d", fd);
    if (bare_call(SYS_readlinkat, AT_FDCWD, (long)name, (long)link, sizeof link - 1) > 0)
      traces += strstr(link, ".vmt") != NULL;
  }
  /* One is hidden; the child has left none. */
  printf("%s\n", traces <= 1 ? "none left" : "left over");
  return files_list();
}

static const struct way files[] = {
    {"list", files_list}, {"count", files_count}, {"shared", files_shared}, {NULL, NULL}};

/* ---- privileges ---- */

/* Whether a frame number can be read by some descriptor of thread tid's. */
static bool leaks_frames(int tid)
{
  static volatile char page[8192];
  long pidfd = bare_call(SYS_pidfd_open, tid, PIDFD_THREAD_FLAG, 0, 0);
  bool leaks = false;

  page[4096] = 1;
  for (int n = 0; pidfd >= 0 && n < 2048 && !leaks; n++) {
    char link[200] = "", name[64];
    uint64_t entry = 0;
    long fd = bare_call(SYS_pidfd_getfd, pidfd, n, 0, 0);

    if (fd < 0)
      continue;
    snprintf(name, sizeof name, "/proc/self/fd/%ld", fd);
    bare_call(SYS_readlinkat, AT_FDCWD, (long)name, (long)link, sizeof link - 1);
    if (strstr(link, "/pagemap"))
      bare_call(SYS_pread64, fd, (long)&entry, 8, (long)((uintptr_t)&page[4096] >> 12 << 3));
    leaks = strstr(link, "/kpage") || (entry & ((UINT64_C(1) << 55) - 1));
    bare_call(SYS_close, fd, 0, 0, 0);
  }
  if (pidfd >= 0)
    bare_call(SYS_close, pidfd, 0, 0, 0);
  return leaks;
}

/* Over the threads of a process, this one or its parent. */
static int print_leaks(int pid)
{
  struct entry {
    uint64_t ino, off;
    uint16_t length;
    uint8_t type;
    char name[];
  } * e;
  char path[64], entries[4096];
  bool leaks = false;
  long dir, n;

  snprintf(path, sizeof path, "/proc/%d/task", pid);
  dir = bare_call(SYS_openat, AT_FDCWD, (long)path, O_RDONLY | O_DIRECTORY, 0);
  n = bare_call(SYS_getdents64, dir, (long)entries, sizeof entries, 0);
  for (long at = 0; at < n; at += e->length) {
    e = (struct entry *)(entries + at);
    if (*e->name != '.')
      leaks |= leaks_frames(atoi(e->name));
  }
  puts(leaks ? "frame numbers" : "nothing");
  return 0;
}

static int drop_user(void)
{
  if (setgid(65534) || setuid(65534))
    return 96;
  return print_leaks(getpid());
}

static int drop_three(void)
{
  if (setresgid(65534, 65534, 65534) || setresuid(65534, 65534, 65534))
    return 96;
  prctl(PR_SET_DUMPABLE, 1);
  return print_leaks(getpid());
}

static int drop_by_number(void)
{
  if (syscall(SYS_setresuid, 65534, 65534, 65534))
    return 96;
  return print_leaks(getpid());
}

/* Where nobody can notice it at once, it is noticed soon. */
static int drop_bare(void)
{
  if (bare_call(SYS_setresuid, 65534, 65534, 65534, 0))
    return 96;
  work_for(1.5);
  return print_leaks(getpid());
}

static void *drop_there(void *unused)
{
  drop_user();
  return unused;
}

static int drop_in_thread(void)
{
  pthread_t thread;

  if (pthread_create(&thread, NULL, drop_there, NULL))
    return 97;
  return pthread_join(thread, NULL);
}

static int drop_in_child(void)
{
  pid_t child = fork();

  if (!child) {
    drop_user();
    exit(0);
  }
  return waitpid(child, NULL, 0) == child ? 0 : 95;
}

static int drop_capabilities(void)
{
  struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
  struct __user_cap_data_struct data[2] = {{0, 0, 0}, {0, 0, 0}};

  if (syscall(SYS_capset, &header, data))
    return 96;
  return print_leaks(getpid());
}

/* A child without capabilities, of the same user, goes for its parent's descriptors. */
static int drop_beside(void)
{
  pid_t child;

  work_for(0.1);
  child = fork();
  if (!child) {
    struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
    struct __user_cap_data_struct data[2] = {{0, 0, 0}, {0, 0, 0}};

    syscall(SYS_capset, &header, data);
    print_leaks(getppid());
    exit(0);
  }
  return waitpid(child, NULL, 0) == child ? 0 : 95;
}

static const struct way drops[] = {{"user", drop_user},         {"three", drop_three},      {"number", drop_by_number},
                                   {"bare", drop_bare},         {"thread", drop_in_thread}, {"child", drop_in_child},
                                   {"caps", drop_capabilities}, {"beside", drop_beside},    {NULL, NULL}};

static int run_way(const struct way *ways, const char *name, int *result)
{
  for (; ways->name; ways++)
    if (!strcmp(ways->name, name)) {
      free(malloc(10));
      usleep(30000);
      *result = ways->run();
      return 0;
    }
  return 2;
}

int main(int argc, char **argv)
{
  const char *subject = argc > 1 ? argv[1] : "", *how = argc > 2 ? argv[2] : "";
  int result = 2;

  setvbuf(stdout, NULL, _IOLBF, 0);
  if (!strcmp(subject, "back"))
    return come_back();
  if (!strcmp(subject, "end"))
    return run_way(ends, how, &result) ? 2 : result;
  if (!strcmp(subject, "files"))
    return run_way(files, how, &result) ? 2 : result;
  if (!strcmp(subject, "drop"))
    return run_way(drops, how, &result) ? 2 : result;
  if (strcmp(subject, "look") || run_way(looks, how, &result))
    return 2;
  printf("%s: %d\n", how, result);
  return 0;
}
