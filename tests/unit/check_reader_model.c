/*
 * Tests of the parts beside the merge: the live set, the table of blocks, the
 * digest, text helpers.
 */
#include <check.h>
#include <jansson.h>
#include <stdlib.h>

#include "capture.h"
#include "output/emit.h"
#include "output/quantity.h"
#include "reader/liveness.h"
#include "reader_assert.h"
#include "report/event_line.h"
#include "report/info_report.h"
#include "trace_maker.h"
#include "track/digest.h"
#include "track/heap/blocks.h"
#include "tracked.h"
#include "unit.h"
#include "workload.h"

#define UNITS 40000

static uint64_t random_number(uint64_t *state)
{
  *state = *state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
  return *state >> 20;
}

/* Against an array of flags: dense and sparse addresses, growth, emptying. */
START_TEST(live_set)
{
  static bool live[UNITS];
  struct liveness l;
  uint64_t state = (uint64_t)_i, spread = _i % 2 ? 1 : 0x123456789;

  memset(live, 0, sizeof live);
  liveness_init(&l);
  for (unsigned i = 0, rounds = workload(1000000); i < rounds; i++) {
    uint64_t k = random_number(&state) % (i < rounds / 2 ? UNITS : 200), unit = k * spread;

    ck_assert_int_eq(liveness_has(&l, unit), live[k]);
    if (random_number(&state) % 3)
      ck_assert_int_eq(liveness_end(&l, unit), live[k]);
    else
      ck_assert_int_eq(liveness_begin(&l, unit), !live[k]);
    live[k] = liveness_has(&l, unit);
  }
  for (uint64_t k = 0; k < UNITS; k++)
    ck_assert_int_eq(liveness_end(&l, k * spread), live[k]);
  ck_assert_uint_eq(l.used, 0);
  liveness_release(&l);
}
END_TEST

START_TEST(block_table)
{
  static uint64_t sizes[UNITS];
  struct blocks b;
  struct block removed;
  uint64_t state = 5, n = 0;

  memset(sizes, 0, sizeof sizes);
  ck_assert(blocks_init(&b));
  for (unsigned i = 0, rounds = workload(1000000); i < rounds; i++) {
    uint64_t k = random_number(&state) % UNITS, addr = 0x200000 + k * 48;
    struct block block = {.addr = addr, .size = 1 + i, .stack = i * 3};

    if (random_number(&state) % 2) {
      ck_assert_int_eq(blocks_remove(&b, addr, &removed), sizes[k] != 0);
      ck_assert_uint_eq(removed.size, sizes[k]);
      ck_assert_uint_eq(removed.stack, sizes[k] ? (uint32_t)(sizes[k] - 1) * 3 : 0);
      n -= sizes[k] != 0;
      sizes[k] = 0;
    } else {
      ck_assert(blocks_add(&b, &block));
      n += sizes[k] == 0;
      sizes[k] = 1 + i;
    }
    ck_assert_int_eq(blocks_find(&b, addr) != NULL, sizes[k] != 0);
    ck_assert_uint_eq(b.used, n);
  }
  ck_assert_ptr_null(blocks_find(&b, 0));
  ck_assert(blocks_add(&b, &(struct block){.size = 1}));
  ck_assert_ptr_null(blocks_find(&b, 0));
  blocks_release(&b);
}
END_TEST

/* What a digest says of a trace with these changes to the header; fields of interest only. */
static struct digest digest_of(const char *path, struct vt_file_header *kept)
{
  struct reader *r = reader_opened(path);
  struct digest d = digest_made(r);

  tracker_digest.release(&d);
  *kept = *d.header;
  d.header = kept;
  reader_close(r);
  return d;
}

