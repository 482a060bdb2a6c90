/*
 * Hooks on System V shared memory (shmat, shmdt).  A segment that may lie anywhere gets an address of the
 * plan.
 */
#include <errno.h>
#include <stdint.h>
#include <sys/ipc.h>
#include <sys/shm.h>

#include "base/lock_table.h"
#include "base/own.h"
#include "base/sys.h"
#include "entry/hook.h"
#include "entry/map_place.h"
#include "entry/next_libc.h"
#include "heap/heap.h"

#define ADDRESS(p) ((uint64_t)(uintptr_t)(p))

/* A segment at an address of the plan: shmdt is not told how large it is. */
struct attached {
  struct attached *next;
  uint64_t addr, size;
};

static struct attached *attached; /* under lock_attached */

static void attached_add(uint64_t addr, uint64_t size)
{
  struct attached *a = own_alloc(sizeof *a);
  uint64_t mask;

  if (!a)
    return;
  mask = masked_lock_take(&lock_attached);
  *a = (struct attached){attached, addr, size};
  attached = a;
  masked_lock_release(&lock_attached, mask);
}

/* Its size; 0: it is not one of them. */
static uint64_t attached_remove(uint64_t addr)
{
  uint64_t size = 0, mask = masked_lock_take(&lock_attached);
  struct attached *found;

  for (struct attached **at = &attached; *at; at = &(*at)->next)
    if ((*at)->addr == addr) {
      found = *at;
      size = found->size;
      *at = found->next;
      own_free(found, sizeof *found);
      break;
    }
  masked_lock_release(&lock_attached, mask);
  return size;
}

/* At an address of the plan; NULL: the kernel is to choose. */
static void *attach_pinned(const struct hook *h, int id, int flags, uint64_t size)
{
  uint64_t addr = place_may_pin(h) ? place_reserve(h, size) : 0;
  void *p;

  if (!addr)
    return NULL;
  p = next_libc.shmat(id, (void *)addr, flags & ~SHM_REMAP);
  if (ADDRESS(p) == addr) {
    attached_add(addr, place_pages(size));
    return p;
  }
  heap_range_failed(h->thread->heap, addr, place_pages(size));
  return NULL;
}

EXPORT void *shmat(int id, const void *addr, int flags)
{
  struct hook h = hook_begin(HOOK_FRAME);
  struct shmid_ds segment = {0};
  struct make_way way = {0};
  int error = errno;
  bool known = shmctl(id, IPC_STAT, &segment) == 0;
  void *p = !addr && known ? attach_pinned(&h, id, flags, segment.shm_segsz) : NULL;

  errno = error;
  if (!p && addr && flags & SHM_REMAP && known &&
      make_way(&h, ADDRESS(addr) & ~(PLACE_PAGE - 1), segment.shm_segsz, &way)) {
    errno = EINVAL;
    p = (void *)-1;
  }
  if (!p) {
    p = next_libc.shmat(id, addr, flags);
    if (p != (void *)-1 && !addr)
      place_note_kernel(&h, ADDRESS(p));
  }
  if (p != (void *)-1)
    make_way_done(&way);
  if (p != (void *)-1 && known)
    HOOK_RECORD(&h, SHMAT, ADDRESS(p), segment.shm_segsz, (uint64_t)(unsigned)id);
  hook_end(&h);
  return p;
}

EXPORT int shmdt(const void *addr)
{
  struct hook h = hook_begin(HOOK_FRAME);
  int result = next_libc.shmdt(addr);
  uint64_t size;

  if (result == 0) {
    HOOK_RECORD(&h, SHMDT, ADDRESS(addr));
    size = attached_remove(ADDRESS(addr));
    if (size && place_may_pin(&h))
      heap_range_release(h.thread->heap, ADDRESS(addr), size);
  }
  hook_end(&h);
  return result;
}
