/*
 * The clock, as the kernel tells it: by the function that it maps into every
 * process (vDSO), or by the system call.  Not by libc's clock_gettime, whose
 * name a program may define for itself: its clock may step, and may allocate,
 * which would be a call of the program's in the middle of a hook.  See sys.h.
 */
#include <elf.h>
#include <link.h>
#include <stddef.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/syscall.h>
#include <time.h>

#include "base/sys.h"

typedef int (*clock_fn)(clockid_t, struct timespec *);

static int find_and_call(clockid_t clock, struct timespec *t);

/* Replaced at the first call; whoever comes at the same time finds the same. */
static clock_fn clock_read = find_and_call; /* atomic */

static int by_call(clockid_t clock, struct timespec *t)
{
  return (int)sys_call(SYS_clock_gettime, clock, (long)t, 0, 0, 0, 0);
}

/* The tables of the kernel's object that a name is looked up in. */
struct object {
  uintptr_t bias; /* between addresses in the object and in memory */
  const ElfW(Sym) * symbols;
  const char *strings;
  const uint32_t *hash, *gnu_hash;
};

static void read_dynamic(struct object *o, const ElfW(Dyn) * d)
{
  for (; d->d_tag != DT_NULL; d++) {
    const void *p = (const void *)(o->bias + d->d_un.d_ptr);

    if (d->d_tag == DT_SYMTAB)
      o->symbols = p;
    else if (d->d_tag == DT_STRTAB)
      o->strings = p;
    else if (d->d_tag == DT_HASH)
      o->hash = p;
    else if (d->d_tag == DT_GNU_HASH)
      o->gnu_hash = p;
  }
}

static void read_object(struct object *o, uintptr_t start)
{
  const ElfW(Ehdr) *head = (const ElfW(Ehdr) *)start;
  const ElfW(Phdr) *p = (const ElfW(Phdr) *)(start + head->e_phoff);
  const ElfW(Dyn) *dynamic = NULL;

  for (unsigned i = 0; i < head->e_phnum; i++) {
    if (p[i].p_type == PT_LOAD && p[i].p_offset == 0)
      o->bias = start - p[i].p_vaddr;
    else if (p[i].p_type == PT_DYNAMIC)
      dynamic = (const ElfW(Dyn) *)(start + p[i].p_offset);
  }
  if (dynamic)
    read_dynamic(o, dynamic);
}

/* Newer kernels have the GNU table alone: it is as long as the longest of its chains reaches. */
static uint32_t count_symbols(const struct object *o)
{
  uint32_t buckets, first, last = 0;
  const uint32_t *bucket, *chain;

  if (o->hash)
    return o->hash[1];
  if (!o->gnu_hash)
    return 0;
  buckets = o->gnu_hash[0];
  first = o->gnu_hash[1];
  bucket = o->gnu_hash + 4 + o->gnu_hash[2] * (sizeof(ElfW(Addr)) / sizeof *bucket);
  chain = bucket + buckets;
  for (uint32_t i = 0; i < buckets; i++)
    if (bucket[i] > last)
      last = bucket[i];
  if (last < first)
    return 0;
  while (!(chain[last - first] & 1))
    last++;
  return last + 1;
}

/* The function has one of two names, whatever the architecture. */
static bool is_clock(const char *name)
{
  return !strcmp(name, "__vdso_clock_gettime") || !strcmp(name, "__kernel_clock_gettime");
}

static clock_fn find(void)
{
  uintptr_t start = getauxval(AT_SYSINFO_EHDR);
  struct object o = {0};
  uint32_t count;

  if (!start)
    return by_call;
  read_object(&o, start);
  if (!o.symbols || !o.strings)
    return by_call;
  count = count_symbols(&o);
  for (uint32_t i = 0; i < count; i++)
    if (o.symbols[i].st_shndx != SHN_UNDEF && is_clock(o.strings + o.symbols[i].st_name))
      return (clock_fn)(o.bias + o.symbols[i].st_value);
  return by_call;
}

static int find_and_call(clockid_t clock, struct timespec *t)
{
  clock_fn found = find();

  __atomic_store_n(&clock_read, found, __ATOMIC_RELAXED);
  return found(clock, t);
}

uint64_t sys_clock_ns(int clock)
{
  struct timespec t = {0, 0};

  __atomic_load_n(&clock_read, __ATOMIC_RELAXED)(clock, &t);
  return (uint64_t)t.tv_sec * UINT64_C(1000000000) + (uint64_t)t.tv_nsec;
}

uint64_t sys_now(void)
{
  return sys_clock_ns(CLOCK_MONOTONIC);
}
