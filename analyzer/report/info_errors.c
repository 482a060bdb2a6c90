/*
 * Misuse of the heap in `vmtrace info`: as text, and as JSON.  Called by
 * info_text.c and info_json.c.
 */
#include <inttypes.h>
#include <jansson.h>
#include <string.h>

#include "output/quantity.h"
#include "reader/plain_text.h"
#include "report/info_report.h"

#define SHOWN 10 /* errors of which the text has the stacks; JSON has all that were kept */

static void put_frame(void *out, const struct symbol *frame)
{
  fputs("                  ", out);
  if (frame->function)
    plain_puts(out, frame->function);
  else
    fprintf(out, "0x%" PRIx64, frame->address);
  if (frame->file) {
    fputs(" (", out);
    plain_puts(out, frame->file);
    fprintf(out, ":%u)", frame->line);
  }
  if (frame->module) {
    fputs(" in ", out);
    plain_puts(out, frame->module);
  }
  fputc('\n', out);
}

static void put_stack(FILE *out, struct heap_errors *errors, const char *what, uint32_t stack)
{
  fprintf(out, "                %s\n", what);
  if (!heap_errors_frames(errors, stack, put_frame, out))
    fputs("                  (call stack not known)\n", out);
}

static void put_error(FILE *out, const struct digest *d, const struct heap_error *e)
{
  struct heap_errors *errors = d->errors;
  char after[QUANTITY_MAX];
  uint64_t start = d->header->start_ns;

  fprintf(out, "              %s of 0x%" PRIx64 " by thread %s, after %s\n", heap_errors_kind(e->kind), e->addr,
          reader_lineage(d->reader, e->thread), quantity_time(after, e->time_ns > start ? e->time_ns - start : 0));
  put_stack(out, errors, "at", e->stack);
  if (e->block && e->block != e->addr)
    fprintf(out, "                %" PRIu64 " bytes inside the block at 0x%" PRIx64 "\n", e->addr - e->block, e->block);
  if (e->block)
    put_stack(out, errors, "allocated at", e->alloc_stack);
  if (e->free_stack || e->kind == VT_HEAP_DOUBLE_FREE)
    put_stack(out, errors, "freed first at", e->free_stack);
}

void info_errors_text(FILE *out, const struct digest *d)
{
  const struct heap_errors *errors = d->errors;
  char count[QUANTITY_MAX];

  if (!errors->seen)
    return;
  fprintf(out, "heap errors   %s\n", quantity_count(count, errors->seen));
  for (size_t i = 0; i < errors->count && i < SHOWN; i++)
    put_error(out, d, &errors->error[i]);
  if (errors->seen > SHOWN)
    fputs("              ... --format=json has more of them\n", out);
}

/* ---- JSON ---- */

static json_t *text_or_null(const char *text)
{
  json_t *value = text ? json_string(text) : NULL;

  return value ? value : json_null();
}

static json_t *address_value(uint64_t address)
{
  return json_sprintf("0x%" PRIx64, address);
}

static void add_frame(void *array, const struct symbol *frame)
{
  json_t *o = json_object();

  json_object_set_new(o, "function", text_or_null(frame->function));
  json_object_set_new(o, "file", text_or_null(frame->file));
  json_object_set_new(o, "line", frame->line ? json_integer(frame->line) : json_null());
  json_object_set_new(o, "module", text_or_null(frame->module));
  json_object_set_new(o, "address", address_value(frame->address));
  json_array_append_new(array, o);
}

static json_t *stack_value(struct heap_errors *errors, uint32_t stack)
{
  json_t *array = json_array();

  heap_errors_frames(errors, stack, add_frame, array);
  return array;
}

json_t *info_errors_json(const struct digest *d)
{
  struct heap_errors *errors = d->errors;
  json_t *array = json_array();

  for (size_t i = 0; i < errors->count; i++) {
    const struct heap_error *e = &errors->error[i];
    json_t *o = json_object();

    json_object_set_new(o, "kind", json_string(heap_errors_kind(e->kind)));
    json_object_set_new(o, "addr", address_value(e->addr));
    json_object_set_new(o, "block", e->block ? address_value(e->block) : json_null());
    json_object_set_new(o, "thread", json_string(reader_lineage(d->reader, e->thread)));
    json_object_set_new(o, "time_ns", json_integer((json_int_t)e->time_ns));
    json_object_set_new(o, "frames", stack_value(errors, e->stack));
    json_object_set_new(o, "alloc_frames", stack_value(errors, e->alloc_stack));
    json_object_set_new(o, "free_frames", stack_value(errors, e->free_stack));
    json_array_append_new(array, o);
  }
  return array;
}
