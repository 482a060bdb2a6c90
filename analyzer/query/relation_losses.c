/*
 * What a trace says of itself: where events are missing, from where on addresses may differ, what is not seen.
 */
#include <stdio.h>

#include "query/relation_list.h"
#include "query/relations.h"
#include "track/digest.h"

enum { L_PID, L_KIND, L_TIME, L_THREAD, L_EVENT, L_EVENTS, L_ADDRESS, L_REASON, L_COLUMNS };

static const struct column columns[L_COLUMNS] = {
    LIST_PID,
    {"kind", NULL, "KIND", COLUMN_TEXT, 0, "loss, nondet (addresses may differ from here on) or untraced", COLUMN_KEY},
    {"time", "time_ns", "TIME", COLUMN_TIME, 2, "when", 0},
    {"thread", NULL, "THREAD", COLUMN_TEXT, 1, "whose: its lineage", 0},
    {"event", NULL, "EVENT", COLUMN_NUMBER, 4, "allocations of the thread before it", 0},
    {"events", NULL, "EVENTS", COLUMN_COUNT, 3, "of a loss: events that are missing", 0},
    {"address", NULL, "ADDRESS", COLUMN_ADDRESS, 5, "of nondet: where", 0},
    {"reason", NULL, "REASON", COLUMN_TEXT, 0, "why, in words", COLUMN_KEY | COLUMN_WIDE},
};

static void *losses_list(struct session *s, const struct session_trace *t, size_t *count)
{
  struct digest *digest = session_state(t, &tracker_digest);

  (void)s;
  *count = digest->caveats.losses.count + digest->caveats.nondet.count + digest->caveats.untraced.count;
  return digest;
}

static void loss_row(struct list_row *row, const struct caveat *c)
{
  row->cell[L_KIND].text = "loss";
  row->cell[L_EVENTS] = cell_number(c->value);
  row->cell[L_REASON].text = digest_stop_words(c->reason);
}

static void nondet_row(struct list_row *row, const struct caveat *c)
{
  row->cell[L_KIND].text = "nondet";
  row->cell[L_ADDRESS] = cell_bits(c->value);
  row->cell[L_EVENT] = cell_number(c->event);
  row->cell[L_REASON].text = digest_nondet_words(c->reason);
}

static void untraced_row(struct list_row *row, const struct caveat *c)
{
  row->cell[L_KIND].text = "untraced";
  snprintf(row->text[0], sizeof row->text[0], "%s%s", digest_untraced_words(c->reason), c->text ? c->text : "");
  row->cell[L_REASON].text = row->text[0];
}

static void losses_row(struct list_row *row)
{
  const struct digest *digest = row->state;
  const struct caveats *caveats = &digest->caveats;
  size_t at = row->number;
  const struct caveat *c;

  if (at < caveats->losses.count) {
    loss_row(row, c = &caveats->losses.all[at]);
  } else if ((at -= caveats->losses.count) < caveats->nondet.count) {
    nondet_row(row, c = &caveats->nondet.all[at]);
  } else {
    untraced_row(row, c = &caveats->untraced.all[at - caveats->nondet.count]);
  }
  row->cell[L_TIME] = cell_number(c->time_ns);
  row->cell[L_THREAD].text = reader_lineage(digest->reader, c->thread);
}

static const struct relation_list list = {losses_list, losses_row, NULL};
static const struct tracker *const trackers[] = {&tracker_digest, NULL};

const struct relation relation_losses = {.name = "losses",
                                         .meaning = "what traces lack, and from where on addresses may differ",
                                         .columns = columns,
                                         .column_count = L_COLUMNS,
                                         .trackers = trackers,
                                         RELATION_LIST(list)};
