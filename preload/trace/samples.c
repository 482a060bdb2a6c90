/*
 * The sampler's sink: findings become records.  Called by entry/ through
 * samples.h, and by the sampler, one call at a time, mostly in the helper:
 * nothing here may use thread-local state.
 */
#include "trace/samples.h"

#include <string.h>

#include "base/layout.h"
#include "base/log.h"
#include "base/option.h"
#include "base/valgrind.h"
#include "frames/page_entry.h"
#include "frames/sampler.h"
#include "trace/trace.h"
#include "trace/trace_output.h"
#include "vmtrace/codec.h"

/* Pages of one record: what a reader has to take at once stays small. */
#define RECORD_PAGES (UINT64_C(1) << 28)
#define LEB_MAX 10u

static struct {
  struct trace_writer *writer; /* NULL: none in this process image */
  void (*tick)(uint64_t now_ns);
  bool said; /* why there are none */
} samples;

static void put_begin(enum vt_sample_reason reason, unsigned flags, uint64_t number)
{
  TRACE(samples.writer, SAMPLE, reason, flags, number);
}

static void put_vma(const struct sampler_vma *vma)
{
  const uint64_t fields[] = {vma->start, vma->size, vma->flags, vma->dev, vma->inode, vma->offset};
  size_t len = strlen(vma->path);

  trace_record(samples.writer, VT_R_VMA, sizeof fields / sizeof *fields, fields, vma->path,
               len < VT_TAIL_MAX ? len : VT_TAIL_MAX);
}

static void put_vma_gone(uint64_t start, uint64_t size)
{
  TRACE(samples.writer, VMA_GONE, start, size);
}

static void put_pages(uint64_t addr, uint64_t count, unsigned state, uint64_t pfn)
{
  while (count) {
    uint64_t n = count < RECORD_PAGES ? count : RECORD_PAGES;

    TRACE(samples.writer, PAGES, addr, n, state, pfn);
    addr += n << FRAME_SHIFT;
    pfn += pfn ? n : 0;
    count -= n;
  }
}

/* The tail: each number as its zigzag difference to the one before, the first one to 0. */
static void put_pfns(uint64_t addr, uint64_t count, unsigned state, const uint64_t *pfns)
{
  uint8_t tail[512]; /* about 150 scattered frames: a record that fits into the smallest chunk many times */

  for (uint64_t i = 0; i < count;) {
    uint64_t first = i, before = 0;
    uint8_t *end = tail;

    for (; i < count && end + LEB_MAX <= tail + sizeof tail; i++) {
      end = vt_put_leb(end, vt_zigzag((int64_t)(pfns[i] - before)));
      before = pfns[i];
    }
    const uint64_t fields[] = {addr + (first << FRAME_SHIFT), i - first, state};
    trace_record(samples.writer, VT_R_PFNS, sizeof fields / sizeof *fields, fields, tail, (size_t)(end - tail));
  }
}

static void put_value(uint64_t addr, enum vt_value_type type, uint64_t bits)
{
  TRACE(samples.writer, VALUE, addr, type, bits);
}

static void put_resident(uint64_t rss, uint64_t tracer, uint64_t tables)
{
  TRACE(samples.writer, RESIDENT, rss, tracer, tables);
}

static void put_end(uint64_t number, uint64_t pages_present, uint64_t cost_ns)
{
  TRACE(samples.writer, SAMPLE_END, number, pages_present, cost_ns);
}

static void alive(uint64_t now_ns)
{
  void (*tick)(uint64_t) = __atomic_load_n(&samples.tick, __ATOMIC_ACQUIRE);

  __atomic_add_fetch(&trace_tick, TRACE_TICK, __ATOMIC_RELAXED);
  trace_note_alive(now_ns);
  if (tick)
    tick(now_ns);
}

static void left(void)
{
  trace_call_at(0);
}

static const struct sampler_sink sink = {
    .begin = put_begin,
    .vma = put_vma,
    .vma_gone = put_vma_gone,
    .pages = put_pages,
    .pfns = put_pfns,
    .value = put_value,
    .resident = put_resident,
    .end = put_end,
    .alive = alive,
    .left = left,
};

bool samples_possible(void)
{
  return !valgrind_runs_us();
}

bool samples_start(const struct options *options, bool back)
{
  struct sampler_config config = {
      .period_ms = options->sample_ms,
      .watch = options->watch,
      .watch_count = options->watch_count,
      .skip_start = OWN_START,
      .skip_end = META_END,
      .skip_tables = META_START,
      .back = back,
      .keep_fd = output_number(),
      .sink = &sink,
  };

  if (!trace_active())
    return false;
  if (!samples_possible()) {
    if (!samples.said)
      log_warn(
          "under valgrind no pages are sampled, because it allows no thread but libc's; everything else is traced");
    samples.said = true;
    return false;
  }
  /* The helper is nobody's thread; its stream is opened here, so that streams have the same numbers in every run. */
  if (!samples.writer)
    samples.writer = trace_writer_open(VT_NO_THREAD, 0, 0, VT_ROLE_SAMPLER);
  return sampler_start(&config);
}

void samples_stop(void)
{
  sampler_stop();
}

bool samples_left(void)
{
  return sampler_left();
}

bool samples_privileged(void)
{
  return sampler_privileged();
}

void samples_take(enum vt_sample_reason reason, uint64_t limit_ns)
{
  if (samples.writer)
    sampler_take(reason, limit_ns);
}

void samples_poke(enum vt_sample_reason reason)
{
  if (samples.writer)
    sampler_poke(reason);
}

void samples_renew(void)
{
  sampler_renew();
  samples.writer = NULL;
}

void samples_on_tick(void (*fn)(uint64_t now_ns))
{
  __atomic_store_n(&samples.tick, fn, __ATOMIC_RELEASE);
}
