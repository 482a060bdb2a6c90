/*
 * The lines of `vmtrace dump`, to the byte, in both formats.
 */
#include <check.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "capture.h"
#include "must.h"
#include "output/digits.h"
#include "reader_assert.h"
#include "report/event_line.h"
#include "trace_maker.h"
#include "unit.h"

static void line_is(struct event_line *line, const struct event *event,
                    void (*write)(struct event_line *, const struct event *), const char *want)
{
  char *text = NULL;
  size_t size;

  line->emit->out = open_memstream(&text, &size);
  write(line, event);
  emit_flush(line->emit);
  fclose(line->emit->out);
  ck_assert_str_eq(text, want);
  free(text);
}

static const struct {
  struct event event;
  uint64_t old_size;
  const char *text, *json; /* behind what all lines begin with */
} lines[] = {
    {{.type = VT_R_ALLOC, .fields = 3, .field = {0x200000, 24, 16}, .stack = 17},
     0,
     "alloc        0x200000         size=24 stack=17\n",
     "\"addr\":\"0x200000\",\"size\":24,\"align\":16,\"stack\":17}\n"},
    {{.type = VT_R_ALLOC, .fields = 3, .field = {0x200000, 24, 64}},
     0,
     "alloc        0x200000         size=24 align=64\n",
     "\"addr\":\"0x200000\",\"size\":24,\"align\":64}\n"},
    {{.type = VT_R_FREE, .fields = 1, .field = {0x200000}},
     24,
     "free         0x200000         size=24\n",
     "\"addr\":\"0x200000\",\"size\":24}\n"},
    {{.type = VT_R_FREE, .fields = 1, .field = {0x200000}},
     0,
     "free         0x200000\n",
     "\"addr\":\"0x200000\",\"size\":0}\n"},
    {{.type = VT_R_REALLOC, .fields = 3, .field = {0x200000, 0x300000, 48}},
     24,
     "realloc      0x300000         size=48 old=0x200000 old_size=24\n",
     "\"addr\":\"0x300000\",\"size\":48,\"old\":\"0x200000\",\"old_size\":24}\n"},
    {{.type = VT_R_MMAP, .fields = 6, .field = {0x7000, 4096, 3, 34, UINT32_MAX, 0}, .stack = 20},
     0,
     "mmap         0x7000           size=4096 prot=0x3 flags=0x22 fd=-1 offset=0 stack=20\n",
     "\"addr\":\"0x7000\",\"size\":4096,\"prot\":3,\"flags\":34,\"fd\":-1,\"offset\":0,\"stack\":20}\n"},
    {{.type = VT_R_MODULE,
      .fields = 2,
      .field = {0x7000, 4096},
      .tail = (const uint8_t *)"/lib/a.so\0beef",
      .tail_len = 14},
     0,
     "module       0x7000           size=4096 name=/lib/a.so build_id=beef\n",
     "\"addr\":\"0x7000\",\"size\":4096,\"name\":\"/lib/a.so\",\"path\":\"/lib/a.so\",\"build_id\":\"beef\"}\n"},
    {{.type = VT_R_MODULE, .fields = 2, .field = {0x7000, 4096}, .tail = (const uint8_t *)"a\nb", .tail_len = 3},
     0,
     "module       0x7000           size=4096 name=a?b\n",
     "\"addr\":\"0x7000\",\"size\":4096,\"name\":\"a\\nb\",\"path\":\"a\\nb\",\"build_id\":\"\"}\n"},
    {{.type = VT_R_PFNS, .fields = 3, .field = {0x7000, 2, 1}, .tail = (const uint8_t *)"\x20\x02", .tail_len = 2},
     0,
     "pfns         0x7000           count=2 state=0x1 pfns=0x10,0x11\n",
     "\"addr\":\"0x7000\",\"count\":2,\"state\":1,\"pfns\":[\"0x10\",\"0x11\"]}\n"},
    {{.type = VT_R_THREAD, .fields = 4, .field = {VT_NO_THREAD, 0, 4711, 0}},
     0,
     "thread       parent=- ordinal=0 tid=4711 role=0\n",
     "\"parent\":null,\"ordinal\":0,\"tid\":4711,\"role\":0}\n"},
    {{.type = VT_R_THREAD_JOIN, .fields = 1, .field = {0}}, 0, "thread_join  child=0\n", "\"child\":\"0\"}\n"},
    {{.type = VT_R_MARK, .tail = (const uint8_t *)"ready", .tail_len = 5},
     0,
     "mark         name=ready\n",
     "\"name\":\"ready\"}\n"},
};

