/*
 * Threads of which it is known what they hold at one instant.  Ways to run:
 *
 * - marks, snapshots, forks: a thread has allocated BLOCKS blocks of SIZE bytes before one of them, and freed all
 *   before the next one; the first thread makes them
 * - token: one of three threads at a time holds a block of SIZE bytes; meanwhile the first thread sets marks whenever
 *   it comes to it, and so does a fourth
 * - turns: two threads hold BLOCKS blocks of SIZE bytes in turns
 * - handler: a handler sets marks, in the middle of calls
 */
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "vmtrace/vmtrace.h"

#define BLOCKS 30
#define ROUNDS 30
#define TURNS 1000
#define HOLDERS 3

static size_t size;
static pthread_barrier_t barrier;
static int turn;  /* atomic: whose it is */
static int ended; /* atomic: holders */
static volatile sig_atomic_t inside, hits;

static void fill(void **block)
{
  for (int i = 0; i < BLOCKS; i++)
    block[i] = malloc(size);
}

static void drain(void **block)
{
  for (int i = 0; i < BLOCKS; i++)
    free(block[i]);
}

static void *worker(void *unused)
{
  void *block[BLOCKS];

  (void)unused;
  for (int i = 0; i < ROUNDS; i++) {
    fill(block);
    pthread_barrier_wait(&barrier);
    pthread_barrier_wait(&barrier);
    drain(block);
    pthread_barrier_wait(&barrier);
    pthread_barrier_wait(&barrier);
  }
  return NULL;
}

static void make_child(void)
{
  pid_t child = fork();

  if (child == 0)
    _exit(0);
  waitpid(child, NULL, 0);
}

static void marker(char way)
{
  static const char *const name[] = {"full", "empty"};
  pthread_t thread;

  pthread_barrier_init(&barrier, NULL, 2);
  pthread_create(&thread, NULL, worker, NULL);
  for (int i = 0; i < 2 * ROUNDS; i++) {
    pthread_barrier_wait(&barrier);
    if (way == 'f')
      make_child();
    else if (way == 's')
      VMTRACE_SNAPSHOT(name[i % 2]);
    else
      VMTRACE_MARK(name[i % 2]);
    pthread_barrier_wait(&barrier);
  }
  pthread_join(thread, NULL);
}

static void take_turns(int me, int holders, int blocks)
{
  void *block[BLOCKS];

  for (int round = 0; round < TURNS; round++) {
    while (__atomic_load_n(&turn, __ATOMIC_ACQUIRE) != me)
      sched_yield();
    for (int i = 0; i < blocks; i++)
      block[i] = malloc(size);
    for (int i = 0; i < blocks; i++)
      free(block[i]);
    __atomic_store_n(&turn, (me + 1) % holders, __ATOMIC_RELEASE);
  }
}

static void *holder(void *number)
{
  take_turns((int)(long)number, HOLDERS, 1);
  __atomic_fetch_add(&ended, 1, __ATOMIC_RELEASE);
  return NULL;
}

static void *set_marks(void *unused)
{
  const struct timespec a_little = {.tv_nsec = 20000};

  (void)unused;
  while (__atomic_load_n(&ended, __ATOMIC_ACQUIRE) < HOLDERS) {
    VMTRACE_MARK("any");
    nanosleep(&a_little, NULL);
  }
  return NULL;
}

static void token(void)
{
  pthread_t thread[HOLDERS + 1];

  for (long i = 0; i < HOLDERS; i++)
    pthread_create(&thread[i], NULL, holder, (void *)i);
  pthread_create(&thread[HOLDERS], NULL, set_marks, NULL);
  set_marks(NULL);
  for (int i = 0; i <= HOLDERS; i++)
    pthread_join(thread[i], NULL);
}

static void *in_turn(void *number)
{
  take_turns((int)(long)number, 2, BLOCKS);
  return NULL;
}

static void turns(void)
{
  pthread_t thread[2];

  for (long i = 0; i < 2; i++)
    pthread_create(&thread[i], NULL, in_turn, (void *)i);
  for (int i = 0; i < 2; i++)
    pthread_join(thread[i], NULL);
}

static void handler(int signo)
{
  (void)signo;
  hits = hits + (inside ? 1 : 0);
  VMTRACE_MARK("in a handler");
}

static void in_handler(void)
{
  struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGALRM};
  const struct itimerspec often = {.it_value = {.tv_nsec = 100000}, .it_interval = {.tv_nsec = 100000}};
  timer_t timer;

  signal(SIGALRM, handler);
  if (timer_create(CLOCK_MONOTONIC, &event, &timer) || timer_settime(timer, 0, &often, NULL))
    return;
  while (hits < 100) {
    inside = 1;
    free(malloc(size));
    inside = 0;
  }
  timer_delete(timer);
}

int main(int argc, char **argv)
{
  const char *way = argc > 2 ? argv[1] : "";

  size = argc > 2 ? strtoul(argv[2], NULL, 10) : 0;
  if (!strcmp(way, "marks") || !strcmp(way, "snapshots") || !strcmp(way, "forks"))
    marker(way[0]);
  else if (!strcmp(way, "token"))
    token();
  else if (!strcmp(way, "turns"))
    turns();
  else if (!strcmp(way, "handler"))
    in_handler();
  return 0;
}
