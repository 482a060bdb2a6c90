/*
 * The table of records in FORMAT.md says what VT_RECORDS says: numbers, names,
 * classes, traits, fields; and VT_RECORDS agrees with itself.
 */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "must.h"
#include "reader/record.h"
#include "unit.h"

#define COLUMNS_OF_TABLE 6

static const struct {
  uint32_t number;
  const char *name, *fields, *kinds;
} records[] = {
#define X(name, number, op, fields, kinds, class, traits) {number, #name, fields, kinds},
    VT_RECORDS(X)
#undef X
};

#define RECORDS (sizeof records / sizeof *records)

static const char *const class_words[] = {
#define X(name, word) word,
    VT_CLASSES(X)
#undef X
};

/* The cells of a line "| a | b |", without the blanks around them; how many. */
static unsigned cells_of(char *line, char **cell)
{
  unsigned n = 0;
  char *p = line;

  if (*p++ != '|')
    return 0;
  for (char *end; n < COLUMNS_OF_TABLE && (end = strchr(p, '|')); p = end + 1) {
    char *last = end;

    p += strspn(p, " ");
    while (last > p && last[-1] == ' ')
      last--;
    *last = '\0';
    cell[n++] = p;
  }
  return n;
}

/* As FORMAT.md writes them: those that were added later in parentheses. */
static void expect_fields(char *text, size_t room, unsigned record)
{
  uint32_t first = VT_T_FIRST_OF(vt_record_traits(records[record].number));
  char names[256], *rest = names, *name;
  size_t used = 0;

  snprintf(names, sizeof names, "%s", records[record].fields);
  *text = '\0';
  for (unsigned i = 0; (name = strsep(&rest, " ")); i++)
    used += (size_t)snprintf(text + used, room - used, "%s%s%s", i ? " " : "", first && i == first ? "(" : "", name);
  if (first)
    snprintf(text + used, room - used, ")");
}

static void expect_traits(char *text, size_t room, uint32_t traits)
{
  static const struct {
    uint32_t trait;
    char letter;
  } letters[] = {{VT_T_PROGRAM, 'P'}, {VT_T_STACK, 'S'}, {VT_T_NUMBERED, 'N'}, {VT_T_INSTANT, 'I'}};
  size_t used = 0;

  *text = '\0';
  for (size_t i = 0; i < sizeof letters / sizeof *letters; i++) {
    if (traits & letters[i].trait)
      used += (size_t)snprintf(text + used, room - used, "%s%c", used ? " " : "", letters[i].letter);
  }
}

static void row_agrees(unsigned i, char **cell)
{
  char fields[256], traits[16];
  uint32_t number = records[i].number;

  expect_fields(fields, sizeof fields, i);
  expect_traits(traits, sizeof traits, vt_record_traits(number));
  ck_assert_uint_eq(strtoul(cell[0], NULL, 10), number);
  ck_assert_str_eq(cell[1], records[i].name);
  ck_assert_str_eq(cell[2], class_words[vt_record_class(number)]);
  ck_assert_str_eq(cell[3], traits);
  ck_assert_str_eq(cell[4], fields);
}

START_TEST(the_specification_has_the_same_table)
{
  FILE *in = fopen("include/vmtrace/FORMAT.md", "re");
  char line[4096], *cell[COLUMNS_OF_TABLE];
  bool inside = false;
  unsigned rows = 0;

  must(in != NULL, "include/vmtrace/FORMAT.md: run this in the project's directory");
  while (fgets(line, sizeof line, in)) {
    if (!strcmp(line, "| number | name | class | traits | fields | meaning |\n")) {
      inside = true;
      ck_assert_ptr_nonnull(fgets(line, sizeof line, in));
      continue;
    }
    if (!inside || cells_of(line, cell) != COLUMNS_OF_TABLE) {
      inside = false;
      continue;
    }
    must(rows < RECORDS, "%s %s is not in VT_RECORDS", cell[0], cell[1]);
    row_agrees(rows++, cell);
  }
  fclose(in);
  must(rows == RECORDS, "FORMAT.md lacks the records from %s on", rows < RECORDS ? records[rows].name : "?");
}
END_TEST

static bool is_kind_of_tail(char kind)
{
  return kind == VT_FIELD_TEXT || kind == VT_FIELD_MODULE || kind == VT_FIELD_FRAMES;
}

START_TEST(each_record_agrees_with_itself)
{
  for (unsigned i = 0; i < RECORDS; i++) {
    const struct record_shape *shape = record_shape(records[i].number);
    unsigned all = shape->fields + (unsigned)shape->tail;
    char names[256] = "";

    must(strlen(records[i].kinds) == all, "%s: a kind for each field", records[i].name);
    must(shape->fields <= VT_FIELDS_MAX && shape->at_least <= shape->fields, "%s: too many fields", records[i].name);
    must(i == 0 || records[i].number > records[i - 1].number, "%s: in the order of numbers", records[i].name);
    must(vt_record_class(records[i].number) != VT_CLASS_UNKNOWN, "%s: no class", records[i].name);
    for (unsigned k = 0; k < all; k++) {
      const struct record_field *field = &shape->field[k];

      must(is_kind_of_tail(field->kind) == (shape->tail && k == shape->fields), "%s: the kind of %.*s", records[i].name,
           field->length, field->name);
      strncat(names, field->name, field->length);
      strcat(names, k + 1 < all ? " " : shape->tail ? "*" : "");
    }
    ck_assert_str_eq(names, records[i].fields);
  }
  ck_assert_ptr_null(record_shape(VT_R_LIMIT - 1)->op);
  ck_assert_uint_eq(vt_record_class(VT_R_LIMIT - 1), VT_CLASS_UNKNOWN);
}
END_TEST

int main(void)
{
  Suite *suite = suite_create("record_table");
  TCase *c = unit_case(suite, "table", 20);

  tcase_add_test(c, the_specification_has_the_same_table);
  tcase_add_test(c, each_record_agrees_with_itself);
  return unit_main(suite);
}
