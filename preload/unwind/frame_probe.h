/*
 * libunwind, loaded privately: plain walks, and the rules derived from them.
 */
#ifndef VMTRACE_FRAME_PROBE_H
#define VMTRACE_FRAME_PROBE_H

#include <stdbool.h>
#include <stdint.h>

#include "unwind/frame_rule.h"

/* 0, or -ENOENT when there is no libunwind (or not the one that this was built against). */
int frame_probe_start(void);

/*
 * A plain libunwind walk of the calling thread.  frames[0] is the state
 * `from` (which must be that of a frame of the calling thread, outside of the
 * library), further ones follow outwards; at most max.  Returns how many there are; *root tells how the walk ended
 * (VT_STACK_*).
 *
 * A frame whose code has no unwind information (a JIT compiler's, assembly) is
 * the last one, and the stack VT_STACK_BROKEN.  libunwind itself would go on by rbp, with a stack pointer
 * that is not the caller's, and what it finds from there is chance.
 */
unsigned frame_walk_plain(const struct frame_state *from, struct frame_state *frames, unsigned max, uint32_t *root);

/*
 * Has libunwind step from this frame alone, a few times with moved registers,
 * and keeps what the caller's state follows as the rule of its pc.  The frame is one of the calling thread's.  False:
 * no rule (RULE_PLAIN is kept); only a plain walk, which knows all registers, gets past it.
 */
bool frame_learn(const struct frame_state *s);

/*
 * The same by unw_backtrace, which is libunwind's own quick way: pcs of the
 * calling thread's frames from `from` outwards, at most max.  Returns how many; 0 when `from` was not met.
 * What it remembers of code that was unloaded since is not to be trusted.
 */
unsigned frame_walk_quick(const struct frame_state *from, uint64_t *pcs, unsigned max);

#endif
