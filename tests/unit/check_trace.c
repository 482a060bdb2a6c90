/*
 * Unit tests of the trace writer: what is written is what a second reader,
 * which follows FORMAT.md, finds in the file.
 */
#include <check.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/own.h"
#include "base/sys.h"
#include "capture.h"
#include "trace/trace.h"
#include "trace/trace_fast.h"
#include "trace_decode.h"
#include "trace_ops.h"
#include "unit.h"

/* Offsets in the file header, from FORMAT.md. */
enum {
  H_PAGE_SIZE = 16,
  H_SHIFT = 20,
  H_FLAGS = 24,
  H_ID = 32,
  H_PARENT = 48,
  H_BOOT = 64,
  H_START = 80,
  H_PID = 96,
  H_PPID = 100,
  H_SAMPLE_MS = 104,
  H_FRAMES = 108,
  H_OWN_START = 112,
  H_END_NS = 144,
  H_ENDED = 152,
  H_STATUS = 156,
  H_CLAIMED = 160,
  H_LOST = 168,
  H_STOP = 176,
  H_NONDET = 180,
  H_NONDET_NS = 192,
  H_LAST_NS = 200,
  H_HOST = 272,
  H_EXE = 336,
  H_CWD = 1360,
  H_CMDLINE_LEN = 2384,
  H_CMDLINE = 2388
};

static void write_ops(struct trace_writer *w, uint64_t seed, unsigned long count)
{
  struct ops ops = {seed};

  for (unsigned long i = 0; i < count; i++)
    ops_write(&ops, w);
}

START_TEST(the_header_names_process_and_machine)
{
  struct decoded d;
  char exe[1024], cwd[1024], host[256];
  ssize_t n = readlink("/proc/self/exe", exe, sizeof exe - 1);
  static const uint8_t parent[16] = "0123456789abcde", zero[16];
  uint64_t before = sys_now();

  trace_set_parent(parent);
  ck_assert(trace_begin(temp_path("trace"), 0));
  ck_assert(trace_active());
  decode(&d, trace_path());
  ck_assert_uint_eq(decoded_u32(&d, H_PAGE_SIZE), (unsigned)sysconf(_SC_PAGESIZE));
  ck_assert_uint_eq(decoded_u32(&d, H_SHIFT), 4);
  ck_assert_int_eq((int)decoded_u32(&d, H_PID), getpid());
  ck_assert_int_eq((int)decoded_u32(&d, H_PPID), getppid());
  ck_assert_uint_eq(decoded_u32(&d, H_SAMPLE_MS), 100);
  ck_assert_uint_eq(decoded_u32(&d, H_FRAMES), 64);
  for (uint64_t i = 0; i < 4; i++)
    ck_assert_uint_eq(decoded_u64(&d, H_OWN_START + 8 * i), i + 1);
  ck_assert_int_eq(memcmp(d.bytes + H_ID, trace_id(), 16), 0);
  ck_assert_int_ne(memcmp(d.bytes + H_ID, zero, 16), 0);
  ck_assert_int_eq(memcmp(d.bytes + H_PARENT, parent, 16), 0);
  ck_assert_int_ne(memcmp(d.bytes + H_BOOT, zero, 16), 0);
  ck_assert_uint_ge(decoded_u64(&d, H_START), before);
  ck_assert_uint_le(decoded_u64(&d, H_START), sys_now());
  exe[n] = '\0';
  ck_assert_str_eq((char *)d.bytes + H_EXE, exe);
  ck_assert_str_eq((char *)d.bytes + H_CWD, getcwd(cwd, sizeof cwd));
  gethostname(host, sizeof host);
  ck_assert_str_eq((char *)d.bytes + H_HOST, host);
  ck_assert_uint_gt(decoded_u32(&d, H_CMDLINE_LEN), 0);
  ck_assert_ptr_nonnull(strstr((char *)d.bytes + H_CMDLINE, "check_trace"));
  decoded_release(&d);
}
END_TEST

