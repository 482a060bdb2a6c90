/*
 * Groups of things by number.  See id_table.h.  Called by model/heap_*.c.
 */
#include "model/id_table.h"

#include <stdlib.h>
#include <string.h>

#include "reader/xalloc.h"

#define GROUPS (ID_TABLE_LIMIT / ID_TABLE_GROUP)

bool id_table_init(struct id_table *t, size_t item)
{
  t->item = item;
  t->end = t->made = 0;
  /* 2 MiB that the kernel fills in only where something is stored. */
  t->groups = xcalloc(GROUPS, sizeof *t->groups);
  return t->groups != NULL;
}

void id_table_release(struct id_table *t)
{
  for (uint32_t id = 0; t->groups && (id = id_table_next(t, id)) < ID_TABLE_LIMIT; id += ID_TABLE_GROUP)
    free(t->groups[id / ID_TABLE_GROUP]);
  free(t->groups);
  t->groups = NULL;
}

void *id_table_make_slow(struct id_table *t, uint32_t id)
{
  uint8_t **group;

  if (id >= ID_TABLE_LIMIT)
    return NULL;
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
