/*
 * What libunwind is given for one walk: memory, by way of peek, so that nothing
 * it looks for can fault; the registers that are known, and no others; and a module's unwind information.  libunwind
 * treats it as the state of another process, of which it learns by these questions alone.
 *
 * The questions are remembered: what a step depended on is a rule's evidence.  For a step from an invented state memory
 * may be invented as well.
 */
#ifndef VMTRACE_UNWIND_SOURCE_H
#define VMTRACE_UNWIND_SOURCE_H

#include <libunwind.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/peek.h"
#include "unwind/unwind_info.h"

#define SOURCE_REGISTERS 40
#define SOURCE_READS 16 /* words that are remembered: the first ones of a step near the frame pointer */
#define SOURCE_NEAR UINT64_C(4096)

struct source_read {
  uint64_t addr, value;
};

struct unwind_source {
  struct peek *peek;
  uint64_t registers[SOURCE_REGISTERS]; /* by libunwind's numbers */
  uint64_t known;                       /* of these: bits */
  unsigned questions;                   /* left: code of a module may lead libunwind in circles */
  bool described;                       /* the latest step found unwind information */
  uint64_t frame;                       /* the frame pointer near which reads are remembered */
  unsigned reads;
  struct source_read read[SOURCE_READS];
  /* Invented memory: this word holds that, and words of the stack that cannot be read hold 0. */
  bool invents;
  struct source_read invented;
};

/* Prepares libunwind, on a stack of the library's own.  Once; 0 or -errno. */
int unwind_source_start(void);

/* A source that knows no register; its peek is the caller's. */
void unwind_source_init(struct unwind_source *source, struct peek *peek);

static inline void unwind_source_set(struct unwind_source *source, unsigned number, uint64_t value)
{
  source->registers[number] = value;
  source->known |= UINT64_C(1) << number;
}

/*
 * A cursor at the source's pc, which is where its frame was interrupted: libunwind looks at the instruction
 * there, not at the one before.  Returns what libunwind does: 0 or a negative number.
 */
int unwind_source_begin(struct unwind_source *source, unw_cursor_t *cursor);

/* One step of libunwind's: what unw_step returns. */
int unwind_source_step(struct unwind_source *source, unw_cursor_t *cursor);

#endif
