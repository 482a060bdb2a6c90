/*
 * What a trace cannot say, in `vmtrace info`: as text, and as JSON.  Called by
 * info_text.c and info_json.c.
 */
#include <inttypes.h>

#include "output/quantity.h"
#include "reader/plain_text.h"
#include "report/info_report.h"

#define SHOWN 20 /* lines of text per kind; JSON has all that were kept */

static void put_rest(FILE *out, const struct caveat_list *list)
{
  char n[QUANTITY_MAX];

  if (list->seen > SHOWN)
    fprintf(out, "              and %s more\n", quantity_count(n, list->seen - SHOWN));
}

void info_losses_text(FILE *out, const struct digest *d)
{
  const struct caveat_list *list = &d->caveats.losses;
  char events[QUANTITY_MAX], number[QUANTITY_MAX];

  for (size_t i = 0; i < list->count && i < SHOWN; i++) {
    const struct caveat *c = &list->all[i];

    fprintf(out, "              %s of thread %s before its allocation %s", quantity_count(events, c->value),
            reader_lineage(d->reader, c->thread), quantity_count(number, c->event));
    if (c->reason)
      fprintf(out, ": %s", digest_stop_words(c->reason));
    fputc('\n', out);
  }
  put_rest(out, list);
  if (list->count && d->lost > list->sum)
    fprintf(out, "              %s of threads that have no stream in the file\n",
            quantity_count(events, d->lost - list->sum));
}

void info_nondet_text(FILE *out, const struct digest *d)
{
  const struct caveat_list *list = &d->caveats.nondet;
  char number[QUANTITY_MAX];

  for (size_t i = 0; i < list->count && i < SHOWN; i++) {
    const struct caveat *c = &list->all[i];

    fprintf(out, "              from allocation %s of thread %s on", quantity_count(number, c->event),
            reader_lineage(d->reader, c->thread));
    if (c->value)
      fprintf(out, ", address 0x%" PRIx64, c->value);
    fprintf(out, ": %s\n", digest_nondet_words(c->reason));
  }
  put_rest(out, list);
}

void info_untraced_text(FILE *out, const struct digest *d)
{
  const struct caveat_list *list = &d->caveats.untraced;

  for (size_t i = 0; i < list->count && i < SHOWN; i++) {
    fprintf(out, "%-14s%s", i ? "" : "not traced", digest_untraced_words(list->all[i].reason));
    plain_put(out, list->all[i].text, list->all[i].length);
    fputc('\n', out);
  }
  put_rest(out, list);
}

/* ---- JSON ---- */

static void put_place(struct json_writer *j, const struct digest *d, const struct caveat *c, const char *reason)
{
  json_member_text(j, "thread", reader_lineage(d->reader, c->thread));
  json_member_u64(j, "event", c->event);
  json_member_text(j, "reason", reason);
  json_member_u64(j, "time_ns", c->time_ns);
}

static void put_nondet(struct json_writer *j, const struct digest *d, const struct caveat *c)
{
  put_place(j, d, c, digest_nondet_words(c->reason));
  json_member_address(j, "addr", c->value);
}

static void put_loss(struct json_writer *j, const struct digest *d, const struct caveat *c)
{
  put_place(j, d, c, c->reason ? digest_stop_words(c->reason) : "");
  json_member_u64(j, "events", c->value);
}

static void put_untraced(struct json_writer *j, const struct digest *d, const struct caveat *c)
{
  (void)d;
  json_member_u64(j, "reason", c->reason);
  json_put_key(j, "text");
  json_put_text_n(j, c->text, c->length);
}

static void put_list(struct json_writer *j, const char *key, const struct digest *d, const struct caveat_list *list,
                     void (*put)(struct json_writer *, const struct digest *, const struct caveat *))
{
  json_put_key(j, key);
  json_open_array(j);
  for (size_t i = 0; i < list->count; i++) {
    json_open_object(j);
    put(j, d, &list->all[i]);
    json_close(j);
  }
  json_close(j);
}

void info_caveats_json(struct json_writer *j, const struct digest *d)
{
  put_list(j, "nondet", d, &d->caveats.nondet, put_nondet);
  put_list(j, "losses", d, &d->caveats.losses, put_loss);
  put_list(j, "untraced", d, &d->caveats.untraced, put_untraced);
}
