/*
 * The recording sink of the frames tests, see frames_sink.h.
 */
#include "frames_sink.h"

#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "base/sys.h"
#include "frames/page_entry.h"

#define SLOTS (1u << 18)

struct seen {
  uint64_t page; /* page number; 0: slot unused (page 0 is never mapped) */
  uint64_t pfn;
  unsigned state, reports;
};

static struct {
  struct seen seen[SLOTS];
  struct sink_vma vma[SINK_VMAS];
  struct sink_sample sample[SINK_SAMPLES];
  uint64_t alive[SINK_SAMPLES], value[SINK_SAMPLES];
  unsigned vmas, samples, alives, values, lefts;
  uint64_t present;
  bool open;
} sink;

/* Says which call was wrong, with nothing of libc: Check tells only that the program aborted. */
static _Noreturn void give_up(const char *what, size_t size)
{
  sys_call(SYS_write, STDERR_FILENO, (long)what, (long)size, 0, 0, 0);
  abort();
}

#define expect(good)                                                                                                   \
  do {                                                                                                                 \
    static const char what[] = "sink: it does not hold: " #good "\n";                                                  \
                                                                                                                       \
    if (!(good))                                                                                                       \
      give_up(what, sizeof what - 1);                                                                                  \
  } while (0)

static struct seen *slot_of(uint64_t addr, bool make)
{
  uint64_t page = addr >> FRAME_SHIFT;
  unsigned i = (unsigned)(page * UINT64_C(0x9e3779b97f4a7c15) >> 46);

  for (;; i = (i + 1) % SLOTS) {
    if (sink.seen[i].page == page)
      return &sink.seen[i];
    if (!sink.seen[i].page) {
      if (!make)
        return NULL;
      sink.seen[i].page = page;
      return &sink.seen[i];
    }
  }
}

static struct sink_sample *now(void)
{
  expect(sink.open);
  return &sink.sample[sink.samples % SINK_SAMPLES];
}

static void take_begin(enum vt_sample_reason reason, unsigned flags, uint64_t number)
{
  expect(!sink.open);
  sink.open = true;
  memset(now(), 0, sizeof *now());
  now()->reason = reason;
  now()->flags = flags;
  now()->number = number;
}

static void take_vma(const struct sampler_vma *vma)
{
  struct sink_vma *to = &sink.vma[sink.vmas++];

  expect(sink.vmas < SINK_VMAS && vma->size && !(vma->size & (FRAME_SIZE - 1)));
  now()->vmas++;
  for (unsigned i = 0; i + 1 < sink.vmas; i++)
    expect(vma->start >= sink.vma[i].start + sink.vma[i].size || vma->start + vma->size <= sink.vma[i].start);
  *to = (struct sink_vma){vma->start, vma->size, vma->offset, vma->inode, vma->dev, vma->flags, ""};
  for (unsigned i = 0; i + 1 < sizeof to->path && vma->path[i]; i++)
    to->path[i] = vma->path[i];
}

static void take_vma_gone(uint64_t start, uint64_t size)
{
  now()->vmas_gone++;
  for (unsigned i = 0; i < sink.vmas; i++) {
    if (sink.vma[i].start == start && sink.vma[i].size == size) {
      sink.vma[i] = sink.vma[--sink.vmas];
      return;
    }
  }
  expect(false);
}

static void take_page(uint64_t addr, unsigned state, uint64_t pfn)
{
  struct seen *seen = slot_of(addr, true);

  expect(state <= 255 && !(addr & (FRAME_SIZE - 1)));
  now()->changes++;
  sink.present += (state != 0) - (uint64_t)(seen->state != 0);
  seen->state = state;
  seen->pfn = pfn;
  seen->reports++;
}

static void take_pages(uint64_t addr, uint64_t count, unsigned state, uint64_t pfn)
{
  now()->records++;
  expect(count > 0);
  for (uint64_t i = 0; i < count; i++)
    take_page(addr + i * FRAME_SIZE, state, pfn ? pfn + i : 0);
}

static void take_pfns(uint64_t addr, uint64_t count, unsigned state, const uint64_t *pfns)
{
  now()->records++;
  expect(count > 1);
  for (uint64_t i = 0; i < count; i++) {
    expect(pfns[i] != 0);
    take_page(addr + i * FRAME_SIZE, state, pfns[i]);
  }
}

