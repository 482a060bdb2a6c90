/*
 * The pinned heap against a model: long random sequences of operations of all
 * kinds, every block filled with a pattern of its own; and the rule that addresses depend
 * on the owner's calls alone, whatever other threads and the kernel do meanwhile.
 */
#include <check.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/lock_table.h"
#include "heap/heap_fast.h"

#include "emulated.h"
#include "must.h"
#include "unit.h"
#include "workload.h"

#define SLOTS 3000

struct slot {
  unsigned char *p;
  size_t size;
  unsigned char tag;
};

struct model {
  struct heap *heap;
  struct slot slots[SLOTS];
  uint64_t random;
  uint64_t digest; /* of every address handed out */
  size_t live, max_live;
};

static uint64_t draw(struct model *m)
{
  m->random ^= m->random << 13;
  m->random ^= m->random >> 7;
  m->random ^= m->random << 17;
  return m->random;
}

static size_t draw_size(struct model *m)
{
  uint64_t kind = draw(m) % 1000, r = draw(m) >> 8;

  if (kind < 500)
    return r % 200;
  if (kind < 850)
    return r % 3000;
  if (kind < 960)
    return r % 40000;
  return kind < 996 ? r % 300000 : r % (6u << 20);
}

/* Touches the ends and some of the middle: enough to notice overlaps. */
static void fill(const struct slot *s)
{
  size_t step = s->size > 20000 ? 1021 : 13;

  for (size_t i = 0; i < s->size; i += step)
    s->p[i] = (unsigned char)(s->tag + i);
  if (s->size)
    s->p[s->size - 1] = s->tag;
}

static void verify(const struct slot *s, size_t size)
{
  size_t step = s->size > 20000 ? 1021 : 13;

  for (size_t i = 0; i < size; i += step) {
    if (i != s->size - 1)
      need(s->p[i] == (unsigned char)(s->tag + i));
  }
  if (s->size && size == s->size)
    need(s->p[size - 1] == s->tag);
}

static void note(struct model *m, const void *p)
{
  m->digest = (m->digest ^ (uintptr_t)p) * UINT64_C(0x100000001b3);
}

static void allocate(struct model *m, struct slot *s)
{
  uint64_t how = draw(m) % 10;
  size_t size = draw_size(m), align = (size_t)1 << draw(m) % 13;

  if (m->live + size > m->max_live)
    return;
  if (how < 7)
    s->p = heap_alloc(m->heap, size);
  else if (how < 9)
    s->p = heap_alloc_zeroed(m->heap, size);
  else
    s->p = heap_alloc_aligned(m->heap, draw(m) % 50 ? align : align << 10, size);
  need(s->p);
  if (how == 9)
    need((uintptr_t)s->p % align == 0);
  if (how == 7 || how == 8) {
    for (size_t i = 0; i < size; i++)
      need(s->p[i] == 0);
  }
  s->size = size;
  s->tag = (unsigned char)draw(m);
  m->live += size;
  note(m, s->p);
  fill(s);
}

static void resize(struct model *m, struct slot *s)
{
  uint64_t how = draw(m) % 4;
  size_t old = s->size, size = how ? old + old / 8 + draw(m) % 100 : draw_size(m);
  void *result;

  if (m->live - old + size > m->max_live)
    return;
  need(heap_resize(m->heap, s->p, size, &result) == HEAP_OK);
  need(result);
  s->p = result;
  if (size > old) {
    verify(s, old);
  } else if (size) {
    /* The new last byte carries no mark of its own. */
    struct slot part = {s->p, old, s->tag};

    verify(&part, size);
  }
  m->live += size - old;
  s->size = size;
  note(m, s->p);
  fill(s);
}

static void step(struct model *m)
{
  struct slot *s = &m->slots[draw(m) % SLOTS];

  if (!s->p) {
    allocate(m, s);
  } else if (draw(m) % 4 == 0) {
    verify(s, s->size);
    resize(m, s);
  } else {
    verify(s, s->size);
    m->live -= s->size;
    need(heap_free(m->heap, s->p) == HEAP_OK);
    s->p = NULL;
  }
}