START_TEST(digest_counts)
{
  const char *path = temp_path("digest.vmt");
  struct trace_maker *m = maker_new(path);
  struct maker_stream *s = maker_stream(m, VT_NO_THREAD, 0, VT_ROLE_PROGRAM);
  struct vt_file_header h;
  struct digest d;

  for (unsigned i = 0; i < 10; i++)
    maker_alloc(s, 0x200000 + i * 16, 10);
  maker_free(s, 0x200000);
  MAKE(s, MMAP, 0x100000000000, 4096, 3, 0x22, UINT32_MAX, 0);
  maker_time(s, 1000005000);
  maker_end_chunk(s);
  s->lost = 5;
  maker_free(s, 0x200010);
  MAKE(s, LOSS, VT_LOSS_SIGNAL, 7);
  m->header.lost = 6;
  m->header.end_ns = 0;
  m->header.ended = VT_ENDED_UNKNOWN;
  maker_finish(m);
  d = digest_of(path, &h);
  ck_assert_uint_eq(d.count[VT_R_ALLOC], 10);
  ck_assert_uint_eq(d.count[VT_R_FREE], 2);
  ck_assert_uint_eq(d.count[VT_R_MMAP], 1);
  ck_assert_uint_eq(d.lost, 7);
  ck_assert_uint_eq(d.end_ns, 1000005000);
  ck_assert_str_eq(digest_ended(&d), "unknown");
  ck_assert(d.complete && d.deterministic);
}
END_TEST

START_TEST(digest_judges)
{
  static const struct {
    uint32_t stop, nondet, ended;
    uint64_t claimed;
    bool complete, deterministic;
    const char *word;
  } cases[] = {
      {0, 0, VT_ENDED_EXIT, 0, true, true, "exit"},
      {VT_LOSS_DISK_FULL, 0, VT_ENDED_SIGNAL, 0, false, true, "signal"},
      {0, VT_NONDET_TAKEN, VT_ENDED_EXEC, 0, true, false, "exec"},
      {0, 0, 99, UINT64_C(1) << 40, false, true, "unknown"},
  };

  for (unsigned i = 0; i < sizeof cases / sizeof *cases; i++) {
    const char *path = temp_path("judge.vmt");
    struct trace_maker *m = maker_new(path);
    struct vt_file_header h;
    struct digest d;

    maker_stream(m, VT_NO_THREAD, 0, VT_ROLE_PROGRAM);
    m->header.stop_reason = cases[i].stop;
    m->header.nondet_reason = cases[i].nondet;
    m->header.ended = cases[i].ended;
    m->header.claimed = cases[i].claimed;
    m->header.last_ns = 5000000000;
    maker_finish(m);
    d = digest_of(path, &h);
    ck_assert_int_eq(d.complete, cases[i].complete);
    ck_assert_int_eq(d.deterministic, cases[i].deterministic);
    ck_assert_str_eq(digest_ended(&d), cases[i].word);
  }
  for (uint32_t i = 1; i < VT_LOSS_MAX; i++)
    ck_assert_uint_gt(strlen(digest_stop_words(i)), 5);
  for (uint32_t i = 1; i < VT_NONDET_MAX; i++)
    ck_assert_uint_gt(strlen(digest_nondet_words(i)), 5);
  ck_assert_str_eq(digest_nondet_words(1000), "an unknown reason");
}
END_TEST

/* All keys of the contract, and their types. */
START_TEST(info_keys)
{
  static const struct {
    const char *key;
    json_type type;
  } keys[] = {
      {"pid", JSON_INTEGER},   {"ppid", JSON_INTEGER},   {"exe", JSON_STRING},         {"cmdline", JSON_ARRAY},
      {"host", JSON_STRING},   {"boot_id", JSON_STRING}, {"start_ns", JSON_INTEGER},   {"end_ns", JSON_INTEGER},
      {"ended", JSON_STRING},  {"heap", JSON_STRING},    {"threads", JSON_INTEGER},    {"events", JSON_OBJECT},
      {"lost", JSON_INTEGER},  {"complete", JSON_TRUE},  {"deterministic", JSON_TRUE}, {"samples", JSON_INTEGER},
      {"damage", JSON_OBJECT},
  };
  static const char *const ops[] = {"alloc", "free", "realloc", "mmap", "munmap", "fork", "thread"};
  const char *path = temp_path("keys.vmt");
  struct trace_maker *m = maker_new(path);
  struct reader *r;
  struct digest d;
  json_t *o;

  strcpy(m->header.exe, "/bin/\xff\xc3(\xe2\x82\xac");
  maker_finish(m);
  r = reader_opened(path);
  d = digest_made(r);
  o = digest_json(&d);
  tracker_digest.release(&d);
  for (unsigned i = 0; i < sizeof keys / sizeof *keys; i++) {
    ck_assert_msg(json_object_get(o, keys[i].key), "%s", keys[i].key);
    ck_assert_int_eq(json_typeof(json_object_get(o, keys[i].key)), keys[i].type);
  }
  for (unsigned i = 0; i < sizeof ops / sizeof *ops; i++)
    ck_assert_int_eq(json_integer_value(json_object_get(json_object_get(o, "events"), ops[i])), 0);
  ck_assert_str_eq(json_string_value(json_object_get(o, "exe")), "/bin/\xef\xbf\xbd\xef\xbf\xbd(\xe2\x82\xac");
  ck_assert_str_eq(json_string_value(json_object_get(o, "boot_id")), "b0b0b0b0-b0b0-b0b0-b0b0-b0b0b0b0b0b0");
  ck_assert_uint_eq(json_array_size(json_object_get(o, "cmdline")), 2);
  ck_assert_str_eq(json_string_value(json_array_get(json_object_get(o, "cmdline"), 1)), "-v");
  json_decref(o);
  reader_close(r);
}
END_TEST

