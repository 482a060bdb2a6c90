/*
 * The tree of named frames.  See call_tree.h.  Called by cmd/heap.c, and by
 * report/heap_*.c to walk it.  Which numbers a stack has is query/heap/heap_rows.c's.
 */
#include "query/heap/call_tree.h"

#include <stdlib.h>
#include <string.h>

#include "reader/xalloc.h"
#include "symbols/call_site.h"

#define FIRST_SLOTS 1024u
#define INVERTED_MOST 1000000u /* nodes of an inverted tree; beyond it stacks have INVERTED_DEPTH frames */
#define INVERTED_DEPTH 16u

static bool make_room(void **items, size_t count, size_t *room, size_t size)
{
  size_t more = *room ? *room * 2 : 64;
  void *grown;

  if (count < *room)
    return true;
  if (count >= CALL_NONE - 1)
    return false;
  grown = xreallocarray(*items, more, size);
  if (!grown)
    return false;
  *items = grown;
  *room = more;
  return true;
}

bool call_tree_init(struct call_tree *t, struct symbols *symbols, enum call_merge merge)
{
  *t = (struct call_tree){.merge = merge, .symbols = symbols};
  t->frame_slots = xcalloc(FIRST_SLOTS, sizeof *t->frame_slots);
  t->node_slots = xcalloc(FIRST_SLOTS, sizeof *t->node_slots);
  t->known = xcalloc((size_t)1 << CALL_KNOWN_BITS, sizeof *t->known);
  t->frame_mask = t->node_mask = FIRST_SLOTS - 1;
  if (!t->frame_slots || !t->node_slots || !t->known ||
      !make_room((void **)&t->nodes, 0, &t->node_room, sizeof *t->nodes)) {
    call_tree_release(t);
    return false;
  }
  t->nodes[t->node_count++] = (struct call_node){CALL_NONE, CALL_NONE, CALL_NONE, CALL_NONE, CALL_NONE, 0};
  return true;
}

void call_tree_release(struct call_tree *t)
{
  free(t->frames);
  free(t->nodes);
  free(t->rows);
  free(t->frame_slots);
  free(t->node_slots);
  free(t->known);
  *t = (struct call_tree){0};
}

/* ---- frames ---- */

static uint64_t hash_text(uint64_t hash, const char *text)
{
  for (; text && *text; text++)
    hash = (hash ^ (uint8_t)*text) * UINT64_C(0x100000001b3);
  return (hash ^ 0xff) * UINT64_C(0x100000001b3);
}

static uint64_t frame_hash(const struct call_tree *t, const struct symbol *f)
{
  uint64_t hash = hash_text(hash_text(UINT64_C(0xcbf29ce484222325), f->function), f->module);

  if (!f->function)
    hash ^= f->address * UINT64_C(0x9e3779b97f4a7c15);
  else if (t->merge == CALL_BY_LINE)
    hash = hash_text(hash, f->file) ^ f->line * UINT64_C(0x9e3779b97f4a7c15);
  return hash ^ hash >> 32;
}

static bool same_text(const char *a, const char *b)
{
  return a == b || (a && b && strcmp(a, b) == 0);
}

static bool same_frame(const struct call_tree *t, const struct symbol *a, const struct symbol *b)
{
  if (!same_text(a->function, b->function) || !same_text(a->module, b->module))
    return false;
  if (!a->function)
    return a->address == b->address;
  return t->merge == CALL_BY_FUNCTION || (a->line == b->line && same_text(a->file, b->file));
}

static uint32_t *frame_slot(const struct call_tree *t, const struct symbol *frame)
{
  for (size_t i = frame_hash(t, frame);; i++) {
    uint32_t *slot = &t->frame_slots[i & t->frame_mask];

    if (!*slot || same_frame(t, &t->frames[*slot - 1], frame))
      return slot;
  }
}

/* The index of a frame, made if need be; CALL_NONE when out of memory. */
static uint32_t frame_of(struct call_tree *t, const struct symbol *frame)
{
  uint32_t *slot = frame_slot(t, frame);

  if (*slot)
    return *slot - 1;
  if (!make_room((void **)&t->frames, t->frame_count, &t->frame_room, sizeof *t->frames))
    return CALL_NONE;
  if (t->frame_count > t->frame_mask / 2) {
    uint32_t *larger = xcalloc(t->frame_mask * 2 + 2, sizeof *larger);

    if (!larger)
      return CALL_NONE;
    free(t->frame_slots);
    t->frame_slots = larger;
    t->frame_mask = t->frame_mask * 2 + 1;
    for (size_t i = 0; i < t->frame_count; i++)
      *frame_slot(t, &t->frames[i]) = (uint32_t)i + 1;
    slot = frame_slot(t, frame);
  }
  t->frames[t->frame_count++] = *frame;
  *slot = (uint32_t)t->frame_count;
  return *slot - 1;
}

/* frame_of for a symbol that lives as long as the tree: its text is looked at once. */
static uint32_t frame_of_symbol(struct call_tree *t, const struct symbol *symbol)
{
  struct call_known *known = &t->known[((uintptr_t)symbol * UINT64_C(0x9e3779b97f4a7c15)) >> (64 - CALL_KNOWN_BITS)];

  if (known->symbol != symbol)
    *known = (struct call_known){symbol, frame_of(t, symbol)};
  if (known->frame == CALL_NONE)
    known->symbol = NULL;
  return known->frame;
}

