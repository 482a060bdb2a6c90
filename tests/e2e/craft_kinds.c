/*
 * What crafted traces claim: for each kind of record, and for each thing that
 * the analyzer keeps, as much as the bytes of a file give.  Called by
 * check_bounds.c.
 */
#include <string.h>

#include "craft.h"

#define HIGH UINT64_C(0x100000000000)
#define PRESENT (VT_PG_PRESENT | VT_PG_ZERO_KNOWN)

/* A number that looks random and is the same each time. */
static uint64_t mix(uint64_t v)
{
  v *= UINT64_C(0x9e3779b97f4a7c15);
  v ^= v >> 29;
  v *= UINT64_C(0xbf58476d1ce4e5b9);
  return v ^ v >> 32;
}

static size_t print_number(char *text, uint64_t v)
{
  size_t n = 0;

  for (; v; v >>= 6)
    text[n++] = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_."[v & 63];
  return n;
}

static void sampler(struct craft *c)
{
  craft_stream(c, VT_ROLE_SAMPLER);
  CRAFT(c, SAMPLE, 0, VT_SAMPLE_PFN, 0);
}

static void sampled(struct craft *c, uint64_t number)
{
  CRAFT(c, SAMPLE_END, number, UINT64_C(1) << 28, 0);
  CRAFT(c, TIME, 1000000);
  CRAFT(c, SAMPLE, 0, VT_SAMPLE_PFN, number + 1);
}

/* ---- the program's streams ---- */

static void marks(struct craft *c)
{
  char name[16];

  for (uint64_t i = 1; craft_room(c, CRAFT_RECORD); i++)
    CRAFT_NAMED(c, MARK, name, print_number(name, i));
}

static void marks_empty(struct craft *c)
{
  while (craft_room(c, CRAFT_RECORD))
    CRAFT_NAMED(c, MARK, "", 0);
}

static void stacks_deep(struct craft *c)
{
  for (uint32_t i = VT_STACK_FIRST; craft_room(c, CRAFT_RECORD); i++) {
    CRAFT(c, STACK_NODE, i, i == VT_STACK_FIRST ? VT_STACK_COMPLETE : i - 1, i * 4);
    craft_alloc(c, HIGH + i * 16, 8, i);
  }
}

/* Of which each is misuse of the heap. */
static void stacks_of_errors(struct craft *c)
{
  uint32_t i = VT_STACK_FIRST;

  for (; i < 50000 && craft_room(c, CRAFT_RECORD); i++)
    CRAFT(c, STACK_NODE, i, i == VT_STACK_FIRST ? VT_STACK_COMPLETE : i - 1, i);
  for (i--; craft_room(c, CRAFT_RECORD);)
    CRAFT(c, HEAP_ERROR, VT_HEAP_DOUBLE_FREE, HIGH, HIGH, i, i, i);
}

static void stacks_wide(struct craft *c)
{
  for (uint32_t i = VT_STACK_FIRST; craft_room(c, CRAFT_RECORD); i++) {
    CRAFT(c, STACK_NODE, i, VT_STACK_COMPLETE, i);
    craft_alloc(c, HIGH + i * 16, 8, i);
  }
}

/* Numbers far from each other. */
static void stacks_sparse(struct craft *c)
{
  for (uint32_t i = 64; craft_room(c, CRAFT_RECORD); i = (i + 64) & ((1u << 24) - 1))
    craft_alloc(c, HIGH + i, 8, i);
}

static void nodes_sparse(struct craft *c)
{
  for (uint32_t i = 64; craft_room(c, CRAFT_RECORD); i = (i + 64) & ((1u << 24) - 1)) {
    CRAFT(c, STACK_NODE, i, VT_STACK_COMPLETE, i);
    craft_alloc(c, HIGH + i, 8, i);
  }
}

static void nodes_only(struct craft *c)
{
  for (uint32_t i = 64; craft_room(c, CRAFT_RECORD); i = (i + 64) & ((1u << 24) - 1))
    CRAFT(c, STACK_NODE, i, VT_STACK_COMPLETE, 0);
}

static void blocks(struct craft *c)
{
  for (uint64_t i = 0; craft_room(c, CRAFT_RECORD); i++)
    craft_alloc(c, HIGH + i * 16, 8, 0);
}

