/*
 * Maps over the heap of a thread that allocates and frees all the time: taken PLACES.  Once the call is over, nothing
 * may be allocated there.  What the thread has there at that moment is lost, and it does not care.  Now and then a
 * handler keeps it from going on for a moment, in the middle of a call as often as not.
 *
 * Exits 0; 1 when a block was allocated in one of the places, which is printed.
 */
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>

#define PLACE ((uintptr_t)2 << 20)
#define BLOCKS 300

static atomic_uint turns[1u << 16]; /* by place: the turn in which it was taken; 0: never */
static atomic_uint turn;            /* so many are over */
static atomic_uint resting;
static atomic_uintptr_t latest, wrong;
static atomic_bool over;

static atomic_uint *turn_of(uintptr_t addr)
{
  return &turns[addr / PLACE % (sizeof turns / sizeof *turns)];
}

static void rest(int signo)
{
  struct timespec pause = {.tv_nsec = 500000};

  (void)signo;
  atomic_fetch_add(&resting, 1);
  nanosleep(&pause, NULL);
}

static void work_round(unsigned *random)
{
  unsigned before = atomic_load(&turn), taken;
  void *blocks[BLOCKS];

  for (unsigned i = 0; i < BLOCKS; i++) {
    *random = *random * 1664525 + 1013904223;
    blocks[i] = malloc(16 + (*random >> 8) % 8 * 48);
    taken = atomic_load_explicit(turn_of((uintptr_t)blocks[i]), memory_order_relaxed);
    if (taken && taken <= before)
      atomic_store(&wrong, (uintptr_t)blocks[i]);
    atomic_store_explicit(&latest, (uintptr_t)blocks[i], memory_order_relaxed);
  }
  for (unsigned i = 0; i < BLOCKS; i++)
    free(blocks[i]);
}

static void *work(void *unused)
{
  unsigned random = 1;

  while (!atomic_load(&over))
    work_round(&random);
  return unused;
}

int main(int argc, char **argv)
{
  unsigned count = argc > 1 ? (unsigned)atoi(argv[1]) : 100;
  pthread_t thread;

  signal(SIGUSR1, rest);
  if (pthread_create(&thread, NULL, work, NULL))
    return 2;
  for (unsigned i = 1; i <= count && !atomic_load(&wrong); i++) {
    uintptr_t block;
    char *place;

    while (!(block = atomic_exchange(&latest, 0)))
      sched_yield();
    pthread_kill(thread, SIGUSR1);
    while (atomic_load(&resting) < i)
      sched_yield();
    place = (char *)(block & ~(PLACE - 1));
    if (mmap(place, PLACE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == MAP_FAILED)
      return 2;
    atomic_store(turn_of(block), i);
    atomic_store(&turn, i);
  }
  atomic_store(&over, 1);
  pthread_join(thread, NULL);
  if (atomic_load(&wrong))
    printf("allocated where the program has mapped something: 0x%lx\n", (unsigned long)atomic_load(&wrong));
  return atomic_load(&wrong) != 0;
}
