/*
 * Blocks that other threads freed and that their owner takes back, so as not
 * to waste memory (preload/heap/recycle.h): the trace says from when on addresses depend on that, and in its order
 * every free has its allocation, and no address has two owners.
 */
#include <inttypes.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "e2e_judge.h"

/* Rounds of tests/progs/handed_over.c: blocks begin to be taken back after about 150,000, when memory has been looked
 * through for the second time. */
#define ENOUGH "240000"
#define TOO_FEW "40000"

/* A block begins or ends at an address. */
struct turn {
  uint64_t addr;
  size_t order;
  uint32_t thread;
  bool begins;
};

struct turns {
  struct turn *all;
  size_t count, room;
};

static void add(struct turns *turns, struct turn turn)
{
  if (turns->count == turns->room) {
    turns->room = turns->room ? 2 * turns->room : 1 << 16;
    turns->all = realloc(turns->all, turns->room * sizeof *turns->all);
    ck_assert_ptr_nonnull(turns->all);
  }
  turn.order = turns->count;
  turns->all[turns->count++] = turn;
}

/* What follows "key":" in a line of the dump. */
static const char *value(const char *line, const char *key)
{
  char text[32];
  const char *at;

  snprintf(text, sizeof text, "\"%s\":\"", key);
  at = strstr(line, text);
  ck_assert_msg(at, "no %s in %s", key, line);
  return at + strlen(text);
}

/* A thread by its lineage, which is 0 or 0.N here. */
static uint32_t thread_of(const char *line)
{
  const char *thread = value(line, "thread");

  return thread[1] == '.' ? (uint32_t)strtoul(thread + 2, NULL, 10) + 1 : 0;
}

static void read_line(struct turns *turns, const char *line)
{
  const char *op = value(line, "op");
  bool alloc = !strncmp(op, "alloc\"", 6), again = !strncmp(op, "realloc\"", 8);
  struct turn turn = {.thread = thread_of(line)};

  if (!alloc) {
    turn.addr = strtoull(value(line, again ? "old" : "addr"), NULL, 0);
    add(turns, turn);
  }
  if (alloc || again) {
    turn.addr = strtoull(value(line, "addr"), NULL, 0);
    turn.begins = true;
    add(turns, turn);
  }
}

static int by_address(const void *a, const void *b)
{
  const struct turn *x = a, *y = b;

  if (x->addr != y->addr)
    return x->addr < y->addr ? -1 : 1;
  return x->order < y->order ? -1 : 1;
}

/* At each address beginnings and ends take turns.  Returns how often a block began where another thread had ended one.
 */
static size_t expect_turns(const char *trace)
{
  struct e2e_result dump;
  struct turns turns = {0};
  size_t taken_back = 0;
  char *rest;

  e2e_run(&(struct e2e_spec){.argv = E2E_ARGV("./vmtrace", "dump", "--format=json", "--op=alloc,free,realloc", trace),
                             .cwd = e2e_top()},
          &dump);
  e2e_expect_exit(&dump, 0);
  for (char *line = strtok_r(dump.out, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest))
    read_line(&turns, line);
  e2e_release(&dump);
  qsort(turns.all, turns.count, sizeof *turns.all, by_address);
  for (size_t i = 0; i < turns.count; i++) {
    const struct turn *turn = &turns.all[i], *before = turn - 1;
    bool same = i && before->addr == turn->addr;

    ck_assert_msg(turn->begins != (same && before->begins), "at 0x%" PRIx64 " a block %s twice", turn->addr,
                  turn->begins ? "begins" : "ends");
    taken_back += same && turn->begins && turn->thread != before->thread;
  }
  free(turns.all);
  return taken_back;
}

/* Returns how often blocks were taken back; *info is to be released. */
static size_t run(const char *rounds, json_t **info)
{
  const char *trace;
  struct e2e_result with;

  judge_same((struct e2e_spec){.argv = E2E_ARGV(e2e_prog("handed_over"), rounds)}, NULL, &with);
  e2e_expect_exit(&with, 0);
  ck_assert_str_eq(with.err, "");
  e2e_release(&with);
  trace = e2e_only_trace(e2e_dir());
  *info = judge_info(trace);
  ck_assert(json_is_true(e2e_get(*info, "complete")));
  ck_assert_int_eq(e2e_int(*info, "lost"), 0);
  return expect_turns(trace);
}

START_TEST(taken_back_in_order)
{
  json_t *info;
  const json_t *said;
  size_t taken_back = run(ENOUGH, &info);

  ck_assert(json_is_false(e2e_get(info, "deterministic")));
  ck_assert_ptr_nonnull(strstr(e2e_str(info, "nondet_reason"), "used again"));
  ck_assert_int_gt(e2e_int(info, "nondet_ns"), e2e_int(info, "start_ns"));
  said = json_array_get(e2e_get(info, "nondet"), 0);
  ck_assert_ptr_nonnull(said);
  ck_assert_ptr_nonnull(strstr(e2e_str(said, "reason"), "used again"));
  ck_assert_str_ne(e2e_str(said, "addr"), "0x0");
  ck_assert_int_gt(e2e_int(said, "event"), 0);
  ck_assert_uint_gt(taken_back, 10000);
  json_decref(info);
}
END_TEST

START_TEST(not_before_much_is_lost)
{
  json_t *info;
  size_t taken_back = run(TOO_FEW, &info);

  ck_assert(json_is_true(e2e_get(info, "deterministic")));
  ck_assert_uint_eq(taken_back, 0);
  json_decref(info);
}
END_TEST

int main(void)
{
  Suite *suite = suite_create("recycle");
  TCase *tcase = e2e_case(suite, "recycle", 240);

  tcase_add_test(tcase, taken_back_in_order);
  tcase_add_test(tcase, not_before_much_is_lost);
  return e2e_main(suite);
}