START_TEST(facts_reach_the_header)
{
  struct decoded d;

  ck_assert(trace_begin(temp_path("trace"), 0));
  trace_first_writer();
  trace_note_lost(3);
  trace_note_lost(4);
  trace_note_nondet(VT_NONDET_REGION);
  trace_note_nondet(VT_NONDET_THREAD);
  trace_note_alive(77);
  trace_end(VT_ENDED_EXEC, 5);
  decode(&d, trace_path());
  ck_assert_uint_eq(decoded_u64(&d, H_LOST), 7);
  ck_assert_uint_eq(decoded_u32(&d, H_NONDET), VT_NONDET_REGION);
  ck_assert_uint_ne(decoded_u64(&d, H_NONDET_NS), 0);
  ck_assert_uint_eq(decoded_u64(&d, H_LAST_NS), 77);
  ck_assert_uint_eq(decoded_u32(&d, H_ENDED), VT_ENDED_EXEC);
  ck_assert_uint_eq(decoded_u32(&d, H_STATUS), 5);
  ck_assert_uint_ne(decoded_u64(&d, H_END_NS), 0);
  decoded_release(&d);

  trace_end_undo();
  decode(&d, trace_path());
  ck_assert_uint_eq(decoded_u32(&d, H_ENDED), VT_ENDED_UNKNOWN);
  ck_assert_uint_eq(decoded_u64(&d, H_END_NS), 0);
  ck_assert_uint_eq(decoded_u32(&d, H_STOP), VT_LOSS_NONE);
  decoded_release(&d);
}
END_TEST

START_TEST(a_stream_comes_back_as_it_was_written)
{
  static const unsigned long counts[] = {0, 1, 1500, 5000, 300000};
  struct trace_writer *w;
  struct decoded d;
  unsigned long count = counts[_i];

  ck_assert(trace_begin(temp_path("trace"), 0));
  w = trace_first_writer();
  write_ops(w, 42, count);
  decode(&d, trace_path());
  ck_assert_uint_eq(d.streams, 1);
  ck_assert_uint_eq(d.copies, 0);
  ck_assert_uint_eq(ops_expect_stream(42, &d.stream[0]), count);
  ck_assert_msg(count < 5000 || d.stream[0].chunks > 1, "no chunk was filled");
  ck_assert_uint_le(decoded_u64(&d, H_CLAIMED), d.size);
  ck_assert_uint_eq(decoded_u64(&d, H_LOST), 0);
  decoded_release(&d);
}
END_TEST

START_TEST(the_stream_s_first_record_says_whose_it_is)
{
  struct decoded d;

  ck_assert(trace_begin(temp_path("trace"), 0));
  ck_assert_uint_eq(trace_first_writer()->thread, 0);
  ck_assert_uint_eq(trace_writer_open(0, 3, 4711, VT_ROLE_ADOPTED)->thread, 1);
  decode(&d, trace_path());
  ck_assert_uint_eq(d.streams, 2);
  ck_assert_uint_eq(d.stream[0].event[0].field[0], 0xffffffff);
  ck_assert_uint_eq(d.stream[1].event[0].field[0], 0);
  ck_assert_uint_eq(d.stream[1].event[0].field[1], 3);
  ck_assert_uint_eq(d.stream[1].event[0].field[2], 4711);
  ck_assert_uint_eq(d.stream[1].event[0].field[3], VT_ROLE_ADOPTED);
  decoded_release(&d);
}
END_TEST

/* Hot records are what makes the trace small: plain events must be written as such, the others must not. */
START_TEST(plain_events_are_hot)
{
  struct trace_writer *w;
  struct decoded d;
  const struct decoded_event *e;

  ck_assert(trace_begin(temp_path("trace"), 0));
  w = trace_first_writer();
  trace_alloc(w, 0x200000, 0, 0);
  trace_alloc(w, 0x200010, VT_HOT_SIZE_LIMIT - 1, 0);
  trace_free(w, 0x200000);
  trace_alloc(w, 0x300000, VT_HOT_SIZE_LIMIT, 0);
  trace_alloc_aligned(w, 0x400000, 64, 64, 0);
  trace_realloc(w, 0x400000, 0x400000, 65, 0);
  decode(&d, trace_path());
  e = d.stream[0].event;
  ck_assert_uint_eq(d.stream[0].count, 7);
  for (unsigned i = 1; i < 7; i++)
    ck_assert_msg(!e[i].hot == (i > 3), "record %u", i);
  ck_assert_uint_eq(e[4].field[1], VT_HOT_SIZE_LIMIT);
  ck_assert_uint_eq(e[5].field[2], 64);
  ck_assert_uint_eq(w->allocs, 5);
  decoded_release(&d);
}
END_TEST

START_TEST(in_next_mode_every_event_has_its_time)
{
  struct trace_writer *w;
  struct decoded d;
  uint64_t before[200];

  ck_assert(trace_begin(temp_path("trace"), VT_F_EVERY_TIME | VT_F_HEAP_NEXT));
  w = trace_first_writer();
  for (unsigned i = 0; i < 200; i++) {
    before[i] = sys_now();
    trace_alloc(w, 0x1000 + 8 * i, i, 0);
  }
  decode(&d, trace_path());
  ck_assert_uint_eq(decoded_u32(&d, H_SHIFT), 3);
  ck_assert_uint_eq(d.stream[0].count, 201);
  for (unsigned i = 0; i < 200; i++) {
    const struct decoded_event *e = &d.stream[0].event[i + 1];

    ck_assert_uint_eq(e->field[0], 0x1000 + 8 * i);
    ck_assert_uint_ne(e->hot, 0);
    ck_assert_uint_ge(e->time, before[i]);
    if (i < 199)
      ck_assert_uint_le(e->time, before[i + 1]);
  }
  decoded_release(&d);
}
END_TEST

