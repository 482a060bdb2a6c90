/*
 * Reports of heap misuse.  See report.h.
 *
 * The message is put together in memory of the library and leaves in one
 * write, so that those of two threads do not mix.  Where the block came from is
 * looked up in the trace, who freed it in free_sites.c: nothing is kept per block.
 */
#include "entry/report.h"

#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>

#include "base/log.h"
#include "base/option.h"
#include "base/own.h"
#include "base/sys.h"
#include "entry/code_names.h"
#include "entry/free_sites.h"
#include "entry/next_libc.h"
#include "entry/process.h"
#include "entry/stacks.h"
#include "trace/trace_search.h"

#define MESSAGE_MAX (256u << 10)
#define NAME_MAX_BYTES 6000 /* a path and a function */
#define TOLD_MAX 100        /* messages of a process that goes on; further errors are only recorded */

/* An error, and what could be found out about it. */
struct misuse {
  enum vt_heap_error kind;
  const char *title; /* "double free" */
  uint64_t addr;
  uint32_t stack, free_stack;
  bool outside; /* of the heap: there is no block to tell of */
  bool known;   /* block is */
  struct trace_block block;
};

struct message {
  size_t used;
  struct code_names *names;
  char name[NAME_MAX_BYTES]; /* not on the stack, which may be a small one */
  char text[MESSAGE_MAX];
};

/* ---- finding out ---- */

static void look_up(const struct hook *h, struct misuse *m)
{
  bool inside = m->kind == VT_HEAP_INTERIOR_FREE || m->kind == VT_HEAP_INVALID_FREE;
  bool freed;

  if (h->state == HOOK_READY)
    m->stack = stack_of(h->thread, h->frame);
  m->known = !m->outside && trace_find_block(m->addr, inside, &m->block) == 0;
  freed = m->kind == VT_HEAP_DOUBLE_FREE || m->kind == VT_HEAP_INVALID_FREE;
  if (!m->known || !freed)
    m->block.freed = false;
  if (m->block.freed)
    m->free_stack = m->block.free_stack ? m->block.free_stack : free_sites_find(m->block.addr, m->block.free_thread);
  else if (m->kind == VT_HEAP_DOUBLE_FREE)
    m->free_stack = free_sites_find(m->addr, VT_NO_THREAD);
}

/* ---- the message ---- */

/* One line of the message. */
static __attribute__((format(printf, 2, 3))) void say(struct message *m, const char *format, ...)
{
  size_t room = sizeof m->text - m->used;
  va_list args;
  int n, prefix;

  prefix = text_format(m->text + m->used, room, "vmtrace: ");
  if ((size_t)prefix + 1 >= room)
    return;
  va_start(args, format);
  n = text_vmessage(m->text + m->used + prefix, room - (size_t)prefix, format, args);
  va_end(args);
  if ((size_t)(prefix + n) + 1 >= room)
    return;
  m->used += (size_t)(prefix + n);
  m->text[m->used++] = '\n';
}

static void say_stack(struct message *m, uint32_t stack)
{
  uint64_t pc;
  unsigned n = 0;

  /* A return address is the instruction after the call. */
  for (; unwind_node(stack, &stack, &pc); n++)
    say(m, "    #%u %s", n, code_name(m->names, pc - 1, m->name, sizeof m->name));
  if (!n)
    say(m, "    (call stack not kept)");
  else if (stack == VT_STACK_LIMIT)
    say(m, "    (outer frames were not kept)");
}

static void say_block(struct message *m, const struct misuse *e)
{
  const struct trace_block *b = &e->block;
  uint64_t inside = e->addr - b->addr;

  if (e->known && inside)
    say(m, "  the address is %lu bytes inside a block of %lu bytes at 0x%lx, allocated by thread %d:", inside, b->size,
        b->addr, b->tid);
  else if (e->known)
    say(m, "  the block of %lu bytes was allocated by thread %d:", b->size, b->tid);
  else
    say(m, "  where it was allocated is not in this process's trace");
  if (e->known)
    say_stack(m, b->stack);
}

static void say_free(struct message *m, const struct misuse *e)
{
  if (e->block.freed)
    say(m, "  it was freed first by thread %d:", e->block.free_tid);
  else
    say(m, "  it was freed first by:");
  say_stack(m, e->free_stack);
}