static struct model *model_new(uint64_t seed, struct heap *heap)
{
  struct model *m = mmap(NULL, sizeof *m, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

  m->heap = heap;
  m->random = seed * 2654435761u + 88172645463325252u;
  m->max_live = 300u << 20;
  return m;
}

START_TEST(random_operations)
{
  struct model *m = model_new((uint64_t)_i + 1, heap_main());
  struct heap_stats stats;

  if (emulated_without("random_operations", "MREMAP_DONTUNMAP"))
    return;
  for (unsigned i = 0, rounds = workload(200000); i < rounds; i++)
    step(m);
  for (unsigned i = 0; i < SLOTS; i++) {
    if (m->slots[i].p) {
      verify(&m->slots[i], m->slots[i].size);
      ck_assert_int_eq(heap_free(m->heap, m->slots[i].p), HEAP_OK);
      ck_assert_int_eq(heap_free(m->heap, m->slots[i].p), HEAP_DOUBLE);
    }
  }
  heap_get_stats(&stats);
  ck_assert_uint_eq(stats.live_blocks, 0);
  ck_assert_uint_eq(stats.live_bytes, 0);
}
END_TEST

/* What happens beside the owner in the runs that are compared. */
enum beside { BESIDE_NOTHING, BESIDE_TRIM, BESIDE_FREES, BESIDE_BOTH };

#define HANDED 4096

struct handover {
  void *blocks[HANDED]; /* put by the owner, taken by the other thread, at its own pace */
  int stop;
  enum beside beside;
};

static void *meddle(void *arg)
{
  struct handover *h = arg;
  struct heap *heap = heap_adopt();
  unsigned turn = 0;

  while (!__atomic_load_n(&h->stop, __ATOMIC_ACQUIRE)) {
    for (unsigned i = 0; i < HANDED && (h->beside & BESIDE_FREES); i++) {
      void *p = __atomic_exchange_n(&h->blocks[i], NULL, __ATOMIC_ACQ_REL);

      if (p && heap_free(heap, p) != HEAP_OK)
        abort();
    }
    if (h->beside & BESIDE_TRIM)
      heap_trim(turn++ % 3 ? 1000000 : 0);
    usleep(turn % 5 * 100);
  }
  heap_thread_end(heap);
  return NULL;
}

/* Runs one sequence in which some blocks are given away; the digest of all addresses. */
static uint64_t sequence(enum beside beside)
{
  struct handover *h = mmap(NULL, sizeof *h, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  struct model *m = model_new(7, heap_main());
  pthread_t thread;

  h->beside = beside;
  ck_assert_int_eq(pthread_create(&thread, NULL, meddle, h), 0);
  for (unsigned i = 0, rounds = workload(150000); i < rounds; i++) {
    struct slot *s = &m->slots[draw(m) % SLOTS];
    void **place = &h->blocks[draw(m) % HANDED];

    step(m);
    if (s->p && i % 3 == 0) {
      m->live -= s->size;
      /* Kept for ever when the place is taken: to the owner that is the same. */
      if (!__atomic_load_n(place, __ATOMIC_ACQUIRE))
        __atomic_store_n(place, s->p, __ATOMIC_RELEASE);
      s->p = NULL;
    }
  }
  __atomic_store_n(&h->stop, 1, __ATOMIC_RELEASE);
  pthread_join(thread, NULL);
  return m->digest;
}

static uint64_t in_child(enum beside beside)
{
  int ends[2], status;
  uint64_t digest = 0;
  pid_t pid;

  ck_assert_int_eq(pipe(ends), 0);
  pid = fork();
  if (!pid) {
    digest = sequence(beside);
    if (write(ends[1], &digest, sizeof digest) != sizeof digest)
      _exit(1);
    _exit(0);
  }
  close(ends[1]);
  ck_assert_int_eq(read(ends[0], &digest, sizeof digest), sizeof digest);
  close(ends[0]);
  waitpid(pid, &status, 0);
  ck_assert_int_eq(status, 0);
  return digest;
}

START_TEST(addresses_depend_on_the_owners_calls_alone)
{
  uint64_t digest = in_child(BESIDE_NOTHING);

  for (int round = 0; round < 2; round++) {
    ck_assert_uint_eq(in_child(BESIDE_TRIM), digest);
    ck_assert_uint_eq(in_child(BESIDE_FREES), digest);
    ck_assert_uint_eq(in_child(BESIDE_BOTH), digest);
  }
}
END_TEST

START_TEST(parent_and_child_of_fork_go_on_alike)
{
  struct model *m = model_new(3, heap_main());
  int ends[2];
  uint64_t theirs;
  pid_t pid;

  for (unsigned i = 0, rounds = workload(20000); i < rounds; i++)
    step(m);
  ck_assert_int_eq(pipe(ends), 0);
  lock_table_take();
  pid = fork();
  if (pid)
    lock_table_release();
  else
    lock_table_renew(FORK_HELD);
  for (unsigned i = 0, rounds = workload(20000); i < rounds; i++)
    step(m);
  if (!pid)
    _exit(write(ends[1], &m->digest, sizeof m->digest) != sizeof m->digest);
  ck_assert_int_eq(read(ends[0], &theirs, sizeof theirs), sizeof theirs);
  waitpid(pid, NULL, 0);
  ck_assert_uint_eq(theirs, m->digest);
}
END_TEST

int main(void)
{
  Suite *suite = suite_create("heap_model");
  TCase *tests = unit_case(suite, "heap_model", 120);

  tcase_add_loop_test(tests, random_operations, 0, 4);
  tcase_add_test(tests, addresses_depend_on_the_owners_calls_alone);
  tcase_add_test(tests, parent_and_child_of_fork_go_on_alike);
  return unit_main(suite);
}
