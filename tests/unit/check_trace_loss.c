/*
 * Unit tests of the trace writer where the machine refuses: full disk, file
 * limits, descriptors that the program closed, directories that are not there, no
 * shared mappings, no memory.  In each the program goes on, what was written before is readable, and
 * the header or one line says what is missing.
 */
#include <check.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "capture.h"
#include "emulated.h"
#include "trace/trace.h"
#include "trace/trace_fast.h"
#include "trace_decode.h"
#include "trace_ops.h"
#include "unit.h"

enum { H_CLAIMED = 160, H_LOST = 168, H_STOP = 176, H_STOP_NS = 184 };

static void write_ops(struct trace_writer *w, uint64_t seed, unsigned long count)
{
  struct ops ops = {seed};

  for (unsigned long i = 0; i < count; i++)
    ops_write(&ops, w);
}

/* What goes to stderr from begin to end.  A pipe: a file would fall under the limits that are tested. */
static int pipe_ends[2], old_stderr;

static void stderr_begin(void)
{
  old_stderr = dup(2);
  ck_assert_int_eq(pipe(pipe_ends), 0);
  ck_assert_int_eq(dup2(pipe_ends[1], 2), 2);
  close(pipe_ends[1]);
}

static const char *stderr_end(void)
{
  static char text[8192];
  ssize_t n;

  dup2(old_stderr, 2);
  close(old_stderr);
  n = read(pipe_ends[0], text, sizeof text - 1);
  close(pipe_ends[0]);
  text[n > 0 ? n : 0] = '\0';
  return text;
}

static unsigned lines(const char *text)
{
  unsigned n = 0;

  for (; *text; text++)
    n += *text == '\n';
  return n;
}

/* The first stream's last record says how many events are missing, and why. */
static void expect_loss(const struct decoded *d, enum vt_loss reason, uint64_t lost)
{
  const struct decoded_event *last = &d->stream[0].event[d->stream[0].count - 1];

  ck_assert_uint_eq(last->number, VT_R_LOSS);
  ck_assert_uint_eq(last->field[0], reason);
  ck_assert_uint_eq(last->field[1], lost);
}

/* Of count events from seed 1 on, those before the stop are in the file and the others are counted. */
static void expect_stop(enum vt_loss reason, unsigned long count)
{
  struct decoded d;
  uint64_t kept;

  ck_assert(!trace_active());
  trace_end(VT_ENDED_EXIT, 0);
  decode(&d, trace_path());
  kept = d.streams ? ops_expect_stream(1, &d.stream[0]) : 0;
  ck_assert_uint_lt(kept, count);
  ck_assert_uint_eq(decoded_u64(&d, H_LOST), count - kept);
  ck_assert_uint_eq(decoded_u32(&d, H_STOP), reason);
  ck_assert_uint_ne(decoded_u64(&d, H_STOP_NS), 0);
  expect_loss(&d, reason, count - kept);
  decoded_release(&d);
}

#define MANY 100000u

static rlim_t file_limit = RLIM_INFINITY;

/* Traces MANY events where there is not room for so many. */
static void run_out(const char *path, enum vt_loss reason)
{
  struct rlimit limit = {file_limit, RLIM_INFINITY};
  struct trace_writer *w;
  bool started;
  const char *said;

  stderr_begin();
  setrlimit(RLIMIT_FSIZE, &limit);
  started = trace_begin(path, 0);
  w = trace_first_writer();
  write_ops(w, 1, MANY);
  limit.rlim_cur = RLIM_INFINITY; /* Check writes files too */
  setrlimit(RLIMIT_FSIZE, &limit);
  said = stderr_end();
  ck_assert_msg(lines(said) == 1, "said: %s", said);
  if (started && w != &trace_none)
    expect_stop(reason, MANY);
  if (!started)
    ck_assert_int_eq(access(path, F_OK), -1);
}