/* ---- nodes ---- */

static uint64_t node_hash(uint32_t parent, uint32_t frame)
{
  uint64_t hash = ((uint64_t)parent << 32 | frame) * UINT64_C(0x9e3779b97f4a7c15);

  return hash ^ hash >> 29;
}

static struct call_slot *node_slot(const struct call_tree *t, uint32_t parent, uint32_t frame)
{
  uint64_t hash = node_hash(parent, frame);
  uint32_t tag = (uint32_t)(hash >> 32);

  for (size_t i = hash;; i++) {
    struct call_slot *slot = &t->node_slots[i & t->node_mask];
    const struct call_node *node = &t->nodes[slot->node];

    if (slot->node == CALL_TREE_ROOT || (slot->tag == tag && node->parent == parent && node->frame == frame))
      return slot;
  }
}

static void put_node(const struct call_tree *t, uint32_t node)
{
  const struct call_node *n = &t->nodes[node];

  *node_slot(t, n->parent, n->frame) = (struct call_slot){node, (uint32_t)(node_hash(n->parent, n->frame) >> 32)};
}

/* Room for so many nodes in the table; false without memory. */
static bool reserve_slots(struct call_tree *t, size_t nodes)
{
  size_t mask = t->node_mask;
  struct call_slot *larger;

  while (nodes > mask / 2)
    mask = mask * 2 + 1;
  if (mask == t->node_mask)
    return true;
  larger = xcalloc(mask + 1, sizeof *larger);
  if (!larger)
    return false;
  free(t->node_slots);
  t->node_slots = larger;
  t->node_mask = mask;
  for (size_t i = 1; i < t->node_count; i++)
    put_node(t, (uint32_t)i);
  return true;
}

uint32_t call_tree_child(struct call_tree *t, uint32_t parent, uint32_t frame)
{
  uint32_t node = node_slot(t, parent, frame)->node;

  if (node != CALL_TREE_ROOT)
    return node;
  if (!make_room((void **)&t->nodes, t->node_count, &t->node_room, sizeof *t->nodes) ||
      !reserve_slots(t, t->node_count + 1))
    return CALL_NONE;
  node = (uint32_t)t->node_count++;
  t->nodes[node] =
      (struct call_node){frame, parent, CALL_NONE, t->nodes[parent].child, CALL_NONE, t->nodes[parent].depth + 1};
  t->nodes[parent].child = node;
  put_node(t, node);
  return node;
}

struct heap_row *call_tree_row(struct call_tree *t, uint32_t node)
{
  struct call_node *n = &t->nodes[node];

  if (n->row == CALL_NONE) {
    if (!make_room((void **)&t->rows, t->row_count, &t->row_room, sizeof *t->rows))
      return NULL;
    t->rows[t->row_count] = (struct heap_row){0};
    n->row = (uint32_t)t->row_count++;
  }
  return &t->rows[n->row];
}

/* ---- stacks of a process ---- */

static uint32_t special_frame(struct call_tree *t, const char *words)
{
  const struct symbol symbol = {.function = words};

  return frame_of(t, &symbol);
}

static uint32_t special(struct call_tree *t, const char *words)
{
  uint32_t frame = special_frame(t, words);

  return frame == CALL_NONE ? CALL_NONE : call_tree_child(t, CALL_TREE_ROOT, frame);
}

/* Where stacks begin that have no outer frame: those that are not whole say so. */
static uint32_t root_of(struct call_tree *t, uint32_t root)
{
  switch (root) {
  case VT_STACK_COMPLETE:
    return CALL_TREE_ROOT;
  case VT_STACK_NONE:
    return special(t, "[no call stack]");
  case VT_STACK_LIMIT:
    return special(t, "[outer frames not kept]");
  default:
    return special(t, "[unwinding stopped]");
  }
}

/* The node of one return address on top of parent, with what was inlined there. */
static uint32_t extend(struct call_tree *t, struct names *names, uint32_t parent, const struct stack_node *node)
{
  const struct symbols_frames *frames = symbols_at(t->symbols, &names->modules, node->pc, node->time_ns);

  for (unsigned i = frames ? frames->count : 0; i-- > 0 && parent != CALL_NONE;) {
    uint32_t frame = frame_of_symbol(t, &frames->frame[i]);

    /* Without this, stacks each one deeper than the next make text that grows with the square of their number. */
    if (t->nodes[parent].depth >= CALL_DEPTH_MAX)
      parent = root_of(t, VT_STACK_LIMIT);
    parent = frame == CALL_NONE ? CALL_NONE : call_tree_child(t, parent, frame);
  }
  return frames ? parent : CALL_NONE;
}

/* One way from a stack to its root, innermost first. */
struct way {
  uint32_t *id;
  size_t count, room;
};

/*
 * The tree's node of a call stack.  places remembers what was asked before,
 * plus one, so that each node of the trace is looked up once.
 */