START_TEST(lines_are_exact)
{
  const char *path = temp_path("lines.vmt");
  static struct emit e;
  struct event_line line = {.emit = &e, .start_ns = 1000, .old_size = lines[_i].old_size};
  struct event event = lines[_i].event;
  struct trace_maker *m = maker_new(path);
  char want[512];

  maker_stream(m, VT_NO_THREAD, 0, VT_ROLE_PROGRAM);
  maker_finish(m);
  line.reader = reader_opened(path);
  emit_init(&e, NULL);
  event.time_ns = 2000001000;
  event.seq = 5;
  snprintf(want, sizeof want, "    2.000000000  0                5  %s", lines[_i].text);
  line_is(&line, &event, event_line_text, want);
  snprintf(want, sizeof want, "{\"op\":\"%s\",\"thread\":\"0\",\"seq\":5,\"time_ns\":2000001000,%s",
           reader_op_name(event.type), lines[_i].json);
  line_is(&line, &event, event_line_json, want);
  reader_close((struct reader *)line.reader);
}
END_TEST

/* Appends one line by each format. */
static void both_formats(struct event_line *line, const struct event *event)
{
  event_line_text(line, event);
  event_line_json(line, event);
}

/* What is kept from the line before is that of the same thread and time. */
START_TEST(lines_do_not_depend_on_those_before)
{
  const struct maker_shape shape = {.seed = 5, .threads = 5, .events = 20000, .grain = 3, .sampler = true};
  const char *path = temp_path("many.vmt");
  static struct emit kept, fresh;
  struct event_line line = {.emit = &kept};
  const struct event *event;
  unsigned n = 0;

  maker_random(path, &shape);
  line.reader = reader_opened(path);
  emit_init(&kept, NULL);
  emit_init(&fresh, NULL);
  while ((event = reader_next((struct reader *)line.reader))) {
    struct event_line alone = {.emit = &fresh, .reader = line.reader};
    void (*write)(struct event_line *, const struct event *) = n / 1000 % 3 == 0   ? event_line_text
                                                               : n / 1000 % 3 == 1 ? event_line_json
                                                                                   : both_formats;

    if (!reader_op_name(event->type))
      continue;
    kept.used = fresh.used = 0;
    write(&line, event);
    write(&alone, event);
    must(kept.used == fresh.used && !memcmp(kept.buffer, fresh.buffer, kept.used), "%.*s instead of %.*s",
         (int)kept.used, kept.buffer, (int)fresh.used, fresh.buffer);
    n++;
  }
  ck_assert_uint_gt(n, 10000);
  reader_close((struct reader *)line.reader);
}
END_TEST

static void numbers_are(uint64_t v)
{
  char want[64], got[DIGITS_ROOM + 1];

  snprintf(want, sizeof want, "%" PRIu64, v);
  *digits_decimal(got, v) = '\0';
  must(!strcmp(got, want), "%s instead of %s", got, want);
  snprintf(want, sizeof want, "%" PRId64, (int64_t)v);
  *digits_signed(got, (int64_t)v) = '\0';
  must(!strcmp(got, want), "%s instead of %s", got, want);
  snprintf(want, sizeof want, "0x%" PRIx64, v);
  *digits_hex(got, v) = '\0';
  must(!strcmp(got, want), "%s instead of %s", got, want);
  snprintf(want, sizeof want, "%9" PRIu64, v);
  *digits_right(got, v, 9, ' ') = '\0';
  must(!strcmp(got, want), "%s instead of %s", got, want);
  snprintf(want, sizeof want, "%05" PRIu64, v);
  *digits_right(got, v, 5, '0') = '\0';
  must(!strcmp(got, want), "%s instead of %s", got, want);
}

/* Around each power of two and of ten. */
START_TEST(numbers_as_printf_has_them)
{
  for (unsigned bit = 0; bit < 64; bit++) {
    for (int64_t near = -3; near <= 3; near++)
      numbers_are((UINT64_C(1) << bit) + (uint64_t)near);
  }
  for (uint64_t power = 1; power < UINT64_C(10000000000000000000); power *= 10) {
    for (int64_t near = -3; near <= 3; near++)
      numbers_are(power * 10 + (uint64_t)near);
  }
}
END_TEST

int main(void)
{
  Suite *suite = suite_create("event_lines");
  TCase *tests = unit_case(suite, "lines", 60);

  temp_path("");
  tcase_add_loop_test(tests, lines_are_exact, 0, (int)(sizeof lines / sizeof *lines));
  tcase_add_test(tests, lines_do_not_depend_on_those_before);
  tcase_add_test(tests, numbers_as_printf_has_them);
  return unit_main(suite);
}
