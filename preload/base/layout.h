/*
 * The address plan in numbers: which ranges of virtual addresses the library
 * uses, and what for.  Only constants.
 *
 * On x86-64 Linux puts executables at 0x5555_5555_4000 and above (PIE) or
 * low (0x400000), and libraries, stacks and kernel-chosen mappings within a
 * few TiB below 0x7fff_ffff_f000 (or, with the legacy layout, from 0x2aaa...
 * upwards, at the far end of our high region).  0x0d00... to 0x5000... is
 * used by nobody.  Sanitizers own that range: builds under them use a smaller
 * plan of the same shape at a place that their shadow leaves free.
 */
#ifndef VMTRACE_LAYOUT_H
#define VMTRACE_LAYOUT_H

#include <stdint.h>

#define SEGMENT_SHIFT 21
#define SEGMENT_SIZE (UINT64_C(1) << SEGMENT_SHIFT) /* 2 MiB: one page-table page, one huge page */

#define LOW_START UINT64_C(0x200000) /* the first segment: the textbook's address */
#define LOW_END UINT64_C(0x400000)   /* where GNU ld puts executables without PIE */

#if defined(__SANITIZE_THREAD__)
#define LAYOUT_BASE UINT64_C(0x0000000000) /* below 0x80_0000_0000: plain application memory to TSan */
#define LAYOUT_SHRINK 8
#elif defined(__SANITIZE_ADDRESS__)
#define LAYOUT_BASE UINT64_C(0x200000000000) /* above the shadow */
#define LAYOUT_SHRINK 8
#else
#define LAYOUT_BASE UINT64_C(0)
#define LAYOUT_SHRINK 0
#endif

#define LAYOUT_AT(address) (LAYOUT_BASE + (UINT64_C(address) >> LAYOUT_SHRINK))

#define LOWMAP_START UINT64_C(0x40000000) /* where the kernel puts what asks for MAP_32BIT */
#define LOWMAP_END UINT64_C(0x80000000)

#define BREAK_START LAYOUT_AT(0x0b0000000000) /* the program break in pin mode: 1 TiB */
#define BREAK_END OWN_START
#define OWN_START LAYOUT_AT(0x0c0000000000)  /* the tracer's own memory: 2 TiB */
#define META_START LAYOUT_AT(0x0e0000000000) /* the heap's metadata, 64 KiB per segment: 2 TiB */
#define HIGH_START LAYOUT_AT(0x100000000000) /* segments and pinned mappings: 64 TiB */
#define HIGH_END LAYOUT_AT(0x500000000000)
#define OWN_END META_START
#define META_END HIGH_START

#endif