static uint32_t place_of(struct call_tree *t, struct names *names, struct id_table *places, struct way *way,
                         uint32_t stack)
{
  uint32_t at = CALL_NONE;

  for (way->count = 0; at == CALL_NONE;) {
    const struct stack_node *node = names ? id_table_get(&names->nodes, stack) : NULL;
    const uint32_t *place = id_table_get(places, stack);

    if (place && *place) {
      at = *place - 1;
    } else if (!node || !node->known || way->count > ID_TABLE_LIMIT) {
      at = root_of(t, stack);
      if (at == CALL_NONE)
        return CALL_NONE;
    } else {
      if (!make_room((void **)&way->id, way->count, &way->room, sizeof *way->id))
        return CALL_NONE;
      way->id[way->count++] = stack;
      /* Nodes are numbered from the root outwards: anything else is damage, and might be a circle. */
      stack = node->parent < stack ? node->parent : VT_STACK_BROKEN;
    }
  }
  while (way->count && at != CALL_NONE) {
    uint32_t id = way->id[--way->count], *place = id_table_make(places, id);

    at = extend(t, names, at, id_table_get(&names->nodes, id));
    if (!place)
      return CALL_NONE;
    *place = at + 1;
  }
  return at;
}

static bool add_stack(struct call_tree *t, uint32_t at, const struct heap_row *row, int factor)
{
  struct heap_row *to = at == CALL_NONE ? NULL : call_tree_row(t, at);

  if (to)
    heap_row_add(to, row, factor);
  return to != NULL;
}

/* What was asked before, for the names of the process and of each that it descends from. */
struct all_places {
  struct id_table *by_generation;
  size_t count;
};

static struct id_table *places_of(struct all_places *all, unsigned generation)
{
  while (all->count <= generation) {
    all->by_generation = xreallocarray(all->by_generation, all->count + 1, sizeof(struct id_table));
    id_table_init(&all->by_generation[all->count++], sizeof(uint32_t));
  }
  return &all->by_generation[generation];
}

bool call_tree_add(struct call_tree *t, const struct heap_process *p, enum heap_scope scope, int factor)
{
  struct all_places all = {0};
  struct way way = {0};
  bool good = reserve_slots(t, t->node_count + (size_t)p->names->nodes.made * ID_TABLE_GROUP);

  for (uint32_t id = 0; good && (id = heap_process_stack(p, id)) < ID_TABLE_LIMIT; id++) {
    struct stack_place place = heap_process_place(p, id);
    struct heap_row row;

    heap_process_row(p, scope, id, &row);
    if (!heap_row_empty(&row))
      good = add_stack(t, place_of(t, place.names, places_of(&all, place.generation), &way, place.stack), &row, factor);
  }
  free(way.id);
  for (size_t i = 0; i < all.count; i++)
    id_table_release(&all.by_generation[i]);
  free(all.by_generation);
  return good;
}

uint32_t call_tree_site(const struct call_tree *t, uint32_t node, unsigned *depth)
{
  uint32_t innermost = t->nodes[node].frame;
  unsigned further_in = 0;

  if (depth)
    *depth = 0;
  for (; node != CALL_TREE_ROOT && !t->innermost; node = t->nodes[node].parent, further_in++) {
    if (call_site_is_wrapper(&t->frames[t->nodes[node].frame]))
      continue;
    if (depth)
      *depth = further_in;
    return t->nodes[node].frame;
  }
  return innermost;
}

bool call_tree_invert(struct call_tree *to, const struct call_tree *from)
{
  if (!call_tree_init(to, from->symbols, from->merge))
    return false;
  for (uint32_t i = 0; i < from->node_count; i++) {
    uint32_t at = CALL_TREE_ROOT;

    if (from->nodes[i].row == CALL_NONE)
      continue;
    for (uint32_t node = i; node != CALL_TREE_ROOT && at != CALL_NONE; node = from->nodes[node].parent) {
      uint32_t frame;

      /* Each stack is a path of its own here: so many frames are shown of each that all together have a bound. */
      if (to->nodes[at].depth >= (to->node_count < INVERTED_MOST ? CALL_DEPTH_MAX : INVERTED_DEPTH)) {
        frame = special_frame(to, "[outer frames not shown]");
        at = call_tree_child(to, at, frame);
        break;
      }
      frame = frame_of(to, &from->frames[from->nodes[node].frame]);

      at = frame == CALL_NONE ? CALL_NONE : call_tree_child(to, at, frame);
    }
    if (!add_stack(to, at, &from->rows[from->nodes[i].row], 1)) {
      call_tree_release(to);
      return false;
    }
  }
  return true;
}

struct heap_row *call_tree_sums(const struct call_tree *t)
{
  struct heap_row *sums = xcalloc(t->node_count, sizeof *sums);

  /* Children come after their parents. */
  for (size_t i = t->node_count; sums && i-- > 0;) {
    if (t->nodes[i].row != CALL_NONE)
      heap_row_add(&sums[i], &t->rows[t->nodes[i].row], 1);
    if (i)
      heap_row_add(&sums[t->nodes[i].parent], &sums[i], 1);
  }
  return sums;
}