START_TEST(a_full_disk_stops_the_trace)
{
  static const unsigned kilobytes[] = {4, 8, 12, 16, 20, 24, 32, 64, 88, 92, 96, 100, 128, 256, 500};
  char directory[4096], options[64], path[4200];

  if (geteuid() != 0 || unshare(CLONE_NEWNS) < 0) {
    fprintf(stderr, "skipped: mounting a small file system takes root\n");
    return;
  }
  snprintf(directory, sizeof directory, "%s", temp_path("disk"));
  mkdir(directory, 0700);
  snprintf(options, sizeof options, "size=%uk", kilobytes[_i]);
  mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL);
  ck_assert_int_eq(mount("none", directory, "tmpfs", 0, options), 0);
  snprintf(path, sizeof path, "%s/trace", directory);
  run_out(path, VT_LOSS_DISK_FULL);
  ck_assert_int_eq(umount2(directory, MNT_DETACH), 0);
  ck_assert_int_eq(rmdir(directory), 0);
}
END_TEST

START_TEST(a_file_limit_stops_the_trace)
{
  static const rlim_t limits[] = {0, 1, 8192, 20000, 24576, 30000, 90112, 100000, 200000, 500000};
  const char *path = temp_path("trace");

  /* SIGXFSZ is at its default: it would end the test. */
  file_limit = limits[_i];
  run_out(path, VT_LOSS_FILE_LIMIT);
}
END_TEST

START_TEST(a_closed_descriptor_is_opened_again)
{
  struct trace_writer *w;
  struct decoded d;
  int number;

  ck_assert(trace_begin(temp_path("trace"), 0));
  w = trace_first_writer();
  number = trace_number();
  close(number);
  write_ops(w, 1, MANY);
  ck_assert(trace_active());
  ck_assert_int_ge(trace_number(), 500);
  decode(&d, trace_path());
  ck_assert_uint_eq(ops_expect_stream(1, &d.stream[0]), MANY);
  decoded_release(&d);
}
END_TEST

START_TEST(a_number_that_the_program_took_is_left_alone)
{
  struct trace_writer *w;
  struct decoded d;
  struct stat st;
  char path[4096];
  int number, theirs;

  ck_assert(trace_begin(temp_path("trace"), 0));
  w = trace_first_writer();
  number = trace_number();
  snprintf(path, sizeof path, "%s", temp_path("theirs"));
  theirs = open(path, O_RDWR | O_CREAT, 0600);
  ck_assert_int_eq(dup2(theirs, number), number);
  write_ops(w, 1, MANY);
  ck_assert_int_eq(fstat(theirs, &st), 0);
  ck_assert_int_eq(st.st_size, 0);
  ck_assert_int_eq(fstat(number, &st), 0);
  decode(&d, trace_path());
  ck_assert_uint_eq(ops_expect_stream(1, &d.stream[0]), MANY);
  decoded_release(&d);
}
END_TEST

START_TEST(a_descriptor_that_cannot_be_had_again_stops_the_trace)
{
  struct trace_writer *w;
  char path[4096], moved[4200];
  const char *said;

  ck_assert(trace_begin(temp_path("trace"), 0));
  w = trace_first_writer();
  snprintf(path, sizeof path, "%s", trace_path());
  snprintf(moved, sizeof moved, "%s.moved", path);
  ck_assert_int_eq(rename(path, moved), 0);
  ck_assert_int_ge(creat(path, 0600), 0); /* something else is there by now */
  close(trace_number());
  stderr_begin();
  write_ops(w, 1, MANY);
  said = stderr_end();
  ck_assert_msg(lines(said) == 1, "said: %s", said);
  ck_assert_int_eq(rename(moved, path), 0);
  expect_stop(VT_LOSS_FD, MANY);
}
END_TEST

