/*
 * What is looked up ahead of a stream is what the stream then says: in
 * windows of any size, over records of all kinds.
 */
#include <check.h>

#include "capture.h"
#include "must.h"
#include "reader/prefetch.h"
#include "reader/stream_list.h"
#include "trace_maker.h"
#include "unit.h"

#define AHEAD_MAX 128

/* Units that were told ahead and the stream has not reached. */
struct queue {
  uint64_t unit[AHEAD_MAX];
  unsigned head, count;
};

/* Reads a stream to its end; how many of its hot events had been told before. */
static unsigned follow(struct stream *s, unsigned *hot)
{
  struct prefetch prefetch = {0};
  struct queue q = {0};
  unsigned told = 0;
  uint64_t unit;

  for (;;) {
    bool is_hot = stream_hot(s);
    enum stream_step step = is_hot ? STREAM_EVENT : stream_step(s);

    if (step == STREAM_END)
      return told;
    /* The last records of a chunk are hot, too, but not told. */
    if (is_hot && q.count) {
      must(q.unit[q.head % AHEAD_MAX] == s->event.field[0] >> s->shift, "another unit than what was told");
      q.head++;
      q.count--;
      told++;
    }
    *hot += is_hot;
    if (!s->window || prefetch.place != s->offset + s->loaded || prefetch.cur < s->cur)
      q.count = 0; /* it will begin anew */
    if (!s->window)
      continue;
    prefetch_follow(&prefetch, s);
    while (prefetch_next(&prefetch, s, &unit)) {
      must(q.count < AHEAD_MAX, "farther ahead than it may be");
      q.unit[(q.head + q.count++) % AHEAD_MAX] = unit;
    }
  }
}

START_TEST(units_are_as_told)
{
  static const size_t windows[] = {512, 4096, 65536};
  const struct maker_shape shape = {.seed = 11, .threads = 3, .events = 40000, .grain = 16};
  const char *path = temp_path("prefetch.vmt");
  unsigned told = 0, hot = 0;
  struct stream_shared shared;
  struct trace_file file;
  struct stream_list streams;

  maker_random(path, &shape);
  ck_assert_int_eq(trace_file_open(&file, path), 0);
  stream_list_build(&streams, &file);
  shared = (struct stream_shared){.file = &file, .window_max = windows[_i], .window_max_packed = windows[_i]};
  for (size_t i = 0; i < streams.count; i++) {
    struct stream s;

    ck_assert(stream_init(&s, &shared, streams.all[i].first, streams.all[i].count));
    told += follow(&s, &hot);
    stream_release(&s);
  }
  ck_assert_uint_gt(hot, 10000);
  ck_assert_uint_gt(told, hot / 2);
  stream_shared_release(&shared);
  stream_list_release(&streams);
  trace_file_close(&file);
}
END_TEST

int main(void)
{
  Suite *suite = suite_create("prefetch");
  TCase *tests = unit_case(suite, "prefetch", 60);

  temp_path("");
  tcase_add_loop_test(tests, units_are_as_told, 0, 3);
  return unit_main(suite);
}