static void say_all(struct message *m, const struct hook *h, const struct misuse *e, const char *head)
{
  say(m, "%s: %s in process %d, thread %d:", e->title, head, sys_getpid(), h->thread->tid);
  if (e->stack)
    say_stack(m, e->stack);
  else
    say(m, "    #0 %s", code_name(m->names, ((const uint64_t *)h->frame)[1] - 1, m->name, sizeof m->name));
  if (!process_is_traced() && e->outside)
    return;
  if (!process_is_traced()) {
    say(m, "  there is no trace, which would tell where the block was allocated and freed");
    return;
  }
  if (!e->outside)
    say_block(m, e);
  if (e->kind == VT_HEAP_DOUBLE_FREE || e->block.freed)
    say_free(m, e);
  say(m, "  the same with lines and inlined functions: vmtrace info %s", trace_path());
}

static void tell(const struct hook *h, const struct misuse *e, const char *head)
{
  struct message *m = own_map(sizeof *m);

  if (!m) {
    log_error("%s: %s in process %d", e->title, head, sys_getpid());
    return;
  }
  m->names = code_names_open();
  say_all(m, h, e, head);
  code_names_close(m->names);
  log_write(m->text, m->used);
  own_unmap(m, sizeof *m);
}

/* ---- the whole ---- */

static void report(const struct hook *h, struct misuse *e, const char *head)
{
  static uint32_t told;
  uint32_t number = __atomic_add_fetch(&told, 1, __ATOMIC_RELAXED);

  if (number <= TOLD_MAX) {
    look_up(h, e);
    tell(h, e, head);
  } else if (number == TOLD_MAX + 1) {
    log_error("%d misuses of the heap were told; further ones are only recorded", (int)TOLD_MAX);
  }
  HOOK_RECORD(h, HEAP_ERROR, e->kind, e->addr, e->known ? e->block.addr : 0, e->stack, e->known ? e->block.stack : 0,
              e->free_stack);
  if (options_get()->on_error_continue)
    return;
  hook_end(h);
  process_end(VT_ENDED_SIGNAL, SIGABRT, 0);
  next_libc.abort();
  __builtin_unreachable();
}

void report_bad_free(const struct hook *h, enum heap_verdict verdict, const void *p, const char *call)
{
  static const struct {
    enum vt_heap_error kind;
    const char *title, *text;
  } kinds[] = {
      [HEAP_DOUBLE] = {VT_HEAP_DOUBLE_FREE, "double free", "the block is free already"},
      [HEAP_INTERIOR] = {VT_HEAP_INTERIOR_FREE, "invalid pointer", "the address is inside a block, not at its start"},
      [HEAP_INVALID] = {VT_HEAP_INVALID_FREE, "invalid pointer", "no block is at this address"},
  };
  struct misuse e = {.addr = (uint64_t)(uintptr_t)p};
  char head[200];

  /* What lies there is the program's own doing, and was reported when it took the place. */
  if (verdict == HEAP_WITHDRAWN)
    return;
  e.kind = kinds[verdict].kind;
  e.title = kinds[verdict].title;
  text_format(head, sizeof head, "%s(%p): %s,", call, p, kinds[verdict].text);
  report(h, &e, head);
}

void report_foreign(const struct hook *h, enum foreign_place place, const void *p, const char *call)
{
  static const char *const places[] = {
      [FOREIGN_UNMAPPED] = "nothing is mapped at this address",
      [FOREIGN_STACK] = "the address is on this thread's stack",
      [FOREIGN_CODE] = "the address is in code or constants",
      [FOREIGN_DATA] = "the address is a global or static variable's",
  };
  struct misuse e = {
      .kind = VT_HEAP_INVALID_FREE, .title = "invalid pointer", .addr = (uint64_t)(uintptr_t)p, .outside = true};
  char head[200];

  text_format(head, sizeof head, "%s(%p): %s,", call, p, places[place]);
  report(h, &e, head);
}

void report_size_mismatch(const struct hook *h, const void *p, size_t align, size_t size, size_t usable)
{
  struct misuse e = {.kind = VT_HEAP_SIZE_MISMATCH, .title = "size mismatch", .addr = (uint64_t)(uintptr_t)p};
  char head[200];

  if (align)
    text_format(head, sizeof head, "free_aligned_sized(%p, %zu, %zu): the block has %zu bytes,", p, align, size,
                usable);
  else
    text_format(head, sizeof head, "free_sized(%p, %zu): the block has %zu bytes,", p, size, usable);
  report(h, &e, head);
}
