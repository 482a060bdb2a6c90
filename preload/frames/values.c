/*
 * Reading and comparing watched values, see values.h.  The program may unmap
 * an address at any moment: nothing here loads from one.  Called by sample.c.
 */
#include "frames/values.h"

#include <sys/syscall.h>

#include "base/peek.h"
#include "base/sys.h"
#include "frames/page_entry.h"
#include "frames/sampler.h"

static unsigned size_of(enum vt_value_type type)
{
  return type == VT_VALUE_INT || type == VT_VALUE_UINT ? 4 : 8;
}

/* Reading a page that is not there would make it there.  Without pagemap, mincore answers nearly the same. */
static bool is_present(uint64_t addr, int pagemap)
{
  uint64_t page = addr >> FRAME_SHIFT, entry = 0;
  unsigned char core = 0;

  if (pagemap >= 0)
    return sys_pread(pagemap, &entry, sizeof entry, (off_t)(page * sizeof entry)) == (ssize_t)sizeof entry &&
           entry >> 63;
  return !sys_filtered() &&
         sys_call(SYS_mincore, (long)(page << FRAME_SHIFT), (long)FRAME_SIZE, (long)&core, 0, 0, 0) == 0 && (core & 1);
}

static bool read_value(const struct option_watch *watch, int pagemap, uint64_t *bits)
{
  unsigned size = size_of(watch->type);

  *bits = 0;
  if (!is_present(watch->addr, pagemap) || !is_present(watch->addr + size - 1, pagemap))
    return false;
  return peek_exactly(bits, (const void *)watch->addr, size);
}

void values_init(struct values *values, const struct option_watch *watch, unsigned count)
{
  values->watch = watch;
  values->count = count < OPTION_WATCH_MAX ? count : OPTION_WATCH_MAX;
  values->known = 0;
  values->changed = 0;
}

bool values_read(struct values *values, int pagemap)
{
  for (unsigned i = 0; i < values->count; i++) {
    uint32_t bit = UINT32_C(1) << i;
    uint64_t bits;

    if (!read_value(&values->watch[i], pagemap, &bits))
      continue;
    values->now[i] = bits;
    if (!(values->known & bit) || bits != values->last[i])
      values->changed |= bit;
    else
      values->changed &= ~bit;
  }
  return values->changed != 0;
}

void values_report(struct values *values, const struct sampler_sink *sink)
{
  for (unsigned i = 0; i < values->count; i++) {
    if (!(values->changed >> i & 1))
      continue;
    sink->value(values->watch[i].addr, values->watch[i].type, values->now[i]);
    values->last[i] = values->now[i];
  }
  values->known |= values->changed;
  values->changed = 0;
}