START_TEST(a_renamed_trace_goes_on_while_its_descriptor_is_open)
{
  struct trace_writer *w;
  struct decoded d;
  char moved[4200];

  ck_assert(trace_begin(temp_path("trace"), 0));
  w = trace_first_writer();
  snprintf(moved, sizeof moved, "%s.moved", trace_path());
  ck_assert_int_eq(rename(trace_path(), moved), 0);
  write_ops(w, 1, MANY);
  ck_assert(trace_active());
  decode(&d, moved);
  ck_assert_uint_eq(ops_expect_stream(1, &d.stream[0]), MANY);
  decoded_release(&d);
}
END_TEST

/* The sampler has its own descriptor table.  What it needs there must not change the program's. */
START_TEST(a_foreign_table_borrows_the_file)
{
  struct trace_writer *w, *sampler;
  struct decoded d;
  int number;

  ck_assert(trace_begin(temp_path("trace"), 0));
  w = trace_first_writer();
  sampler = trace_writer_open(VT_NO_THREAD, 0, 0, VT_ROLE_SAMPLER);
  number = trace_number();
  close(number); /* as in the helper's table */
  write_ops(sampler, 1, MANY);
  ck_assert(trace_active());
  for (int fd = 3; fd < TRACE_NUMBERS; fd++)
    ck_assert_msg(!trace_owns_fd(fd), "descriptor %d was left open", fd);
  write_ops(w, 1, MANY);
  decode(&d, trace_path());
  for (unsigned i = 0; i < 2; i++)
    ck_assert_uint_eq(ops_expect_stream(1, &d.stream[i]), MANY);
  decoded_release(&d);
}
END_TEST

static void expect_no_start(const char *path, const char *why)
{
  const char *said;

  stderr_begin();
  ck_assert(!trace_begin(path, 0));
  write_ops(trace_first_writer(), 1, 1000);
  said = stderr_end();
  ck_assert_msg(lines(said) == 1 && strstr(said, why) && strstr(said, path), "said: %s", said);
  ck_assert(!trace_active());
}

START_TEST(a_directory_that_is_not_there_is_not_made)
{
  char path[4200];

  snprintf(path, sizeof path, "%s/trace", temp_path("nowhere"));
  expect_no_start(path, "no such directory");
}
END_TEST

START_TEST(a_directory_without_permission)
{
  char directory[4096], path[4200];

  snprintf(directory, sizeof directory, "%s", temp_path("closed"));
  ck_assert_int_eq(mkdir(directory, 0500), 0);
  if (geteuid() == 0)
    ck_assert_int_eq(seteuid(65534), 0);
  snprintf(path, sizeof path, "%s/trace", directory);
  expect_no_start(path, "permission denied");
  if (getuid() == 0)
    ck_assert_int_eq(seteuid(0), 0);
  ck_assert_int_eq(rmdir(directory), 0);
}
END_TEST

START_TEST(no_descriptors)
{
  struct rlimit limit;
  rlim_t usual;
  char path[4096];
  const char *said;
  bool started;

  snprintf(path, sizeof path, "%s", temp_path("trace"));
  stderr_begin(); /* takes its descriptors first */
  getrlimit(RLIMIT_NOFILE, &limit);
  usual = limit.rlim_cur;
  limit.rlim_cur = 3;
  ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
  started = trace_begin(path, 0);
  limit.rlim_cur = usual;
  setrlimit(RLIMIT_NOFILE, &limit);
  said = stderr_end();
  ck_assert(!started);
  ck_assert_msg(lines(said) == 1 && strstr(said, "ulimit -n"), "said: %s", said);
  ck_assert_int_eq(access(path, F_OK), -1);
}
END_TEST

/* As on a file system without shared writable mappings: mmap of a file with MAP_SHARED fails. */
static bool refuse_shared_mappings(void)
{
  struct sock_filter filter[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_mmap, 0, 3),
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[3])),
      BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, MAP_SHARED, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | 19 /* ENODEV */),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  struct sock_fprog program = {sizeof filter / sizeof *filter, filter};

  return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 && prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