static char *emitted(struct emit *e, FILE **f, char **text, size_t *size)
{
  emit_flush(e);
  fclose(*f);
  *f = open_memstream(text, size);
  e->out = *f;
  return *text;
}

START_TEST(emit_numbers)
{
  static struct emit e;
  char *text = NULL, want[256];
  size_t size;
  FILE *f = open_memstream(&text, &size);
  const uint64_t numbers[] = {0, 1, 9, 10, 99, 100, 101, 999, 1000, 12345, 0x200000, UINT32_MAX, INT64_MAX, UINT64_MAX};

  emit_init(&e, f);
  for (unsigned i = 0; i < sizeof numbers / sizeof *numbers; i++) {
    uint64_t v = numbers[i];

    emit_u64(&e, v);
    emit_char(&e, ' ');
    emit_hex(&e, v);
    emit_char(&e, ' ');
    emit_i64(&e, (int64_t)v);
    emit_char(&e, ' ');
    emit_u64_width(&e, v, 12, '0');
    emit_u64_width(&e, v, 7, ' ');
    emitted(&e, &f, &text, &size);
    snprintf(want, sizeof want, "%lu 0x%lx %ld %012lu%7lu", v, v, (int64_t)v, v, v);
    ck_assert_str_eq(text, want);
    free(text);
  }
  fclose(f);
  free(text);
}
END_TEST

START_TEST(emit_strings)
{
  static const struct {
    const char *text, *json, *clean;
  } cases[] = {
      {"plain", "\"plain\"", "plain"},
      {"q\"b\\n\nt\t\x01\x7f", "\"q\\\"b\\\\n\\nt\\t\\u0001\\u007f\"", "q\"b\\n?t???"},
      {"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80", "\"\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\"",
       "\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80"},
      {"\xff\xc0\x80\xed\xa0\x80\xe2\x82", /* no UTF-8, overlong, a surrogate, cut */
       "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\"",
       "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"},
      {"\xc2\x9b"
       "31m\xe2\x80\xae"
       "gpj\xe2\x80\x8b.\xe2\x80\xa8\xf3\xa0\x80\xa1", /* CSI, an override, no width, a line, a tag */
       "\"\xc2\x9b"
       "31m\xe2\x80\xae"
       "gpj\xe2\x80\x8b.\xe2\x80\xa8\xf3\xa0\x80\xa1\"",
       "?31m?gpj?.??"},
  };
  static struct emit e;
  char *text = NULL;
  size_t size;
  FILE *f = open_memstream(&text, &size);

  emit_init(&e, f);
  for (unsigned i = 0; i < sizeof cases / sizeof *cases; i++) {
    emit_json_string(&e, (const uint8_t *)cases[i].text, strlen(cases[i].text));
    emitted(&e, &f, &text, &size);
    ck_assert_str_eq(text, cases[i].json);
    free(text);
    emit_plain(&e, (const uint8_t *)cases[i].text, strlen(cases[i].text));
    emitted(&e, &f, &text, &size);
    ck_assert_str_eq(text, cases[i].clean);
    free(text);
  }
  fclose(f);
  free(text);
}
END_TEST

/* Lines of any length pass through the buffer whole; a failed write is noticed. */
START_TEST(emit_buffer)
{
  static struct emit e;
  FILE *full = fopen("/dev/full", "w"), *f;
  char *text = NULL;
  size_t size;

  f = open_memstream(&text, &size);
  emit_init(&e, f);
  for (unsigned i = 0; i < 100000; i++) {
    emit_text(&e, "0123456789");
    emit_u64(&e, i % 10);
  }
  emit_flush(&e);
  fclose(f);
  ck_assert_uint_eq(size, 1100000);
  for (unsigned i = 0; i < 100000; i++)
    ck_assert_int_eq(text[i * 11 + 10], '0' + (char)(i % 10));
  ck_assert(!e.failed);
  free(text);
  setbuf(full, NULL);
  emit_init(&e, full);
  emit_text(&e, "x");
  emit_flush(&e);
  ck_assert(e.failed);
  fclose(full);
}
END_TEST

