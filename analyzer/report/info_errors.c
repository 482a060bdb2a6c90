/*
 * Misuse of the heap in `vmtrace info`: as text, and as JSON.  Called by
 * info_text.c and info_json.c.
 */
#include <inttypes.h>
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

static void put_json_frame(void *writer, const struct symbol *frame)
{
  struct json_writer *j = writer;

  json_open_object(j);
  json_member_text(j, "function", frame->function);
  json_member_text(j, "file", frame->file);
  json_put_key(j, "line");
  if (frame->line)
    json_put_number(j, frame->line);
  else
    json_put_null(j);
  json_member_text(j, "module", frame->module);
  json_member_address(j, "address", frame->address);
  json_close(j);
}

static void put_json_stack(struct json_writer *j, const char *key, struct heap_errors *errors, uint32_t stack)
{
  json_put_key(j, key);
  json_open_array(j);
  heap_errors_frames(errors, stack, put_json_frame, j);
  json_close(j);
}

void info_errors_json(struct json_writer *j, const struct digest *d)
{
  struct heap_errors *errors = d->errors;

  json_put_key(j, "heap_errors");
  json_open_array(j);
  for (size_t i = 0; i < errors->count; i++) {
    const struct heap_error *e = &errors->error[i];

    json_open_object(j);
    json_member_text(j, "kind", heap_errors_kind(e->kind));
    json_member_address(j, "addr", e->addr);
    json_put_key(j, "block");
    if (e->block)
      json_put_address(j, e->block);
    else
      json_put_null(j);
    json_member_text(j, "thread", reader_lineage(d->reader, e->thread));
    json_member_u64(j, "time_ns", e->time_ns);
    put_json_stack(j, "frames", errors, e->stack);
    put_json_stack(j, "alloc_frames", errors, e->alloc_stack);
    put_json_stack(j, "free_frames", errors, e->free_stack);
    json_close(j);
  }
  json_close(j);
}
