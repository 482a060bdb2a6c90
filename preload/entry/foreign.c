/*
 * Where an address lies that is not the pinned heap's.  See foreign.h.
 *
 * A block of another allocator lies in memory that is mapped and writable, and that the allocator got from the
 * kernel: never on a stack in use, never among code.  It may lie in a module's data: an allocator may begin with an
 * array of its own, and the loader does; so data is judged only where the free that comes next is libc's, and never
 * the loader's.  Nothing at the address is read.
 */
#include "entry/foreign.h"

#include <elf.h>
#include <errno.h>
#include <link.h>
#include <locale.h>
#include <pthread.h>
#include <stdbool.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include "base/peek.h"
#include "base/sys.h"
#include "heap/next.h"

#define PAGE UINT64_C(4096)
/* The kernel keeps at least 128 MiB below the end of the first thread's stack free of other mappings. */
#define FIRST_STACK (UINT64_C(64) << 20)
/* So far below the frame of a function that it called a function's own variables may have been; the kernel keeps a
 * megabyte below a stack that grows free of other mappings. */
#define BELOW (UINT64_C(64) << 10)
/* How far from the running hook another thread's stack is looked for. */
#define STACK_REACH (UINT64_C(1) << 30)

/* msync: MS_ASYNC has had no effect since Linux 2.6.19, and filters of system calls that know no mincore take it. */
static bool is_unmapped(uintptr_t addr)
{
  return !peek_readable((const void *)addr) &&
         sys_call(SYS_msync, (long)(addr & ~(PAGE - 1)), (long)PAGE, MS_ASYNC, 0, 0, 0) == -ENOMEM;
}

/* Arguments and environment included: the name of the executable is the last thing on that stack. */
static bool is_on_first_stack(uintptr_t frame, uintptr_t addr)
{
  uintptr_t top = getauxval(AT_EXECFN);

  return top > FIRST_STACK && top - frame < FIRST_STACK && addr > frame - BELOW && addr < top;
}

/*
 * Of a thread that libc made.  The lowest address is left out: it is what the
 * program itself mapped or was given for a stack.
 */
static bool is_on_own_stack(uintptr_t frame, uintptr_t addr)
{
  pthread_attr_t attr;
  void *low = NULL;
  size_t size = 0;

  if ((addr - frame >= STACK_REACH && frame - addr >= STACK_REACH) || sys_filtered())
    return false;
  if (pthread_getattr_np(pthread_self(), &attr) != 0)
    return false;
  if (pthread_attr_getstack(&attr, &low, &size) != 0)
    size = 0;
  pthread_attr_destroy(&attr);
  return addr > (uintptr_t)low && addr - (uintptr_t)low < size;
}

/* ---- modules ---- */

struct search {
  uintptr_t addr, next_free, libc;
  bool found, writable, depends; /* the segment, and whether its module needs others: all but the loader do */
  bool next_is_libc;
};

static const ElfW(Phdr) * segment_of(const struct dl_phdr_info *info, uintptr_t addr)
{
  for (unsigned i = 0; i < info->dlpi_phnum; i++) {
    const ElfW(Phdr) *p = &info->dlpi_phdr[i];

    if (p->p_type == PT_LOAD && addr - (info->dlpi_addr + p->p_vaddr) < p->p_memsz)
      return p;
  }
  return NULL;
}

static bool needs_others(const struct dl_phdr_info *info)
{
  for (unsigned i = 0; i < info->dlpi_phnum; i++) {
    const ElfW(Phdr) *p = &info->dlpi_phdr[i];
    const ElfW(Dyn) *d = (const ElfW(Dyn) *)(info->dlpi_addr + p->p_vaddr);

    if (p->p_type != PT_DYNAMIC)
      continue;
    for (; d->d_tag != DT_NULL; d++)
      if (d->d_tag == DT_NEEDED)
        return true;
  }
  return false;
}

static int look_at(struct dl_phdr_info *info, size_t size, void *arg)
{
  struct search *s = arg;
  const ElfW(Phdr) *segment = segment_of(info, s->addr);

  (void)size;
  if (segment) {
    s->found = true;
    s->writable = segment->p_flags & PF_W;
    s->depends = needs_others(info);
  }
  if (s->next_free && segment_of(info, s->next_free))
    s->next_is_libc = segment_of(info, s->libc) != NULL;
  return 0;
}

static enum foreign_place by_modules(uintptr_t addr)
{
  /* uselocale: no allocator has a function of that name. */
  struct search s = {.addr = addr, .libc = (uintptr_t)uselocale};

  if (!heap_next()->free)
    heap_next_find();
  s.next_free = (uintptr_t)heap_next()->free;
  dl_iterate_phdr(look_at, &s);
  if (s.found && s.depends && !s.writable)
    return FOREIGN_CODE;
  if (s.next_free && !s.next_is_libc)
    return FOREIGN_NEXT;
  return s.found && s.depends ? FOREIGN_DATA : FOREIGN_ELSEWHERE;
}

enum foreign_place foreign_place(const struct hook *h, uintptr_t addr)
{
  if (h->state != HOOK_READY || h->thread->flags & THREAD_CONFINED)
    return FOREIGN_ELSEWHERE;
  if (is_unmapped(addr))
    return FOREIGN_UNMAPPED;
  if (is_on_first_stack(h->frame, addr) || is_on_own_stack(h->frame, addr))
    return FOREIGN_STACK;
  return by_modules(addr);
}