static void take_value(uint64_t addr, enum vt_value_type type, uint64_t bits)
{
  (void)addr;
  (void)type;
  expect(sink.values < SINK_SAMPLES);
  now()->values++;
  sink.value[sink.values++] = bits;
}

static void take_resident(uint64_t rss, uint64_t tracer, uint64_t tables)
{
  now()->rss = rss;
  now()->tracer = tracer;
  now()->tables = tables;
}

static void take_end(uint64_t number, uint64_t present, uint64_t cost_ns)
{
  expect(number == now()->number && present == sink.present);
  now()->present = present;
  now()->cost_ns = cost_ns;
  sink.open = false;
  __atomic_add_fetch(&sink.samples, 1, __ATOMIC_RELEASE);
}

static void take_alive(uint64_t now_ns)
{
  if (sink.alives < SINK_SAMPLES)
    sink.alive[sink.alives] = now_ns;
  __atomic_add_fetch(&sink.alives, 1, __ATOMIC_RELEASE);
}

static void take_left(void)
{
  __atomic_add_fetch(&sink.lefts, 1, __ATOMIC_RELEASE);
}

const struct sampler_sink sink_table = {
    .begin = take_begin,
    .vma = take_vma,
    .vma_gone = take_vma_gone,
    .pages = take_pages,
    .pfns = take_pfns,
    .value = take_value,
    .resident = take_resident,
    .end = take_end,
    .alive = take_alive,
    .left = take_left,
};

void sink_reset(void)
{
  memset(&sink, 0, sizeof sink);
}

unsigned sink_count(void)
{
  return __atomic_load_n(&sink.samples, __ATOMIC_ACQUIRE);
}

const struct sink_sample *sink_sample(unsigned index)
{
  return &sink.sample[index % SINK_SAMPLES];
}

const struct sink_sample *sink_last(void)
{
  unsigned count = sink_count();

  expect(count > 0);
  return &sink.sample[(count - 1) % SINK_SAMPLES];
}

bool sink_wait(unsigned count)
{
  struct timespec pause = {0, 1000000};

  for (int i = 0; i < 10000 && sink_count() < count; i++)
    nanosleep(&pause, NULL);
  return sink_count() >= count;
}

unsigned sink_state(const void *addr)
{
  const struct seen *seen = slot_of((uint64_t)(uintptr_t)addr, false);

  return seen ? seen->state : 0;
}

uint64_t sink_pfn(const void *addr)
{
  const struct seen *seen = slot_of((uint64_t)(uintptr_t)addr, false);

  return seen ? seen->pfn : 0;
}

unsigned sink_reports(const void *addr)
{
  const struct seen *seen = slot_of((uint64_t)(uintptr_t)addr, false);

  return seen ? seen->reports : 0;
}

uint64_t sink_present(void)
{
  return sink.present;
}

bool sink_any(uint64_t start, uint64_t end)
{
  for (unsigned i = 0; i < SLOTS; i++) {
    uint64_t addr = sink.seen[i].page << FRAME_SHIFT;

    if (sink.seen[i].state && addr >= start && addr < end)
      return true;
  }
  return false;
}

unsigned sink_vma_count(void)
{
  return sink.vmas;
}

const struct sink_vma *sink_vma(unsigned index)
{
  return &sink.vma[index];
}

const struct sink_vma *sink_vma_at(const void *addr)
{
  uint64_t at = (uint64_t)(uintptr_t)addr;

  for (unsigned i = 0; i < sink.vmas; i++) {
    if (at >= sink.vma[i].start && at - sink.vma[i].start < sink.vma[i].size)
      return &sink.vma[i];
  }
  return NULL;
}

unsigned sink_alive_count(void)
{
  return __atomic_load_n(&sink.alives, __ATOMIC_ACQUIRE);
}

uint64_t sink_alive(unsigned index)
{
  return sink.alive[index];
}

unsigned sink_value_count(void)
{
  return __atomic_load_n(&sink.values, __ATOMIC_ACQUIRE);
}

uint64_t sink_value(unsigned index)
{
  return sink.value[index];
}

uint64_t pagemap_word(int pagemap, const void *addr)
{
  uint64_t word = 0;

  expect(pread(pagemap, &word, sizeof word, (off_t)((uintptr_t)addr >> FRAME_SHIFT << 3)) == (ssize_t)sizeof word);
  return word;
}

unsigned sink_left_count(void)
{
  return __atomic_load_n(&sink.lefts, __ATOMIC_ACQUIRE);
}
