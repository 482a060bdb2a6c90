/*
 * libunwind's work: plain walks, and the rules derived from single steps.
 */
#ifndef VMTRACE_FRAME_PROBE_H
#define VMTRACE_FRAME_PROBE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/peek.h"
#include "unwind/frame_rule.h"

/* Once: 0, or -errno. */
int frame_probe_start(void);

/*
 * A plain libunwind walk of the calling thread.  frames[0] is the state
 * `from` (which must be that of a frame of the calling thread, outside of the
 * library), further ones follow outwards; at most max.  Returns how many there are; *root tells how the walk ended
 * (VT_STACK_*).  Memory is read by way of peek.
 *
 * A frame whose code has no unwind information (a JIT compiler's, assembly) is
 * the last one, and the stack VT_STACK_BROKEN.  libunwind itself would go on by rbp, with a stack pointer
 * that is not the caller's, and what it finds from there is chance.
 */
unsigned frame_walk_plain(struct peek *peek, const struct frame_state *from, struct frame_state *frames, unsigned max,
                          uint32_t *root);

/*
 * Has libunwind step from this frame alone, a few times with moved registers,
 * and keeps what the caller's state follows as the rule of its pc.  The frame is one of the calling thread's.  False:
 * no rule (RULE_PLAIN is kept); only a plain walk, which knows all registers, gets past it.
 */
bool frame_learn(struct peek *peek, const struct frame_state *s);

#endif