/* At a low rate, and after a tick, an event carries the time at which it happened; never one that lies ahead. */
START_TEST(time_keeps_up)
{
  struct trace_writer *w;
  struct decoded d;
  uint64_t before[300];

  ck_assert(trace_begin(temp_path("trace"), 0));
  w = trace_first_writer();
  for (unsigned i = 0; i < 300; i++) {
    if (i > 200)
      usleep(50);
    if (i == 150) {
      usleep(20000);
      __atomic_add_fetch(&trace_tick, TRACE_TICK, __ATOMIC_RELAXED);
    }
    before[i] = sys_now();
    trace_alloc(w, 16 * i, 16, 0);
  }
  decode(&d, trace_path());
  ck_assert_uint_eq(d.stream[0].count, 301);
  for (unsigned i = 0; i < 299; i++)
    ck_assert_uint_le(d.stream[0].event[i + 1].time, before[i + 1]);
  ck_assert_uint_ge(d.stream[0].event[151].time, before[150]);
  /* The rate drops at 200: the batch that runs by then may still be late. */
  for (unsigned i = 250; i < 300; i++)
    ck_assert_uint_ge(d.stream[0].event[i + 1].time, before[i]);
  decoded_release(&d);
}
END_TEST

/* What comes while a mark is being set shares no reading of the clock, nor does what comes after it with what came
 * before. */
START_TEST(a_mark_ends_all_runs_of_one_time)
{
  struct trace_writer *w, *other;
  uint64_t before[20];
  struct decoded d;

  ck_assert(trace_begin(temp_path("trace"), 0));
  w = trace_first_writer();
  other = trace_writer_open(0, 1, 1, VT_ROLE_PROGRAM);
  for (unsigned i = 0; i < 500; i++)
    trace_alloc(other, 16 * i, 16, 0);
  trace_instant(w, VT_R_MARK, 0, NULL, "one", 3);
  for (unsigned i = 0; i < 20; i++) {
    if (i == 5)
      trace_tick++;
    if (i == 15)
      trace_tick += TRACE_TICK - 1;
    before[i] = sys_now();
    trace_alloc(other, 16 * i, 16, 0);
  }
  decode(&d, trace_path());
  ck_assert_uint_eq(d.stream[1].count, 521);
  ck_assert_uint_eq(d.stream[0].event[1].number, VT_R_MARK);
  ck_assert_uint_gt(d.stream[1].event[501].time, d.stream[0].event[1].time);
  for (unsigned i = 5; i <= 15; i++)
    ck_assert_uint_ge(d.stream[1].event[501 + i].time, before[i]);
  decoded_release(&d);
}
END_TEST

/* What a handler left half-way by longjmp is an event that the trace does not have. */
START_TEST(a_record_left_half_way_is_lost)
{
  struct trace_writer *w;
  struct decoded d;

  ck_assert(trace_begin(temp_path("trace"), 0));
  w = trace_first_writer();
  trace_alloc(w, 16, 16, 0);
  trace_writer_recover(w);
  ck_assert_uint_eq(((const struct vt_chunk_header *)w->chunk)->lost, 0);
  trace_alloc(w, 32, 16, 0);
  w->cur[0] = 0x55;
  trace_writer_recover(w);
  ck_assert_uint_eq(((const struct vt_chunk_header *)w->chunk)->lost, 1);
  trace_alloc(w, 48, 16, 0);
  decode(&d, trace_path());
  ck_assert_uint_eq(d.stream[0].count, 4);
  ck_assert_uint_eq(decoded_u64(&d, H_LOST), 1);
  decoded_release(&d);
}
END_TEST

START_TEST(large_blocks_have_times_of_their_own)
{
  uint64_t before[50];
  struct trace_writer *w;
  struct decoded d;

  ck_assert(trace_begin(temp_path("trace"), 0));
  w = trace_first_writer();
  for (unsigned i = 0; i < 500; i++)
    trace_alloc(w, 16 * i, 16, 0);
  for (unsigned i = 0; i < 50; i++) {
    before[i] = sys_now();
    if (i % 3 == 0)
      trace_alloc(w, 4096 * i, 4096, 0);
    else if (i % 3 == 1)
      trace_alloc_aligned(w, 4096 * i, 5000, 64, 0);
    else
      trace_realloc(w, 4096 * (i - 1), 4096 * i, 6000, 0);
  }
  decode(&d, trace_path());
  ck_assert_uint_eq(d.stream[0].count, 551);
  for (unsigned i = 0; i < 50; i++)
    ck_assert_uint_ge(d.stream[0].event[501 + i].time, before[i]);
  decoded_release(&d);
}
END_TEST