/* Of three threads, so that streams are put in order. */
static void blocks_ordered(struct craft *c)
{
  craft_stream(c, VT_ROLE_PROGRAM);
  for (uint64_t i = 0; i < 120000 && craft_room(c, CRAFT_RECORD); i++)
    craft_alloc(c, HIGH + i * 1024, 8, 0);
  craft_stream(c, VT_ROLE_PROGRAM);
  for (uint64_t i = 0; craft_room(c, CRAFT_RECORD); i++)
    craft_alloc(c, HIGH + (UINT64_C(1) << 40) + i * 1024, 8, 0);
}

/* Each waits for a free that never comes. */
static void blocks_waiting(struct craft *c)
{
  for (uint64_t i = 0; i < 60000 && craft_room(c, CRAFT_RECORD); i++)
    craft_alloc(c, HIGH + i * 1024, 8, 0);
  while (craft_room(c, CRAFT_RECORD + 4096)) {
    craft_stream(c, VT_ROLE_PROGRAM);
    for (uint64_t i = 0; i < 700 && craft_room(c, CRAFT_RECORD); i++) {
      CRAFT(c, FREE, HIGH * 2 + i * 16);
      craft_alloc(c, HIGH + i * 1024, 8, 0);
    }
  }
}

static void streams(struct craft *c)
{
  while (craft_room(c, CRAFT_RECORD + 4096))
    craft_stream(c, VT_ROLE_PROGRAM);
}

/* A new mapping before, behind and between those there are. */
static void mappings_down(struct craft *c)
{
  for (uint64_t i = 1; craft_room(c, CRAFT_RECORD); i++)
    CRAFT(c, MMAP, (UINT64_C(1) << 40) - i * 8192, 1, 3, 2, 0, 0);
}

static void mappings_mixed(struct craft *c)
{
  for (uint64_t i = 1; craft_room(c, CRAFT_RECORD); i++)
    CRAFT(c, MMAP, (mix(i) & 0xfffff) << 13, 1, 3, 2, 0, 0);
}

/* Holes in a large one: two of each. */
static void mappings_split(struct craft *c)
{
  CRAFT(c, MMAP, 0, UINT64_C(1) << 46, 3, 2, 0, 0);
  for (uint64_t i = 1; craft_room(c, CRAFT_RECORD); i++)
    CRAFT(c, MUNMAP, (mix(i) & 0x3fffff) << 13, 1);
}

static void modules(struct craft *c)
{
  char name[16] = "/";

  for (uint64_t i = 1; i < 50000 && craft_room(c, CRAFT_RECORD); i++)
    CRAFT_NAMED(c, MODULE, name, 1 + print_number(name + 1, i), i * 64, 32);
  for (uint32_t i = VT_STACK_FIRST; craft_room(c, CRAFT_RECORD); i++) {
    CRAFT(c, STACK_NODE, i, VT_STACK_COMPLETE, i * 64 + 8);
    craft_alloc(c, HIGH + i * 16, 8, i);
  }
}

static void modules_only(struct craft *c)
{
  while (craft_room(c, CRAFT_RECORD))
    CRAFT_NAMED(c, MODULE, "", 0, 0, 0);
}

static void modules_gone(struct craft *c)
{
  for (uint64_t i = 1; i < 60000 && craft_room(c, CRAFT_RECORD); i++)
    CRAFT_NAMED(c, MODULE, "", 0, i, 1);
  while (craft_room(c, CRAFT_RECORD)) {
    CRAFT(c, MODULE_GONE, 0, 0);
    CRAFT_NAMED(c, MODULE_FILE, "", 0, 0, 0, 0, 0, 0);
  }
}

static void caveats(struct craft *c)
{
  static char text[4000];

  memset(text, 0xff, sizeof text);
  while (craft_room(c, CRAFT_RECORD + sizeof text)) {
    CRAFT_NAMED(c, UNTRACED, text, sizeof text, 2);
    CRAFT(c, NONDET, 1, 0, 0);
    CRAFT(c, LOSS, 1, UINT64_MAX);
  }
}

static void names(struct craft *c)
{
  static char text[8000];

  memset(text, 0xff, sizeof text);
  while (craft_room(c, CRAFT_RECORD + sizeof text)) {
    CRAFT_NAMED(c, MARK, text, sizeof text);
    text[0]++;
  }
}

