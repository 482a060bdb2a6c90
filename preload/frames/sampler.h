/*
 * The sampler: which physical frames stand behind the process's pages, taken
 * by one bare helper thread at absolute multiples of the period on
 * CLOCK_MONOTONIC (so that concurrent runs sample at the same instants), and
 * on demand.  The helper blocks every signal, has a descriptor table of its
 * own (it never takes a descriptor number from the program), uses no libc
 * state, and is no thread to libc or to the lineage.
 *
 * This room does not know the trace: what it finds goes to the sink.  The
 * sink's functions are called with the sampler's lock held, by the helper or by whoever calls
 * sampler_take, always one at a time, in the order begin, (vma | vma_gone | pages | pfns | value | resident)*, end.
 */
#ifndef VMTRACE_SAMPLER_H
#define VMTRACE_SAMPLER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/option.h"
#include "vmtrace/format.h"

struct sampler_vma {
  uint64_t start, size;
  uint32_t flags; /* VT_VMA_* */
  uint64_t dev, inode, offset;
  const char *path; /* as /proc/self/maps has it, NUL-terminated, "" for anonymous */
};

struct sampler_sink {
  void (*begin)(enum vt_sample_reason reason, unsigned flags, uint64_t number);
  void (*vma)(const struct sampler_vma *vma); /* new, or changed since the last sample */
  void (*vma_gone)(uint64_t start, uint64_t size);
  /* count pages from addr on changed to state (VT_PG_*).  With pfns: one frame number each; without: consecutive
   * from pfn, or all hidden (0). */
  void (*pages)(uint64_t addr, uint64_t count, unsigned state, uint64_t pfn);
  void (*pfns)(uint64_t addr, uint64_t count, unsigned state, const uint64_t *pfns);
  void (*value)(uint64_t addr, enum vt_value_type type, uint64_t bits);
  /* Pages: the kernel's count of the process, and those of the two skipped ranges. */
  void (*resident)(uint64_t rss, uint64_t tracer, uint64_t tables);
  void (*end)(uint64_t number, uint64_t pages_present, uint64_t cost_ns);
  void (*alive)(uint64_t now_ns); /* every tick, sampled or not */
  /* The helper ends by itself: the program has other privileges now.  One of its threads may start it again. */
  void (*left)(void);
};

struct sampler_config {
  unsigned period_ms; /* 0: on demand only */
  const struct option_watch *watch;
  unsigned watch_count;
  uint64_t skip_start, skip_end;   /* pages of the tracer itself: counted, not reported */
  uint64_t skip_tables;            /* where in them the tables of the heap begin */
  bool back;                       /* the helper was away for a moment: its start is nothing to sample for */
  int keep_fd;                     /* the descriptor that the sink needs, kept in the helper's table too; -1: none */
  const struct sampler_sink *sink; /* outlives the sampler */
};

/* Starts the helper; waits until it has its own descriptor table.  False: no helper (clone refused); sampler_take still
 * works.  The first sample comes 10 ms later, reason START; left out when another one was asked for before.  The files
 * of /proc are opened by the helper with the privileges of the calling thread, and stay open. */
bool sampler_start(const struct sampler_config *config);
/* Ends the helper and waits until it is gone: before unshare, setns, and the like.  The kept picture stays. */
void sampler_stop(void);
bool sampler_running(void);
/* Whether the latest helper has ended by itself, or is about to; sampler_stop waits for it. */
bool sampler_left(void);
/* Whether the latest helper has capabilities.  Then it must be stopped before the program gives up any of its own. */
bool sampler_privileged(void);

/* Asks the helper for a sample soon, without waiting (fork): as soon as the bound on its cost allows.  Safe in signal
 * handlers. */
void sampler_poke(enum vt_sample_reason reason);
/*
 * Takes a sample now and returns when it is done (exit); bounded to limit_ns
 * of CPU time.  By the helper, which has everything open already; without one, in the calling
 * thread, with all signals blocked and descriptors that are closed again.
 */
void sampler_take(enum vt_sample_reason reason, uint64_t limit_ns);

/* Whether this process can see frame numbers, kpageflags, and has PAGEMAP_SCAN: VT_SAMPLE_* flags. */
unsigned sampler_probe(void);
/* VT_SAMPLE_PFN alone, at a quarter of the cost: each process asks for it at its start. */
bool sampler_sees_frames(void);

/* In the child of a fork: the picture is forgotten (it is the parent's) and the helper is not running.  A sample that
 * the helper is in the middle of goes on in the parent: no fork waits for one. */
void sampler_renew(void);

#endif
