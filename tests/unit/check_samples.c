/*
 * Samples in the trace: the sampler's stream of a real trace file, read by
 * the second reader, rebuilds what pagemap and the process say about pages,
 * mappings and values.
 */
#include <check.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/layout.h"
#include "base/lock_table.h"
#include "base/option.h"
#include "base/sys.h"
#include "capture.h"
#include "frames/page_entry.h"
#include "frames_sink.h"
#include "trace/samples.h"
#include "trace/trace.h"
#include "trace_decode.h"
#include "trace_ops.h"
#include "unit.h"

#define SECOND UINT64_C(1000000000)
#define NEVER 3600000
#define H_LAST_NS 200
#define PAGE_AT(base, i) ((base) + (size_t)(i)*FRAME_SIZE)

static struct options options = {.sample_ms = NEVER};

/* LEB128 as FORMAT.md has it, not by the codec's hand. */
static const uint8_t *read_leb(const uint8_t *p, const uint8_t *end, uint64_t *value)
{
  unsigned shift = 0;

  *value = 0;
  do {
    ck_assert_ptr_ne(p, end);
    *value |= (uint64_t)(*p & 0x7f) << shift;
    shift += 7;
  } while (*p++ & 0x80);
  return p;
}

static void replay_pfns(const struct decoded_event *e)
{
  const uint8_t *p = e->tail, *end = e->tail + e->tail_len;
  uint64_t pfn = 0, delta;
  static uint64_t pfns[8192];

  ck_assert_uint_le(e->field[1], 8192);
  for (uint64_t i = 0; i < e->field[1]; i++) {
    p = read_leb(p, end, &delta);
    pfn += delta >> 1 ^ -(delta & 1);
    pfns[i] = pfn;
  }
  ck_assert_ptr_eq(p, end);
  if (e->field[1] == 1)
    sink_table.pages(e->field[0], 1, (unsigned)e->field[2], pfns[0]);
  else
    sink_table.pfns(e->field[0], e->field[1], (unsigned)e->field[2], pfns);
}

static void replay_vma(const struct decoded_event *e)
{
  char path[4097] = "";

  ck_assert_uint_lt(e->tail_len, sizeof path);
  memcpy(path, e->tail, e->tail_len);
  sink_table.vma(&(struct sampler_vma){e->field[0], e->field[1], (uint32_t)e->field[2], e->field[3], e->field[4],
                                       e->field[5], path});
}

static void replay_event(const struct decoded_event *e)
{
  switch (e->number) {
  case 28:
    sink_table.begin((enum vt_sample_reason)e->field[0], (unsigned)e->field[1], e->field[2]);
    break;
  case 29:
    sink_table.pages(e->field[0], e->field[1], (unsigned)e->field[2], e->field[3]);
    break;
  case 30:
    replay_pfns(e);
    break;
  case 31:
    sink_table.end(e->field[0], e->field[1], e->field[2]);
    break;
  case 32:
    replay_vma(e);
    break;
  case 33:
    sink_table.vma_gone(e->field[0], e->field[1]);
    break;
  case 34:
    sink_table.value(e->field[0], (enum vt_value_type)e->field[1], e->field[2]);
    break;
  default:
    break;
  }
}

/* The sampler's stream of the trace at hand goes into the recording sink, which checks that it fits together. */
static struct decoded replay(void)
{
  struct decoded d;
  bool found = false;

  sink_reset();
  decode(&d, trace_path());
  for (unsigned i = 0; i < d.streams; i++) {
    const struct decoded_stream *s = &d.stream[i];

    if (s->count == 0 || s->event[0].number != 15 || s->event[0].field[3] != VT_ROLE_SAMPLER)
      continue;
    ck_assert(!found);
    found = true;
    for (size_t j = 0; j < s->count; j++)
      replay_event(&s->event[j]);
  }
  ck_assert(found);
  return d;
}

static void assert_page(int pagemap, const char *page)
{
  uint64_t word = pagemap_word(pagemap, page);

  ck_assert_uint_eq(sink_state(page) & VT_PG_PRESENT, word >> 63);
  ck_assert_uint_eq(!!(sink_state(page) & VT_PG_EXCLUSIVE), word >> 56 & 1);
  ck_assert_uint_eq(sink_pfn(page), word >> 63 ? word & ENTRY_PFN_MASK : 0);
}