/* ---- the sampler's ---- */

static void values(struct craft *c)
{
  sampler(c);
  for (uint64_t i = 0; craft_room(c, CRAFT_RECORD); i++)
    CRAFT(c, VALUE, i * 4096 * 3, 0, i & 1);
}

/* One on each page that is present. */
static void values_present(struct craft *c)
{
  sampler(c);
  CRAFT(c, PAGES, 0, UINT64_C(1) << 28, PRESENT, 1);
  values(c);
}

static void values_changing(struct craft *c)
{
  sampler(c);
  for (uint64_t i = 0; craft_room(c, CRAFT_RECORD); i++)
    CRAFT(c, VALUE, 0, 0, i & 63);
}

static void samples(struct craft *c)
{
  craft_stream(c, VT_ROLE_SAMPLER);
  while (craft_room(c, CRAFT_RECORD))
    CRAFT(c, SAMPLE, 0, VT_SAMPLE_PARTIAL, 0);
}

/* All that one record may claim, again and again. */
static void pages_long(struct craft *c)
{
  sampler(c);
  for (uint64_t i = 0; craft_room(c, CRAFT_RECORD); i++)
    CRAFT(c, PAGES, (i << 41) & ((UINT64_C(1) << 57) - 1), UINT64_C(1) << 28, PRESENT, i * 2 + 1);
}

/* Each page in an area of its own. */
static void pages_scattered(struct craft *c)
{
  sampler(c);
  for (uint64_t i = 0; craft_room(c, CRAFT_RECORD); i++)
    CRAFT(c, PAGES, i << 21, 1, PRESENT, i * 2 + 1);
  CRAFT(c, SAMPLE_END, 0, UINT64_C(1) << 28, 0);
}

static void pages_of_areas(struct craft *c)
{
  sampler(c);
  for (uint64_t i = 0; craft_room(c, CRAFT_RECORD); i++)
    CRAFT(c, PAGES, i << 28, 1u << 16, PRESENT, 0);
}

/* Runs in runs: at the innermost page all of them count. */
static void pages_nested(struct craft *c)
{
  sampler(c);
  for (uint64_t i = 0; craft_room(c, CRAFT_RECORD * 4); i++) {
    CRAFT(c, PAGES, i << 12, 131072 - 2 * (i & 65535), PRESENT, i * 7 + 1);
    sampled(c, i);
  }
}

static void pages_changing(struct craft *c)
{
  sampler(c);
  for (uint64_t i = 0; craft_room(c, CRAFT_RECORD * 4); i++) {
    CRAFT(c, PAGES, 0, 60000, i & 1 ? PRESENT : 0, i & 1 ? i : 0);
    sampled(c, i);
  }
}

/* The same in one sample. */
static void pages_again(struct craft *c)
{
  sampler(c);
  for (uint64_t i = 1; craft_room(c, CRAFT_RECORD); i++)
    CRAFT(c, PAGES, i << 12, 60000, PRESENT, i);
}

/* One frame, of a file, everywhere. */
static void frames_same(struct craft *c)
{
  sampler(c);
  for (uint64_t i = 0; craft_room(c, CRAFT_RECORD); i++)
    CRAFT(c, PAGES, i << 12, 1, PRESENT | VT_PG_FILE, 77);
}

static void frames_overlapping(struct craft *c)
{
  sampler(c);
  for (uint64_t i = 0; craft_room(c, CRAFT_RECORD); i++)
    CRAFT(c, PAGES, i << 28, 60000, PRESENT | VT_PG_FILE, 77 + i);
}

static void frames_single(struct craft *c)
{
  uint8_t tail[4096];

  sampler(c);
  for (size_t i = 0; i < sizeof tail; i++)
    tail[i] = i & 1 ? 7 : 10;
  for (uint64_t i = 0; craft_room(c, CRAFT_RECORD + sizeof tail); i++) {
    const uint64_t fields[] = {i << 24, sizeof tail, PRESENT | VT_PG_FILE};

    craft_record(c, VT_R_PFNS, 3, fields, tail, sizeof tail);
  }
}

static void maps(struct craft *c)
{
  char name[16];

  sampler(c);
  for (uint64_t i = 1; craft_room(c, CRAFT_RECORD); i++)
    CRAFT_NAMED(c, VMA, name, print_number(name, i), i << 12, 4096, 0, 0, 0, 0);
}

