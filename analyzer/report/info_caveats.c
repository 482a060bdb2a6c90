/*
 * What a trace cannot say, in `vmtrace info`: as text, and as JSON.  Called by
 * info_text.c and info_json.c.
 */
#include <inttypes.h>
#include <jansson.h>

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

static json_t *place_value(const struct digest *d, const struct caveat *c, const char *reason)
{
  return json_pack("{s:s, s:I, s:s, s:I}", "thread", reader_lineage(d->reader, c->thread), "event",
                   (json_int_t)c->event, "reason", reason, "time_ns", (json_int_t)c->time_ns);
}

static json_t *nondet_value(const struct digest *d, const struct caveat *c)
{
  json_t *o = place_value(d, c, digest_nondet_words(c->reason));
  char addr[24];

  snprintf(addr, sizeof addr, "0x%" PRIx64, c->value);
  json_object_set_new(o, "addr", json_string(addr));
  return o;
}

static json_t *loss_value(const struct digest *d, const struct caveat *c)
{
  json_t *o = place_value(d, c, c->reason ? digest_stop_words(c->reason) : "");

  json_object_set_new(o, "events", json_integer((json_int_t)c->value));
  return o;
}

static json_t *untraced_value(const struct digest *d, const struct caveat *c)
{
  (void)d;
  return json_pack("{s:I, s:o}", "reason", (json_int_t)c->reason, "text", info_text_value(c->text, c->length));
}

static json_t *list_value(const struct digest *d, const struct caveat_list *list,
                          json_t *(*value)(const struct digest *, const struct caveat *))
{
  json_t *array = json_array();

  for (size_t i = 0; i < list->count; i++)
    json_array_append_new(array, value(d, &list->all[i]));
  return array;
}

void info_caveats_json(struct json_t *object, const struct digest *d)
{
  json_object_set_new(object, "nondet", list_value(d, &d->caveats.nondet, nondet_value));
  json_object_set_new(object, "losses", list_value(d, &d->caveats.losses, loss_value));
  json_object_set_new(object, "untraced", list_value(d, &d->caveats.untraced, untraced_value));
}
