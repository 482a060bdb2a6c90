/*
 * Things by number: call stacks and threads, whose numbers count up from a small one but may
 * be anything in a damaged trace.  Memory grows with the numbers in use, in groups of 64.
 */
#ifndef VMTRACE_ID_TABLE_H
#define VMTRACE_ID_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ID_TABLE_GROUP 64u
#define ID_TABLE_LIMIT (UINT32_C(1) << 24) /* numbers are below this; no real trace has as many stacks or threads */

struct id_table {
  uint8_t **groups; /* NULL: nothing there */
  uint32_t room;    /* of groups */
  size_t item;      /* bytes of one thing */
  uint32_t end;     /* groups from here on were never made */
  uint32_t made;    /* groups that were */
};

/* Things of item bytes each, all zero at first.  Takes no memory before the first is made; true. */
bool id_table_init(struct id_table *t, size_t item);
void id_table_release(struct id_table *t);

/* The thing with that number, made if need be; NULL without memory or for a number beyond the limit. */
void *id_table_make_slow(struct id_table *t, uint32_t id);

/* The thing with that number; NULL: none near it was ever made. */
static inline void *id_table_get(const struct id_table *t, uint32_t id)
{
  uint8_t *group = id / ID_TABLE_GROUP < t->room ? t->groups[id / ID_TABLE_GROUP] : NULL;

  return group ? group + id % ID_TABLE_GROUP * t->item : NULL;
}

static inline void *id_table_make(struct id_table *t, uint32_t id)
{
  void *thing = id_table_get(t, id);

  return thing ? thing : id_table_make_slow(t, id);
}

/* The first number at or after id in a group that was made; ID_TABLE_LIMIT at the end. */
uint32_t id_table_next(const struct id_table *t, uint32_t id);

/* A copy of all things.  False when out of memory (and nothing is held). */
bool id_table_copy(struct id_table *to, const struct id_table *from);

#endif
