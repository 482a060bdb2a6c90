/*
 * Groups of things by number.  See id_table.h.  Called by trackers, and by query/heap/.
 */
#include "track/id_table.h"

#include <stdlib.h>
#include <string.h>

#include "reader/xalloc.h"

#define GROUPS_FIRST 64u /* a power of two, as the limit is */

bool id_table_init(struct id_table *t, size_t item)
{
  *t = (struct id_table){.item = item};
  return true;
}

void id_table_release(struct id_table *t)
{
  for (uint32_t id = 0; (id = id_table_next(t, id)) < ID_TABLE_LIMIT; id += ID_TABLE_GROUP)
    free(t->groups[id / ID_TABLE_GROUP]);
  free(t->groups);
  *t = (struct id_table){.item = t->item};
}

/* Room for pointers to groups up to that one: twice as many as before, so that they move seldom. */
static void groups_reach(struct id_table *t, uint32_t group)
{
  uint32_t room = t->room ? t->room : GROUPS_FIRST;

  while (room <= group)
    room *= 2;
  if (room == t->room)
    return;
  t->groups = xreallocarray(t->groups, room, sizeof *t->groups);
  memset(t->groups + t->room, 0, (room - t->room) * sizeof *t->groups);
  t->room = room;
}

void *id_table_make_slow(struct id_table *t, uint32_t id)
{
  uint8_t **group;

  if (id >= ID_TABLE_LIMIT)
    return NULL;
  groups_reach(t, id / ID_TABLE_GROUP);
  group = &t->groups[id / ID_TABLE_GROUP];
  if (!*group) {
    *group = xcalloc(ID_TABLE_GROUP, t->item);
    t->made += *group != NULL;
  }
  if (*group && t->end <= id / ID_TABLE_GROUP)
    t->end = id / ID_TABLE_GROUP + 1;
  return *group ? *group + id % ID_TABLE_GROUP * t->item : NULL;
}

uint32_t id_table_next(const struct id_table *t, uint32_t id)
{
  uint32_t group = id / ID_TABLE_GROUP;

  if (group < t->end && t->groups[group])
    return id;
  while (group < t->end && !t->groups[group])
    group++;
  return group < t->end ? group * ID_TABLE_GROUP : ID_TABLE_LIMIT;
}

bool id_table_copy(struct id_table *to, const struct id_table *from)
{
  if (!id_table_init(to, from->item))
    return false;
  for (uint32_t id = 0; (id = id_table_next(from, id)) < ID_TABLE_LIMIT; id += ID_TABLE_GROUP) {
    void *group = id_table_make(to, id);

    if (!group) {
      id_table_release(to);
      return false;
    }
    memcpy(group, from->groups[id / ID_TABLE_GROUP], ID_TABLE_GROUP * from->item);
  }
  return true;
}