START_TEST(an_existing_file_is_not_overwritten)
{
  char path[4096], second[4200];
  struct stat st;

  snprintf(path, sizeof path, "%s", temp_path("trace"));
  ck_assert_int_ge(creat(path, 0600), 0);
  snprintf(second, sizeof second, "%s.1", path);
  ck_assert_int_ge(creat(second, 0600), 0);
  ck_assert(trace_begin(path, 0));
  snprintf(second, sizeof second, "%s.2", path);
  ck_assert_str_eq(trace_path(), second);
  ck_assert_int_eq(stat(path, &st), 0);
  ck_assert_int_eq(st.st_size, 0);
}
END_TEST

START_TEST(the_descriptor_is_high_and_closed_by_exec)
{
  static const rlim_t limits[] = {1024, 256, 64, 16, 100000};
  struct rlimit limit;
  int lowest = dup(0), fd = -1;

  close(lowest);
  getrlimit(RLIMIT_NOFILE, &limit);
  if (limit.rlim_max < limits[_i])
    limit.rlim_max = limits[_i];
  limit.rlim_cur = limits[_i];
  if (setrlimit(RLIMIT_NOFILE, &limit) < 0)
    return;
  ck_assert(trace_begin(temp_path("trace"), 0));
  for (int i = 0; i < 2048; i++)
    if (trace_owns_fd(i))
      fd = i;
  ck_assert_int_ge(fd, (int)(limits[_i] < 1024 ? limits[_i] / 2 : 1000));
  ck_assert_int_eq(fcntl(fd, F_GETFD), FD_CLOEXEC);
  ck_assert_int_eq(dup(0), lowest);
}
END_TEST

START_TEST(the_descriptor_gets_out_of_the_way)
{
  struct trace_writer *w;
  struct decoded d;
  int old;

  ck_assert(trace_begin(temp_path("trace"), 0));
  w = trace_first_writer();
  old = trace_number();
  trace_move_fd();
  ck_assert_int_eq(fcntl(old, F_GETFD), -1);
  ck_assert(!trace_owns_fd(old));
  ck_assert_int_eq(dup2(0, old), old);
  write_ops(w, 1, 100000);
  ck_assert(!trace_owns_fd(old));
  decode(&d, trace_path());
  ck_assert_uint_eq(ops_expect_stream(1, &d.stream[0]), 100000);
  decoded_release(&d);
}
END_TEST

START_TEST(without_a_trace_nothing_happens)
{
  struct trace_writer *w = trace_first_writer();

  ck_assert_ptr_eq(w, &trace_none);
  write_ops(w, 7, 1000);
  trace_writer_close(w);
  trace_end(VT_ENDED_EXIT, 0);
  trace_note_alive(1);
  trace_note_lost(1);
  trace_move_fd();
  ck_assert(!trace_active());
  ck_assert(!trace_owns_fd(0));
  ck_assert_str_eq(trace_path(), "");
}
END_TEST

int main(void)
{
  Suite *suite = suite_create("trace");
  TCase *tc = unit_case(suite, "trace", 60);

  tcase_add_test(tc, the_header_names_process_and_machine);
  tcase_add_test(tc, facts_reach_the_header);
  tcase_add_loop_test(tc, a_stream_comes_back_as_it_was_written, 0, 5);
  tcase_add_test(tc, the_stream_s_first_record_says_whose_it_is);
  tcase_add_test(tc, plain_events_are_hot);
  tcase_add_test(tc, in_next_mode_every_event_has_its_time);
  tcase_add_test(tc, time_keeps_up);
  tcase_add_test(tc, a_mark_ends_all_runs_of_one_time);
  tcase_add_test(tc, a_record_left_half_way_is_lost);
  tcase_add_test(tc, large_blocks_have_times_of_their_own);
  tcase_add_test(tc, an_existing_file_is_not_overwritten);
  tcase_add_loop_test(tc, the_descriptor_is_high_and_closed_by_exec, 0, 5);
  tcase_add_test(tc, the_descriptor_gets_out_of_the_way);
  tcase_add_test(tc, without_a_trace_nothing_happens);
  return unit_main(suite);
}