/* One line for each event of a trace that has them all; as JSON each parses and has the keys that always are there. */
START_TEST(lines_of_all_events)
{
  const struct maker_shape shape = {.seed = 7, .threads = 4, .events = 20000, .grain = 8, .sampler = true};
  const char *path = temp_path("lines.vmt");
  static struct emit e;
  char *text = NULL;
  size_t size;
  FILE *f = open_memstream(&text, &size);
  struct event_line line = {.emit = &e};
  const struct event *event;

  maker_random(path, &shape);
  line.reader = reader_opened(path);
  emit_init(&e, f);
  while ((event = reader_next((struct reader *)line.reader))) {
    json_t *o;
    const char *op = reader_op_name(event->type);

    if (!op)
      continue;
    event_line_json(&line, event);
    emitted(&e, &f, &text, &size);
    o = json_loads(text, JSON_REJECT_DUPLICATES, NULL);
    ck_assert_msg(o != NULL, "%s", text);
    ck_assert_ptr_eq(strchr(text, '\n'), text + size - 1);
    ck_assert_str_eq(json_string_value(json_object_get(o, "op")), op);
    ck_assert_str_eq(json_string_value(json_object_get(o, "thread")), reader_lineage(line.reader, event->thread));
    ck_assert_uint_eq((uint64_t)json_integer_value(json_object_get(o, "seq")), event->seq);
    ck_assert_uint_eq((uint64_t)json_integer_value(json_object_get(o, "time_ns")), event->time_ns);
    if (vt_record_class(event->type) == VT_CLASS_BLOCK || event->type == VT_R_MMAP) {
      ck_assert(json_is_string(json_object_get(o, "addr")));
      ck_assert(json_is_integer(json_object_get(o, "size")));
    }
    json_decref(o);
    free(text);
    event_line_text(&line, event);
    emitted(&e, &f, &text, &size);
    ck_assert_ptr_eq(strchr(text, '\n'), text + size - 1);
    ck_assert_ptr_nonnull(strstr(text, op));
    free(text);
  }
  reader_close((struct reader *)line.reader);
  fclose(f);
  free(text);
}
END_TEST

START_TEST(quantities)
{
  char buf[QUANTITY_MAX];

  ck_assert_str_eq(quantity_bytes(buf, 0), "0 B");
  ck_assert_str_eq(quantity_bytes(buf, 1023), "1023 B");
  ck_assert_str_eq(quantity_bytes(buf, 1536), "1.50 KiB");
  ck_assert_str_eq(quantity_bytes(buf, UINT64_MAX), "16.0 EiB");
  ck_assert_str_eq(quantity_time(buf, 730), "730 ns");
  ck_assert_str_eq(quantity_time(buf, 1250000), "1.25 ms");
  ck_assert_str_eq(quantity_time(buf, UINT64_C(2980000000)), "2.98 s");
  ck_assert_str_eq(quantity_time(buf, UINT64_C(192000000000)), "3 min 12 s");
  ck_assert_str_eq(quantity_count(buf, 7), "7");
  ck_assert_str_eq(quantity_count(buf, 24113), "24,113");
  ck_assert_str_eq(quantity_count(buf, UINT64_MAX), "18,446,744,073,709,551,615");
}
END_TEST

int main(void)
{
  Suite *suite = suite_create("reader_model");
  TCase *tcase = unit_case(suite, "parts", 120);

  temp_path("");
  tcase_add_loop_test(tcase, live_set, 0, 4);
  tcase_add_test(tcase, block_table);
  tcase_add_test(tcase, digest_counts);
  tcase_add_test(tcase, digest_judges);
  tcase_add_test(tcase, info_keys);
  tcase_add_test(tcase, emit_numbers);
  tcase_add_test(tcase, emit_strings);
  tcase_add_test(tcase, emit_buffer);
  tcase_add_test(tcase, lines_of_all_events);
  tcase_add_test(tcase, quantities);
  return unit_main(suite);
}
