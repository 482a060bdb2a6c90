/*
 * The search for a module's unwind information.  See unwind_info.h; called by
 * unwind_source.c.  What is returned is addresses: nothing of the module is read.
 */
#include "unwind/unwind_info.h"

#include <dlfcn.h>
#include <link.h>
#include <stddef.h>

/* Weak: an older C library has none. */
extern int _dl_find_object(void *pc, struct dl_find_object *result) __attribute__((weak));

struct module_search {
  uint64_t pc;
  struct unwind_info *info;
};

static int look_at_module(struct dl_phdr_info *module, size_t size, void *arg)
{
  struct module_search *s = arg;
  struct unwind_info found = {.start = UINT64_MAX};
  bool inside = false;

  (void)size;
  for (unsigned i = 0; i < module->dlpi_phnum; i++) {
    const ElfW(Phdr) *p = &module->dlpi_phdr[i];
    uint64_t start = module->dlpi_addr + p->p_vaddr, end = start + p->p_memsz;

    if (p->p_type == PT_LOAD) {
      inside = inside || (s->pc >= start && s->pc < end);
      found.start = start < found.start ? start : found.start;
      found.end = end > found.end ? end : found.end;
    } else if (p->p_type == PT_GNU_EH_FRAME) {
      found.header = start;
    } else if (p->p_type == PT_DYNAMIC) {
      found.dynamic = start;
    }
  }
  if (!inside)
    return 0;
  *s->info = found;
  return 1;
}

bool unwind_info_by_list(uint64_t pc, struct unwind_info *info)
{
  struct module_search s = {pc, info};

  return dl_iterate_phdr(look_at_module, &s) == 1 && info->header;
}

bool unwind_info_find(uint64_t pc, struct unwind_info *info)
{
  struct dl_find_object found;

  if (!_dl_find_object)
    return unwind_info_by_list(pc, info);
  if (_dl_find_object((void *)pc, &found) != 0)
    return false;
  *info =
      (struct unwind_info){(uint64_t)found.dlfo_map_start, (uint64_t)found.dlfo_map_end, (uint64_t)found.dlfo_eh_frame,
                           found.dlfo_link_map ? (uint64_t)found.dlfo_link_map->l_ld : 0};
  return info->header;
}
