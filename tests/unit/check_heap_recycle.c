/*
 * Blocks that other threads freed between live ones: used again once too much
 * memory lies idle in that way, never before.  A team of threads replaces blocks in shared places at random, so
 * that nearly every block is freed by another thread than its owner, in no order.
 */
#include <check.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "heap/heap_fast.h"

#include "must.h"
#include "unit.h"

#define TEAM 4
#define PLACES 60000
#define ROUNDS 250000 /* of each thread: about 200 MB in all, of which 12 MB live at a time */
#define SIZE_MAX_HERE 400

/* A block's first bytes; the others all hold the low byte of tag. */
struct stamp {
  uint32_t tag, size;
};

static struct stamp *place[PLACES];
static enum vt_nondet reported;
static unsigned reports;

static void note(enum vt_nondet reason, uint64_t addr)
{
  (void)addr;
  reported = reason;
  __atomic_fetch_add(&reports, 1, __ATOMIC_RELAXED);
}

static void write_stamp(struct stamp *s, uint32_t tag, uint32_t size)
{
  memset(s, (int)(tag & 0xff), size);
  *s = (struct stamp){tag, size};
}

/* Nobody else has written to the block since. */
static void check_stamp(const struct stamp *s)
{
  const uint8_t *byte = (const uint8_t *)s;

  need(s->size >= sizeof *s && s->size <= SIZE_MAX_HERE + sizeof *s);
  for (uint32_t i = sizeof *s; i < s->size; i++)
    need(byte[i] == (s->tag & 0xff));
}

struct member {
  struct heap *heap;
  uint32_t number;
};

static void *replace(void *arg)
{
  struct member *m = arg;
  uint64_t x = m->number * UINT64_C(0x9e3779b97f4a7c15) + 1;

  for (uint32_t i = 0; i < ROUNDS; i++) {
    uint32_t size;
    struct stamp *mine, *old;

    x = x * 6364136223846793005u + 1;
    size = (uint32_t)(sizeof *mine + (x >> 40) % SIZE_MAX_HERE);
    mine = heap_alloc(m->heap, size);
    need(mine);
    write_stamp(mine, (uint32_t)(x >> 33), size);
    old = __atomic_exchange_n(&place[(x >> 20) % PLACES], mine, __ATOMIC_ACQ_REL);
    if (!old)
      continue;
    check_stamp(old);
    need(heap_free(m->heap, old) == HEAP_OK);
  }
  heap_thread_end(m->heap);
  return NULL;
}

/* All blocks are whole at the end. */
static void run_team(void)
{
  struct heap *heap = heap_main();
  struct member team[TEAM];
  pthread_t threads[TEAM];

  heap_set_nondet(note);
  for (uint32_t i = 0; i < TEAM; i++) {
    team[i] = (struct member){heap_child(heap), i};
    need(team[i].heap);
    need(!pthread_create(&threads[i], NULL, replace, &team[i]));
  }
  for (uint32_t i = 0; i < TEAM; i++)
    pthread_join(threads[i], NULL);
  for (unsigned i = 0; i < PLACES; i++) {
    if (!place[i])
      continue;
    check_stamp(place[i]);
    need(heap_free(heap, place[i]) == HEAP_OK);
  }
}

START_TEST(too_much_idle_memory_is_used_again)
{
  heap_recycle_above(UINT64_C(1) << 20);
  run_team();
  ck_assert_uint_eq(reported, VT_NONDET_RECYCLED);
  ck_assert_uint_eq(reports, 1);
  ck_assert(heap_recycles());
}
END_TEST

START_TEST(by_the_rule_nothing_is)
{
  heap_recycle_above(UINT64_MAX);
  run_team();
  ck_assert_uint_eq(reports, 0);
  ck_assert(!heap_recycles());
}
END_TEST

int main(void)
{
  Suite *suite = suite_create("heap_recycle");
  TCase *tests = unit_case(suite, "heap_recycle", 240);

  tcase_add_test(tests, too_much_idle_memory_is_used_again);
  tcase_add_test(tests, by_the_rule_nothing_is);
  return unit_main(suite);
}