START_TEST(without_shared_mappings_it_is_written)
{
  struct ops ops = {1};
  struct trace_writer *w, *closed;
  struct decoded d;

  if (!refuse_shared_mappings()) {
    fprintf(stderr, "skipped: no seccomp filters here\n");
    return;
  }
  ck_assert(trace_begin(temp_path("trace"), 0));
  w = trace_first_writer();
  closed = trace_writer_open(0, 1, 1, VT_ROLE_PROGRAM);
  write_ops(closed, 1, 3000);
  trace_writer_close(closed);
  for (unsigned long round = 0, count = 0; round < 200; round++) {
    for (unsigned long i = 0; i < round * 7; i++, count++)
      ops_write(&ops, w);
    if (round % 20)
      continue;
    trace_note_alive(round + 1);
    decode(&d, trace_path());
    ck_assert_uint_eq(ops_expect_stream(1, &d.stream[0]), count);
    ck_assert_uint_eq(ops_expect_stream(1, &d.stream[1]), 3000);
    ck_assert_uint_eq(d.copies, 0);
    decoded_release(&d);
  }
  ops_write(&ops, w);
  trace_end(VT_ENDED_EXIT, 9);
  decode(&d, trace_path());
  ck_assert_uint_eq(ops_expect_stream(1, &d.stream[0]), 7 * 199 * 200 / 2 + 1);
  ck_assert_uint_eq(decoded_u32(&d, 156), 9);
  decoded_release(&d);
}
END_TEST

START_TEST(without_memory_the_small_stage_goes_on)
{
  struct rlimit limit = {0, RLIM_INFINITY};
  struct trace_writer *w;
  struct decoded d;
  struct stat st;
  unsigned long pages = 0;
  FILE *f;

  if (emulated_without("without_memory_the_small_stage_goes_on", "RLIMIT_AS"))
    return;
  ck_assert(trace_begin(temp_path("trace"), 0));
  w = trace_first_writer();
  f = fopen("/proc/self/statm", "r");
  ck_assert_ptr_nonnull(f);
  ck_assert_int_eq(fscanf(f, "%lu", &pages), 1);
  limit.rlim_cur = pages * (unsigned long)sysconf(_SC_PAGESIZE) + 16384;
  ck_assert_int_eq(setrlimit(RLIMIT_AS, &limit), 0);
  for (unsigned long i = 0; i < MANY; i++)
    trace_alloc(w, i * 16, i & 1023, 0);
  limit.rlim_cur = RLIM_INFINITY;
  setrlimit(RLIMIT_AS, &limit);
  fclose(f);
  decode(&d, trace_path());
  ck_assert_uint_eq(d.stream[0].count, MANY + 1);
  ck_assert_uint_eq(decoded_u64(&d, H_LOST), 0);
  ck_assert_uint_gt(d.stream[0].chunks, 20);
  ck_assert_int_eq(stat(trace_path(), &st), 0);
  ck_assert_int_lt(st.st_size, (off_t)(d.stream[0].chunks + 20) * 8192);
  decoded_release(&d);
}
END_TEST

int main(void)
{
  Suite *suite = suite_create("trace_loss");
  TCase *tc = unit_case(suite, "trace_loss", 60);

  tcase_add_loop_test(tc, a_full_disk_stops_the_trace, 0, 15);
  tcase_add_loop_test(tc, a_file_limit_stops_the_trace, 0, 10);
  tcase_add_test(tc, a_closed_descriptor_is_opened_again);
  tcase_add_test(tc, a_number_that_the_program_took_is_left_alone);
  tcase_add_test(tc, a_descriptor_that_cannot_be_had_again_stops_the_trace);
  tcase_add_test(tc, a_renamed_trace_goes_on_while_its_descriptor_is_open);
  tcase_add_test(tc, a_foreign_table_borrows_the_file);
  tcase_add_test(tc, a_directory_that_is_not_there_is_not_made);
  tcase_add_test(tc, a_directory_without_permission);
  tcase_add_test(tc, no_descriptors);
  tcase_add_test(tc, without_shared_mappings_it_is_written);
  tcase_add_test(tc, without_memory_the_small_stage_goes_on);
  return unit_main(suite);
}