static void maps_long(struct craft *c)
{
  sampler(c);
  for (uint64_t i = 0; craft_room(c, CRAFT_RECORD); i++)
    CRAFT_NAMED(c, VMA, "", 0, (i << 48) & ((UINT64_C(1) << 57) - 1), UINT64_C(1) << 47, 0, 0, 0, 0);
}

static void maps_nested(struct craft *c)
{
  sampler(c);
  CRAFT(c, PAGES, 0, 60000, PRESENT, 0);
  for (uint64_t i = 0; craft_room(c, CRAFT_RECORD * 4); i++) {
    CRAFT_NAMED(c, VMA, "", 0, i << 12, UINT64_C(1) << 40, 3, 0, 0, 0);
    sampled(c, i);
  }
}

static void maps_named(struct craft *c)
{
  static char text[8000];

  memset(text, 0xff, sizeof text);
  sampler(c);
  for (uint64_t i = 0; craft_room(c, CRAFT_RECORD + sizeof text); i++) {
    memcpy(text, &i, 4);
    CRAFT_NAMED(c, VMA, text, sizeof text, i << 12, 4096, 0, 0, 0, 0);
  }
}

/* ---- both ---- */

/* Blocks that claim all memory, on pages that are there. */
static void large_blocks(struct craft *c)
{
  for (uint64_t i = 0; i < 40000 && craft_room(c, CRAFT_RECORD); i++)
    CRAFT(c, ALLOC, i * 16 + 16, UINT64_C(1) << 56, 0);
  sampler(c);
  for (uint64_t i = 0; craft_room(c, CRAFT_RECORD); i++)
    CRAFT(c, PAGES, i << 28, 60000, PRESENT, 0);
}

static void large_mappings(struct craft *c)
{
  for (uint64_t i = 0; i < 20000 && craft_room(c, CRAFT_RECORD); i++)
    CRAFT(c, MMAP, i & 1 ? UINT64_C(1) << 45 : 0, UINT64_C(1) << 46, 3, 2, 0, 0);
  sampler(c);
  for (uint64_t i = 0; craft_room(c, CRAFT_RECORD); i++)
    CRAFT(c, PAGES, i << 28, 60000, PRESENT, 0);
}

/* Records of every number with nothing but ones. */
static void ones(struct craft *c)
{
  const uint64_t fields[] = {UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX};

  sampler(c);
  while (craft_room(c, CRAFT_RECORD * 64)) {
    for (unsigned type = 2; type < 63; type++)
      craft_record(c, type, 6, fields, "\xff", 1);
  }
}

const struct craft_kind craft_kinds[] = {
    {"marks", marks},
    {"marks-empty", marks_empty},
    {"stacks-deep", stacks_deep},
    {"stacks-of-errors", stacks_of_errors},
    {"stacks-wide", stacks_wide},
    {"stacks-sparse", stacks_sparse},
    {"nodes-sparse", nodes_sparse},
    {"nodes-only", nodes_only},
    {"blocks", blocks},
    {"blocks-ordered", blocks_ordered},
    {"blocks-waiting", blocks_waiting},
    {"streams", streams},
    {"mappings-down", mappings_down},
    {"mappings-mixed", mappings_mixed},
    {"mappings-split", mappings_split},
    {"modules", modules},
    {"modules-only", modules_only},
    {"modules-gone", modules_gone},
    {"caveats", caveats},
    {"names", names},
    {"values", values},
    {"values-present", values_present},
    {"values-changing", values_changing},
    {"samples", samples},
    {"pages-long", pages_long},
    {"pages-scattered", pages_scattered},
    {"pages-of-areas", pages_of_areas},
    {"pages-nested", pages_nested},
    {"pages-changing", pages_changing},
    {"pages-again", pages_again},
    {"frames-same", frames_same},
    {"frames-overlapping", frames_overlapping},
    {"frames-single", frames_single},
    {"maps", maps},
    {"maps-long", maps_long},
    {"maps-nested", maps_nested},
    {"maps-named", maps_named},
    {"large-blocks", large_blocks},
    {"large-mappings", large_mappings},
    {"ones", ones},
    {NULL, NULL},
};
