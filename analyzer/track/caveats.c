/*
 * See caveats.h.  Called by track/digest.c for every event that is no allocation.
 */
#include "track/caveats.h"

#include <stdlib.h>
#include <string.h>

#include "reader/xalloc.h"

static struct caveat *list_add(struct caveat_list *list, const struct event *e)
{
  struct caveat *c;

  if (!list->all)
    list->all = xcalloc(CAVEATS_MOST, sizeof *list->all);
  if (!list->all)
    return NULL;
  c = &list->all[list->count++];
  c->thread = e->thread;
  c->reason = (uint32_t)e->field[0];
  c->event = e->seq;
  c->time_ns = e->time_ns;
  return c;
}

static bool keep_text(struct caveat *c, const struct event *e)
{
  c->text = xmalloc(e->tail_len + 1);
  if (!c->text)
    return false;
  if (e->tail_len)
    memcpy(c->text, e->tail, e->tail_len);
  c->text[e->tail_len] = '\0';
  c->length = e->tail_len;
  return true;
}

static struct caveat_list *list_of(struct caveats *c, uint32_t type)
{
  switch (type) {
  case VT_R_NONDET:
    return &c->nondet;
  case VT_R_LOSS:
    return &c->losses;
  case VT_R_UNTRACED:
    return &c->untraced;
  default:
    return NULL;
  }
}

bool caveats_event(struct caveats *caveats, const struct event *e)
{
  struct caveat_list *list = list_of(caveats, e->type);
  struct caveat *c;

  if (!list)
    return true;
  list->sum += e->fields > 1 ? e->field[1] : 0;
  if (list->seen++ >= CAVEATS_MOST)
    return true;
  c = list_add(list, e);
  if (!c)
    return false;
  if (list == &caveats->untraced)
    return keep_text(c, e);
  c->value = e->field[1];
  if (list == &caveats->nondet)
    c->event = e->field[2]; /* the record comes behind the event that it is about */
  return true;
}

static void list_release(struct caveat_list *list)
{
  for (size_t i = 0; i < list->count; i++)
    free(list->all[i].text);
  free(list->all);
  *list = (struct caveat_list){0};
}

void caveats_release(struct caveats *c)
{
  list_release(&c->nondet);
  list_release(&c->losses);
  list_release(&c->untraced);
}
