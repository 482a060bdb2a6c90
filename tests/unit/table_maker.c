/*
 * See table_maker.h.
 */
#include "table_maker.h"

#include "symbols/symbols.h"

static const struct column columns[T_COLUMNS] = {
    {"name", NULL, "NAME", COLUMN_TEXT, 0, "what it is called", COLUMN_KEY},
    {"pid", NULL, "PID", COLUMN_NUMBER, 0, "its process", 0},
    {"size", "size_bytes", "SIZE", COLUMN_BYTES, 1, "how large it is", 0},
    {"blocks", NULL, "BLOCKS", COLUMN_COUNT, 2, "of how many blocks", 0},
    {"peak", "peak_bytes", "PEAK", COLUMN_BYTES, 3, "how large it was", COLUMN_ALONE},
    {"when", "when_ns", "WHEN", COLUMN_TIME, 4, "when it was seen", 0},
    {"address", NULL, "ADDRESS", COLUMN_ADDRESS, 5, "where it is", 0},
    {"stack", "frames", "SITE", COLUMN_STACK, 0, "who made it", 0},
    {"note", NULL, "NOTE", COLUMN_TEXT, COLUMN_HIDDEN, "anything", 0},
};

static const struct symbol main_frame = {.function = "main", .file = "/src/prog.c", .module = "prog", .line = 7};
static const struct symbol a_frame = {.function = "a;b", .file = "/src/a.c", .module = "liba.so", .line = 70};
static const struct symbol new_frame = {.function = "operator new(unsigned long)", .module = "libstdc++.so.6"};
static const struct symbol evil_frame = {
    .function = "evil\033[31m\"<&>\n\xff name that goes on for longer than any line has room for", .module = "x"};

static unsigned maker_frames(void *arg, int64_t stack, const struct symbol **frame, unsigned room)
{
  const struct symbol *frames[3] = {0};
  unsigned count = 0;

  (void)arg;
  if (stack == 2)
    frames[count++] = &new_frame;
  if (stack == 1 || stack == 2)
    frames[count++] = &a_frame;
  if (stack == 3)
    frames[count++] = &evil_frame;
  if (stack)
    frames[count++] = &main_frame;
  for (unsigned i = 0; i < count && i < room; i++)
    frame[i] = frames[i];
  return count;
}

static unsigned maker_site(void *arg, int64_t stack)
{
  (void)arg;
  return stack == 2;
}

const struct stack_names maker_stacks = {NULL, maker_frames, maker_site};

struct table *maker_table(void)
{
  struct table *t = table_new("things", columns, T_COLUMNS);

  t->stacks = &maker_stacks;
  return t;
}

union cell *maker_row(struct table *t, const char *name, int64_t pid, int64_t size, int64_t blocks)
{
  union cell row[T_COLUMNS] = {
      [T_NAME] = {.text = name},
      [T_PID] = {.number = pid},
      [T_SIZE] = {.number = size},
      [T_BLOCKS] = {.number = blocks},
      [T_PEAK] = {.number = size},
      [T_WHEN] = {.number = 1000000000 + (int64_t)t->count},
      [T_ADDRESS] = {.number = 0x200000 + 4096 * (int64_t)t->count},
      [T_STACK] = {.number = (int64_t)t->count % 4},
  };

  return table_add(t, row);
}
