/*
 * Another user's directory: `vmtrace pack` and `vmtrace run` as root, while a
 * program of that user exchanges the names in it.  A file of root's that a
 * link leads to is never replaced, never given away, never packed.
 *
 * VMTRACE_TEST_TRIES sets how often (300 here; 100,000 by hand).
 */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "e2e.h"

#define OTHER 65534u

static long tries(void)
{
  const char *text = getenv("VMTRACE_TEST_TRIES");

  return text ? strtol(text, NULL, 10) : 300;
}

static char *content(const char *path, size_t *size)
{
  struct stat st;
  int fd = open(path, O_RDONLY);
  char *bytes;

  ck_assert_int_ge(fd, 0);
  ck_assert_int_eq(fstat(fd, &st), 0);
  *size = (size_t)st.st_size;
  bytes = malloc(*size + 1);
  ck_assert_ptr_nonnull(bytes);
  ck_assert_int_eq(read(fd, bytes, *size), st.st_size);
  close(fd);
  return bytes;
}

static void put(const char *path, const char *bytes, size_t size, uid_t owner)
{
  int fd = open(path, O_WRONLY | O_CREAT | O_EXCL, 0600);

  ck_assert_int_ge(fd, 0);
  ck_assert_int_eq(write(fd, bytes, size), (ssize_t)size);
  ck_assert_int_eq(fchown(fd, owner, owner), 0);
  close(fd);
}

/* What must stay as it is. */
struct victim {
  const char *path;
  struct stat st;
  char *bytes;
  size_t size;
};

static void expect_unharmed(const struct victim *v)
{
  struct stat st;
  size_t size;
  char *bytes = content(v->path, &size);

  ck_assert_int_eq(stat(v->path, &st), 0);
  ck_assert_uint_eq(st.st_ino, v->st.st_ino);
  ck_assert_uint_eq(st.st_uid, 0);
  ck_assert_uint_eq(st.st_mode, v->st.st_mode);
  ck_assert_uint_eq(size, v->size);
  ck_assert_int_eq(memcmp(bytes, v->bytes, size), 0);
  free(bytes);
}

/* A trace of root's, in a directory of root's. */
static void make_victim(struct victim *v)
{
  struct e2e_result result;

  e2e_run(&(struct e2e_spec){.argv = E2E_ARGV("true"), .preload = e2e_library()}, &result);
  e2e_expect_exit(&result, 0);
  e2e_release(&result);
  v->path = e2e_only_trace(e2e_dir());
  ck_assert_int_eq(stat(v->path, &v->st), 0);
  v->bytes = content(v->path, &v->size);
}

/* The other user's directory, with a link to the victim and a FIFO in it. */
static const char *make_theirs(const struct victim *v)
{
  const char *dir = e2e_path("theirs");

  ck_assert_int_eq(mkdir(dir, 0777), 0);
  ck_assert_int_eq(chown(dir, OTHER, OTHER), 0);
  ck_assert_int_eq(symlink(v->path, e2e_path("theirs/link")), 0);
  ck_assert_int_eq(lchown(e2e_path("theirs/link"), OTHER, OTHER), 0);
  ck_assert_int_eq(mkfifo(e2e_path("theirs/fifo"), 0600), 0);
  ck_assert_int_eq(chown(e2e_path("theirs/fifo"), OTHER, OTHER), 0);
  return dir;
}

static void stop(struct e2e_process *swapper)
{
  struct e2e_result result;

  kill(swapper->pid, SIGKILL);
  e2e_finish(swapper, &result);
  e2e_release(&result);
}

START_TEST(pack)
{
  struct e2e_process swapper;
  struct victim v;
  const char *dir;
  long packed = 0;

  E2E_NEED_ROOT();
  make_victim(&v);
  dir = make_theirs(&v);
  put(e2e_path("theirs/a.vmt"), v.bytes, v.size, OTHER);
  swapper = e2e_start(
      &(struct e2e_spec){.argv = E2E_ARGV(e2e_prog("swap_names"), "a.vmt", "link", "fifo"), .cwd = dir, .uid = OTHER});
  e2e_await(&swapper, "swapping", 1);
  for (long i = 0, n = tries(); i < n; i++) {
    struct e2e_result result;

    e2e_run(&(struct e2e_spec){.argv = E2E_ARGV(e2e_analyzer(), "pack", "--level=1", e2e_path("theirs/a.vmt"))},
            &result);
    ck_assert(WIFEXITED(result.status));
    if (WEXITSTATUS(result.status) == 0 && !strstr(result.err, "packed already"))
      packed++;
    e2e_release(&result);
    expect_unharmed(&v);
    /* A trace that is not packed yet, whatever the name means at the moment. */
    kill(swapper.pid, SIGSTOP);
    for (const char *const *name = E2E_ARGV("a.vmt", "link", "fifo"); *name; name++) {
      struct stat st;

      if (lstat(e2e_path("theirs/%s", *name), &st) == 0 && S_ISREG(st.st_mode)) {
        unlink(e2e_path("theirs/%s", *name));
        put(e2e_path("theirs/%s", *name), v.bytes, v.size, OTHER);
      }
    }
    kill(swapper.pid, SIGCONT);
  }
  stop(&swapper);
  ck_assert_int_gt(packed, 0);
  free(v.bytes);
}
END_TEST

/* Files that claim to be the copies', for all process numbers that may come, and links. */
START_TEST(run)
{
  struct victim v;
  long rounds = tries() / 10 + 1;

  E2E_NEED_ROOT();
  make_victim(&v);
  make_theirs(&v);
  for (long i = 0; i < rounds; i++) {
    struct e2e_result result;
    struct stat before, after;
    char *bytes = malloc(v.size);
    int32_t pid = 0;

    ck_assert_ptr_nonnull(bytes);
    memcpy(bytes, v.bytes, v.size);
    /* The header of the other user's file: started late, by a process whose number the copy will have. */
    memset(bytes + 80, 0x7f, 8);
    e2e_run(&(struct e2e_spec){.argv = E2E_ARGV("sh", "-c", "echo $$")}, &result);
    pid = (int32_t)strtol(result.out, NULL, 10);
    e2e_release(&result);
    for (int32_t k = 1; k <= 24; k++) {
      int32_t claimed = pid + k;

      memcpy(bytes + 96, &claimed, sizeof claimed);
      unlink(e2e_path("theirs/forged%d.vmt", k));
      put(e2e_path("theirs/forged%d.vmt", k), bytes, v.size, OTHER);
    }
    ck_assert_int_eq(stat(e2e_path("theirs/forged1.vmt"), &before), 0);
    e2e_run(&(struct e2e_spec){.argv = E2E_ARGV(e2e_analyzer(), "run", "-o", e2e_path("theirs"), "--", "true")},
            &result);
    e2e_expect_exit(&result, 0);
    ck_assert_ptr_null(strstr(result.err, "forged"));
    ck_assert_ptr_nonnull(strstr(result.err, "1 trace\n"));
    e2e_release(&result);
    ck_assert_int_eq(stat(e2e_path("theirs/forged1.vmt"), &after), 0);
    ck_assert_uint_eq(before.st_ino, after.st_ino);
    expect_unharmed(&v);
    free(bytes);
  }
  free(v.bytes);
}
END_TEST

int main(void)
{
  Suite *suite = suite_create("exchange of names");
  TCase *test = e2e_case(suite, "names", 7200);

  tcase_add_test(test, pack);
  tcase_add_test(test, run);
  return e2e_main(suite);
}