START_TEST(pages_and_mappings)
{
  int pagemap = open("/proc/self/pagemap", O_RDONLY);
  size_t n = 20000;
  char *p = mmap(NULL, n * FRAME_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  struct decoded d;

  ck_assert_ptr_ne(p, MAP_FAILED);
  madvise(p, n * FRAME_SIZE, MADV_NOHUGEPAGE);
  ck_assert(trace_begin(temp_path("trace"), 0));
  ck_assert(samples_start(&options, false));
  /* In an order that scatters the frames: the lists of numbers fill several records. */
  for (size_t i = 0; i < n; i++)
    *PAGE_AT(p, i * 7919 % n) = 1;
  samples_take(VT_SAMPLE_MARK, SECOND);
  munmap(PAGE_AT(p, 100), 100 * FRAME_SIZE);
  samples_take(VT_SAMPLE_EXIT, SECOND);
  samples_stop();
  d = replay();
  ck_assert_int_eq(sink_last()->reason, VT_SAMPLE_EXIT);
  ck_assert_uint_ge(sink_count(), 2);
  for (size_t i = 0; i < n; i++) {
    if (i >= 100 && i < 200)
      ck_assert_uint_eq(sink_state(PAGE_AT(p, i)), 0);
    else
      assert_page(pagemap, PAGE_AT(p, i));
  }
  ck_assert_ptr_null(sink_vma_at(PAGE_AT(p, 100)));
  ck_assert_uint_eq(sink_vma_at(PAGE_AT(p, 99))->flags, VT_VMA_R | VT_VMA_W);
  ck_assert(strstr(sink_vma_at(&options)->path, "check_samples"));
  ck_assert(!sink_any(OWN_START, META_END));
  decoded_release(&d);
  close(pagemap);
}
END_TEST

static unsigned ticks;

static void count_tick(uint64_t now_ns)
{
  (void)now_ns;
  __atomic_add_fetch(&ticks, 1, __ATOMIC_RELAXED);
}

START_TEST(ticks_are_signs_of_life)
{
  static volatile long watched = -5;
  uint64_t tick = __atomic_load_n(&trace_tick, __ATOMIC_RELAXED);
  uint64_t start = sys_now();
  struct decoded d;

  options.sample_ms = 2;
  options.watch_count = 1;
  options.watch[0] = (struct option_watch){(uint64_t)(uintptr_t)&watched, VT_VALUE_LONG};
  samples_on_tick(count_tick);
  ck_assert(trace_begin(temp_path("trace"), 0));
  ck_assert(samples_start(&options, false));
  for (int i = 0; i < 10000 && __atomic_load_n(&ticks, __ATOMIC_RELAXED) < 5; i++)
    usleep(1000);
  watched = 6;
  samples_take(VT_SAMPLE_EXIT, SECOND);
  samples_stop();
  samples_on_tick(NULL);
  ck_assert_uint_ge((__atomic_load_n(&trace_tick, __ATOMIC_RELAXED) - tick) / TRACE_TICK, 5);
  d = replay();
  ck_assert_uint_gt(decoded_u64(&d, H_LAST_NS), start);
  ck_assert_uint_eq(sink_value_count(), 2);
  ck_assert_int_eq((int64_t)sink_value(0), -5);
  ck_assert_uint_eq(sink_value(1), 6);
  decoded_release(&d);
}
END_TEST

/* The child's samples are in the child's trace, and complete: nothing that it inherited is taken for known. */
START_TEST(fork_starts_anew)
{
  static char page[2 * FRAME_SIZE];
  pid_t child;
  int status;
  struct decoded d;

  page[FRAME_SIZE] = 1;
  ck_assert(trace_begin(temp_path("trace"), 0));
  ck_assert(samples_start(&options, false));
  samples_take(VT_SAMPLE_MARK, SECOND);
  lock_table_take();
  child = fork();
  if (child)
    lock_table_release();
  if (child == 0) {
    lock_table_renew(FORK_HELD);
    trace_renew(NULL);
    samples_renew();
    samples_take(VT_SAMPLE_EXIT, SECOND); /* no trace yet: nothing happens */
    ck_assert(trace_begin(temp_path("child"), 0));
    ck_assert(samples_start(&options, false));
    samples_take(VT_SAMPLE_EXIT, SECOND);
    samples_stop();
    d = replay();
    ck_assert_uint_eq(sink_sample(0)->number, 0);
    ck_assert_uint_ne(sink_state(PAGE_AT(page, 1)), 0);
    ck_assert_uint_gt(sink_vma_count(), 5);
    _exit(EXIT_SUCCESS);
  }
  ck_assert_int_eq(waitpid(child, &status, 0), child);
  ck_assert_int_eq(status, 0);
  samples_poke(VT_SAMPLE_FORK);
  samples_take(VT_SAMPLE_EXIT, SECOND);
  samples_stop();
  d = replay();
  ck_assert_int_eq(sink_last()->reason, VT_SAMPLE_EXIT);
  ck_assert_uint_eq(sink_reports(PAGE_AT(page, 1)) > 0, 1);
  decoded_release(&d);
}
END_TEST

/* Around unshare and setuid: the stream goes on, and says what is new only. */
START_TEST(stop_and_start_go_on)
{
  struct decoded d;

  ck_assert(trace_begin(temp_path("trace"), 0));
  for (int i = 0; i < 5; i++) {
    ck_assert(samples_start(&options, false));
    samples_take(VT_SAMPLE_MARK, SECOND);
    samples_stop();
  }
  d = replay();
  for (unsigned i = 0; i < sink_count(); i++)
    ck_assert_uint_eq(sink_sample(i)->number, i);
  ck_assert_uint_ge(sink_count(), 5);
  ck_assert_uint_lt(sink_last()->changes, sink_sample(0)->changes);
  decoded_release(&d);
}
END_TEST

/* Chunks of the helper's stream are claimed from its own descriptor table, where the trace's file is, whatever the
 * program does to its descriptors, and wherever the file has gone. */
START_TEST(program_closes_everything)
{
  size_t n = 40000;
  char *p = mmap(NULL, n * FRAME_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  unsigned rounds = 12;
  char moved[4200];
  struct decoded d;

  ck_assert_ptr_ne(p, MAP_FAILED);
  madvise(p, n * FRAME_SIZE, MADV_NOHUGEPAGE);
  ck_assert(trace_begin(temp_path("trace"), 0));
  ck_assert(samples_start(&options, false));
  closefrom(3);
  snprintf(moved, sizeof moved, "%s.moved", trace_path());
  ck_assert_int_eq(rename(trace_path(), moved), 0);
  for (unsigned i = 0; i < rounds; i++) {
    for (size_t j = 0; j < n; j++)
      *PAGE_AT(p, j * 7919 % n) = 1;
    samples_take(VT_SAMPLE_MARK, SECOND);
    madvise(p, n * FRAME_SIZE, MADV_DONTNEED);
  }
  samples_take(VT_SAMPLE_EXIT, SECOND);
  samples_stop();
  ck_assert(trace_active());
  ck_assert_int_eq(rename(moved, trace_path()), 0);
  d = replay();
  ck_assert_uint_ge(sink_count(), rounds + 1);
  ck_assert_int_eq(sink_last()->reason, VT_SAMPLE_EXIT);
  for (size_t j = 0; j < n; j++)
    ck_assert_uint_eq(sink_state(PAGE_AT(p, j)), 0);
  ck_assert_uint_ge(sink_reports(p), 2);
  decoded_release(&d);
}
END_TEST

START_TEST(without_a_trace_nothing_happens)
{
  ck_assert(!samples_start(&options, false));
  samples_take(VT_SAMPLE_EXIT, SECOND);
  samples_poke(VT_SAMPLE_FORK);
  samples_stop();
  samples_renew();
}
END_TEST

int main(void)
{
  Suite *suite = suite_create("samples");
  TCase *tests = unit_case(suite, "all", 60);

  tcase_add_test(tests, pages_and_mappings);
  tcase_add_test(tests, ticks_are_signs_of_life);
  tcase_add_test(tests, fork_starts_anew);
  tcase_add_test(tests, stop_and_start_go_on);
  tcase_add_test(tests, program_closes_everything);
  tcase_add_test(tests, without_a_trace_nothing_happens);
  return unit_main(suite);
}
