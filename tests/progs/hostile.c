/*
 * What programs do that a tracer does not expect: `hostile MODE [ARGUMENT]`
 * allocates, does it, and goes on allocating, with threads and a child.
 *
 *   plain            nothing
 *   closefrom        closes every descriptor but the first three, by every way that there is, and counts on the numbers
 *   renamed FILE     renames FILE and closes what /proc/self/fd lists, then every number, by every way
 *   reused FILE      closes every descriptor by the bare call, and has FILE open at all those numbers
 *   highdup [FILE]   renames FILE, and puts descriptors of its own at the highest numbers
 *   nofile           lowers its limit of descriptors to the three that it has
 *   chroot DIR       goes where nothing is
 *   drop             becomes nobody
 *   nostderr FILE    opens FILE where stderr was, and then lowers its limit of file sizes
 *   fsize            lowers its limit of file sizes to 64 KiB
 *
 * Prints what came of it: the same with and without a tracer.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static void *churn(void *arg)
{
  static const int live = 512;
  void **blocks = calloc((size_t)live, sizeof *blocks);
  uint32_t random = 7;

  for (int i = 0; i < 40000; i++) {
    void **b = &blocks[random % (uint32_t)live];

    random = random * 1664525 + 1013904223;
    free(*b);
    *b = malloc(random >> 20);
    if (*b)
      memset(*b, 1, (random >> 20) / 2);
  }
  for (int i = 0; i < live; i++)
    free(blocks[i]);
  free(blocks);
  return arg;
}

static void work(const char *when)
{
  pthread_t threads[2];
  int status;
  pid_t pid;

  churn(NULL);
  for (int i = 0; i < 2; i++)
    if (pthread_create(&threads[i], NULL, churn, NULL))
      printf("no thread: %m\n");
  for (int i = 0; i < 2; i++)
    pthread_join(threads[i], NULL);
  fflush(stdout);
  pid = fork();
  if (pid == 0) {
    churn(NULL);
    _exit(7);
  }
  waitpid(pid, &status, 0);
  printf("%s: the child ended with %d\n", when, WIFEXITED(status) ? WEXITSTATUS(status) : -1);
}

static int limit(int resource, rlim_t value)
{
  const struct rlimit limit = {value, value};

  return setrlimit(resource, &limit);
}

static int close_all(void)
{
  int fd;

  for (fd = 3; fd < 2000; fd++)
    close(fd);
  churn(NULL);
  if (close_range(3, ~0u, 0))
    return -1;
  churn(NULL);
  closefrom(3);
  fd = open("/dev/null", O_RDONLY);
  printf("the lowest free descriptor is %d\n", fd);
  return fcntl(fd, F_GETFD);
}

/* The descriptors from 3 on that /proc/self/fd lists. */
static int list_descriptors(int *fds, int room)
{
  DIR *dir = opendir("/proc/self/fd");
  int count = 0;

  for (struct dirent *entry; dir && (entry = readdir(dir));)
    if (count < room && atoi(entry->d_name) > 2 && atoi(entry->d_name) != dirfd(dir))
      fds[count++] = atoi(entry->d_name);
  if (dir)
    closedir(dir);
  return count;
}

static void move_file(const char *file)
{
  char name[4096];

  snprintf(name, sizeof name, "%s.moved", file);
  rename(file, name);
}

static int rename_and_close(const char *file)
{
  int fds[64], count = list_descriptors(fds, 64);

  move_file(file);
  for (int i = 0; i < count; i++)
    close(fds[i]);
  for (int fd = 3; fd < 65536; fd++)
    close(fd);
  churn(NULL);
  closefrom(3);
  churn(NULL);
  return close_range(3, ~0u, 0);
}

/* No byte of anybody else's may come into the file. */
static int reuse(const char *file)
{
  static const char text[] = "nobody else's\n";
  int fds[64], count = list_descriptors(fds, 64), fd;
  struct stat st;
  char read_back[64] = "";

  syscall(SYS_close_range, 3, ~0u, 0);
  fd = open(file, O_RDWR | O_CREAT | O_TRUNC, 0644);
  if (fd != 3 || write(fd, text, sizeof text - 1) != (ssize_t)sizeof text - 1)
    return -1;
  for (int i = 0; i < count; i++)
    syscall(SYS_dup3, fd, fds[i], 0);
  for (int i = 0; i < 20; i++)
    churn(NULL);
  if (fstat(fd, &st) || pread(fd, read_back, sizeof read_back - 1, 0) < 0)
    return -1;
  printf("the file has %ld bytes: %s", (long)st.st_size, read_back);
  for (int i = 0; i < count; i++)
    if (fds[i] != fd)
      syscall(SYS_close, fds[i]);
  return close(fd);
}

static int dup_high(const char *file)
{
  struct rlimit nofile;

  if (file)
    move_file(file);
  if (getrlimit(RLIMIT_NOFILE, &nofile))
    return -1;
  for (int fd = (int)nofile.rlim_cur - 1; fd > (int)nofile.rlim_cur - 64 && fd > 2; fd--)
    if (dup2(0, fd) != fd || (fd % 8 == 0 && dup3(1, fd, O_CLOEXEC) != fd))
      return -1;
  for (int fd = (int)nofile.rlim_cur - 1; fd > (int)nofile.rlim_cur - 64 && fd > 2; fd--)
    if (close(fd))
      return -1;
  return 0;
}

/* No byte of anybody else's may come into the file. */
static int without_stderr(const char *file)
{
  struct stat st;
  int fd = open(file, O_WRONLY | O_CREAT | O_TRUNC, 0644);

  if (fd != 2 || write(fd, "mine\n", 5) != 5 || limit(RLIMIT_FSIZE, 65536))
    return -1;
  for (int i = 0; i < 20; i++)
    churn(NULL);
  if (fstat(fd, &st))
    return -1;
  printf("the file has %ld bytes\n", (long)st.st_size);
  return 0;
}

static int drop(void)
{
  return setgroups(0, NULL) || setgid(65534) || setuid(65534);
}

int main(int argc, char **argv)
{
  const char *mode = argc > 1 ? argv[1] : "plain";
  int failed = 0;

  work("before");
  if (!strcmp(mode, "closefrom"))
    failed = close_all();
  else if (!strcmp(mode, "renamed"))
    failed = rename_and_close(argv[2]);
  else if (!strcmp(mode, "reused"))
    failed = reuse(argv[2]);
  else if (!strcmp(mode, "highdup"))
    failed = dup_high(argv[2]);
  else if (!strcmp(mode, "nofile"))
    failed = limit(RLIMIT_NOFILE, 3);
  else if (!strcmp(mode, "chroot"))
    failed = chroot(argv[2]) || chdir("/");
  else if (!strcmp(mode, "drop"))
    failed = drop();
  else if (!strcmp(mode, "nostderr"))
    failed = without_stderr(argv[2]);
  else if (!strcmp(mode, "fsize"))
    failed = limit(RLIMIT_FSIZE, 65536);
  printf("%s: %s\n", mode, failed ? strerror(errno) : "done");
  work("after");
  return failed ? 3 : 5;
}
