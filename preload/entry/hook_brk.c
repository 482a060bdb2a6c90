/*
 * Hooks on the two old kinds of memory: the data segment (brk, sbrk) and
 * System V shared memory (shmat, shmdt).
 */
#include <stdint.h>
#include <sys/ipc.h>
#include <sys/shm.h>
#include <unistd.h>

#include "entry/hook.h"
#include "entry/next_libc.h"

#define ADDRESS(p) ((uint64_t)(uintptr_t)(p))

EXPORT int brk(void *end)
{
  void *old;
  int result;

  hook_thread();
  old = next_libc.sbrk(0);
  result = next_libc.brk(end);
  if (result == 0)
    EVENT(BRK, ADDRESS(old), ADDRESS(end));
  return result;
}

EXPORT void *sbrk(intptr_t step)
{
  void *old;

  hook_thread();
  old = next_libc.sbrk(step);
  if (step && old != (void *)-1)
    EVENT(BRK, ADDRESS(old), ADDRESS(old) + (uint64_t)step);
  return old;
}

EXPORT void *shmat(int id, const void *addr, int flags)
{
  struct shmid_ds segment;
  void *p;

  hook_thread();
  p = next_libc.shmat(id, addr, flags);
  if (p != (void *)-1 && shmctl(id, IPC_STAT, &segment) == 0)
    EVENT(SHMAT, ADDRESS(p), segment.shm_segsz, (uint64_t)(unsigned)id);
  return p;
}

EXPORT int shmdt(const void *addr)
{
  int result;

  hook_thread();
  result = next_libc.shmdt(addr);
  if (result == 0)
    EVENT(SHMDT, ADDRESS(addr));
  return result;
}
