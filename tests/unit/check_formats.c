/*
 * Formats: tables within a terminal's width, names that mean harm, documents that their readers take.
 */
#include <check.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "output/call_graph.h"
#include "output/json_writer.h"
#include "output/output_format.h"
#include "output/text_width.h"
#include "query/table_order.h"
#include "table_maker.h"
#include "unit.h"

#define EVIL "\033[2Jx\r\n\t\"quoted\", <b>&\xff\xc3( \xe2\x80\xae"

static char *put(const char *format, const struct table *t, unsigned width)
{
  const struct format *f = format_find(format, SHAPE_TABLE);
  struct style style = {.width = width};
  char *text = NULL;
  size_t size = 0;
  FILE *out = open_memstream(&text, &size);

  ck_assert_ptr_nonnull(f);
  ck_assert_int_eq(f->table(out, t, &style), 0);
  fclose(out);
  ck_assert_uint_eq(strlen(text), size);
  return text;
}

static char *put_graph(const char *format, const struct call_graph *g)
{
  const struct format *f = format_find(format, SHAPE_GRAPH);
  struct style style = {.width = 80};
  char *text = NULL;
  size_t size = 0;
  FILE *out = open_memstream(&text, &size);

  ck_assert_ptr_nonnull(f);
  ck_assert_int_eq(f->graph(out, g, &style), 0);
  fclose(out);
  return text;
}

static struct table *table_with(const char *name)
{
  struct table *t = maker_table();

  maker_row(t, name, 1, 5 << 20, 1);
  maker_row(t, "short", 12345, 100, 1234567);
  maker_row(t, NULL, 3, CELL_UNKNOWN, CELL_UNKNOWN);
  maker_row(t, "a", 4, 300, 4);
  maker_row(t, "evil", 5, 300, 4);
  table_sum(t);
  return t;
}

static void expect_width(const char *text, unsigned width)
{
  for (const char *line = text; *line;) {
    size_t n = strcspn(line, "\n");

    ck_assert_msg(text_width(line, n) <= width, "%u columns, not %u: %.*s", text_width(line, n), width, (int)n, line);
    ck_assert_msg(!n || line[n - 1] != ' ', "blanks at the end: %.*s|", (int)n, line);
    line += n + (line[n] == '\n');
  }
}

/* Nothing that a terminal obeys.  JSON has names as they are, apart from control characters. */
static void expect_harmless(const char *text, bool is_json)
{
  for (const char *p = text; *p; p++)
    ck_assert_msg((unsigned char)*p >= 0x20 || *p == '\n' || *p == '\r', "0x%x in %s", *p, text);
  ck_assert(is_json || !strstr(text, "\xe2\x80\xae"));
}

START_TEST(widths)
{
  static const unsigned all[] = {40, 60, 80, 120, 400};
  struct table *t = table_with("a name that is long enough to be cut, which keeps its beginning and its end");

  for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
    char *text = put("text", t, all[i]);

    expect_width(text, all[i]);
    ck_assert_msg(strstr(text, "NAME") && strstr(text, "PID") && !strstr(text, "in all") == (all[i] == 40), "%s", text);
    ck_assert((strstr(text, "  PEAK") != NULL) == (all[i] >= 120));
    ck_assert((strstr(text, "to be cut, which keeps") != NULL) == (all[i] == 400));
    free(text);
  }
  table_free(t);
}
END_TEST

START_TEST(golden_table)
{
  struct table *t = maker_table();
  const size_t above[] = {TABLE_NO_ROW, 0, 1, 0};
  char *text;

  maker_row(t, "root", 1, 5 << 20, 1);
  maker_row(t, "first", 12345, 100, 1234567);
  maker_row(t, "below it", 3, CELL_UNKNOWN, 2);
  maker_row(t, "last", 4, 300, CELL_UNKNOWN);
  table_make_tree(t, above, T_NAME);
  table_sum(t);
  text = put("text", t, 72);
  ck_assert_str_eq(text,
                   "NAME            PID      SIZE     BLOCKS  SITE\n"
                   "root              1  5.00 MiB          1  [unknown]\n"
                   "\u251c\u2500first       12345     100 B  1,234,567  a;b (a.c:70) in liba.so\n"
                   "\u2502 \u2514\u2500below it      3         -          2  a;b (a.c:70) in liba.so\n"
                   "\u2514\u2500last            4     300 B          -  evil?[31m\"<&>?\ufffd\u2026 room for in x\n"
                   "                     5.00 MiB  1,234,570  in all\n"
                   "(no room for PEAK, WHEN, ADDRESS)\n");
  free(text);
  table_free(t);
}
END_TEST

START_TEST(hostile_names)
{
  static const char *const all[] = {"text", "csv", "json"};

  for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
    struct table *t = table_with(EVIL);
    char *text = put(all[i], t, 80);

    expect_harmless(text, !strcmp(all[i], "json"));
    free(text);
    table_free(t);
  }
}
END_TEST

START_TEST(wide_characters)
{
  struct table *t =
      table_with("\xe6\xbc\xa2\xe5\xad\x97\xe6\xbc\xa2\xe5\xad\x97 e\xcc\x81 \xe6\xbc\xa2\xe5\xad\x97\xe6\xbc\xa2"
                 "\xe5\xad\x97\xe6\xbc\xa2\xe5\xad\x97\xe6\xbc\xa2\xe5\xad\x97\xe6\xbc\xa2\xe5\xad\x97");
  char *text;

  ck_assert_uint_eq(text_width("\xe6\xbc\xa2"
                               "e\xcc\x81",
                               6),
                    3);
  for (unsigned width = 40; width < 80; width++) {
    text = put("text", t, width);
    expect_width(text, width);
    free(text);
  }
  table_free(t);
}
END_TEST

START_TEST(json_of_a_table)
{
  struct table *t = table_with(EVIL);
  json_t *document, *row;
  json_error_t error;
  char *text;

  sort_keys_parse(t, "pid", (struct sort_key[SORT_KEYS_MAX]){{0, false}});
  table_top(t, 4);
  text = put("json", t, 80);
  document = json_loads(text, JSON_REJECT_DUPLICATES, &error);
  ck_assert_msg(document != NULL, "%s at %d: %s", error.text, error.position, text);
  ck_assert_uint_eq(json_array_size(json_object_get(document, "things")), 4);
  row = json_array_get(json_object_get(document, "things"), 0);
  ck_assert_str_eq(json_string_value(json_object_get(row, "name")),
                   "\033[2Jx\r\n\t\"quoted\", <b>&\xef\xbf\xbd\xef\xbf\xbd( \xe2\x80\xae");
  ck_assert_int_eq(json_integer_value(json_object_get(row, "size_bytes")), 5 << 20);
  ck_assert_str_eq(json_string_value(json_object_get(row, "address")), "0x200000");
  row = json_array_get(json_object_get(document, "things"), 2);
  ck_assert(json_is_null(json_object_get(row, "name")) && json_is_null(json_object_get(row, "size_bytes")));
  row = json_array_get(json_object_get(row, "frames"), 0);
  ck_assert_str_eq(json_string_value(json_object_get(row, "function")), "operator new(unsigned long)");
  ck_assert_int_eq(json_integer_value(json_object_get(json_object_get(document, "rest"), "rows")), 1);
  ck_assert_int_eq(json_integer_value(json_object_get(json_object_get(document, "totals"), "blocks")), 1234576);
  json_decref(document);
  free(text);
  table_free(t);
}
END_TEST

START_TEST(csv_of_a_table)
{
  struct table *t = maker_table();
  char *text;

  maker_row(t, "a, \"b\"", 1, 100, CELL_UNKNOWN);
  maker_row(t, "line\nbreak", 2, 100, 3);
  text = put("csv", t, 80);
  ck_assert_str_eq(text, "name,pid,size,blocks,peak,when,address,stack,note\r\n"
                         "\"a, \"\"b\"\"\",1,100,,100,1000000000,0x200000,[unknown],\r\n"
                         "line?break,2,100,3,100,1000000001,0x201000,main;a:b,\r\n");
  free(text);
  table_free(t);
}
END_TEST

static struct call_graph *graph_of(struct table *t, bool inverted)
{
  for (unsigned i = 0; i < 4; i++)
    maker_row(t, "x", i, 1000 << i, 1);
  return call_graph_of_table(t, "Bytes of <4711>", T_STACK, T_SIZE, inverted);
}

START_TEST(folded_graph)
{
  struct table *t = maker_table();
  struct call_graph *g = graph_of(t, false);
  char *text = put_graph("folded", g);

  ck_assert_msg(
      strstr(text, "[unknown] 1000\nmain;a:b 2000\nmain;a:b;operator new(unsigned long) 4000\nmain;evil?[31m") == text,
      "%s", text);
  ck_assert_int_eq(g->nodes[CALL_GRAPH_ROOT].sum, 15000);
  free(text);
  call_graph_free(g);
  table_free(t);
}
END_TEST

START_TEST(text_graph_inverted)
{
  struct table *t = maker_table();
  struct call_graph *g = graph_of(t, true);
  char *text = put_graph("text", g);

  expect_width(text, 80);
  expect_harmless(text, false);
  ck_assert_msg(strstr(text, "\n   3.91 KiB   26.7%  operator new(unsigned long) in libstdc++.so.6\n"
                             "   3.91 KiB   26.7%   a;b (a.c:70) in liba.so\n") != NULL,
                "%s", text);
  free(text);
  call_graph_free(g);
  table_free(t);
}
END_TEST

/* Every element is closed, and no name is taken for one. */
static void expect_xml(const char *text)
{
  char open[64][16];
  unsigned depth = 0;

  for (const char *p = text; (p = strchr(p, '<')); p++) {
    const char *end = strchr(p, '>');
    size_t n = strcspn(p + 1 + (p[1] == '/'), " />");

    ck_assert_msg(end != NULL && n > 0 && n < 16, "%.60s", p);
    if (p[1] == '/')
      ck_assert_msg(depth && strlen(open[depth - 1]) == n && !strncmp(open[--depth], p + 2, n), "%.60s", p);
    else if (end[-1] != '/')
      snprintf(open[depth++], 16, "%.*s", (int)n, p + 1);
  }
  for (const char *p = text; (p = strchr(p, '&')); p++)
    ck_assert_msg(!strncmp(p, "&lt;", 4) || !strncmp(p, "&gt;", 4) || !strncmp(p, "&amp;", 5) ||
                      !strncmp(p, "&quot;", 6),
                  "%.60s", p);
  ck_assert_uint_eq(depth, 0);
}

START_TEST(flame_graph)
{
  struct table *t = maker_table();
  struct call_graph *g = graph_of(t, false);
  char *text = put_graph("svg", g), *again;

  expect_harmless(text, false);
  expect_xml(text);
  ck_assert_msg(strstr(text, "Bytes of &lt;4711&gt;") && strstr(text, "main (prog.c:7) in prog: 13.7 KiB, 93.3%"), "%s",
                text);
  ck_assert_ptr_null(strstr(text, "script"));
  again = put_graph("svg", g);
  ck_assert_str_eq(text, again);
  free(again);
  free(text);
  call_graph_free(g);
  table_free(t);
}
END_TEST

START_TEST(address_spaces)
{
  const char *processes[] = {"11 <mem>", "12 mem"};
  struct space_row rows[] = {{0x200000, 1, "heap", "private"}, {0x7f0000000000, 3, EVIL, "shared-file"}};
  struct space_box boxes[] = {
      {0, 0, 0, SPACE_PRIVATE}, {1, 0, 2, SPACE_PRIVATE}, {0, 1, 1, SPACE_SHARED}, {1, 1, 1, SPACE_SHARED}};
  struct space_frame frames[] = {{0x10, 1, 1}, {0x20, 3, 2}, {0x30, 1, 1}};
  struct address_space s = {.title = "Two address spaces",
                            .processes = processes,
                            .process_count = 2,
                            .rows = rows,
                            .row_count = 2,
                            .boxes = boxes,
                            .box_count = 4,
                            .frames = frames,
                            .frame_count = 3,
                            .page_size = 4096};
  struct style style = {0};
  char *text = NULL;
  size_t size;
  FILE *out = open_memstream(&text, &size);

  ck_assert_int_eq(format_find("svg", SHAPE_SPACE)->space(out, &s, &style), 0);
  fclose(out);
  expect_xml(text);
  expect_harmless(text, false);
  ck_assert_msg(strstr(text, "0x200000") && strstr(text, ">0x20 +2</text>") && strstr(text, "11 &lt;mem&gt;"), "%s",
                text);
  free(text);
}
END_TEST

START_TEST(json_writer)
{
  struct json_writer j;
  json_t *document;
  char *text = NULL;
  size_t size;
  FILE *out = open_memstream(&text, &size);

  json_begin(&j, out);
  json_open_object(&j);
  json_put_key(&j, "empty");
  json_open_array(&j);
  json_close(&j);
  json_put_key(&j, "row");
  json_open_object_row(&j);
  json_put_key(&j, "a");
  json_put_number(&j, INT64_MIN);
  json_put_key(&j, "b");
  json_put_u64(&j, UINT64_MAX);
  json_close(&j);
  json_put_key(&j, "list");
  json_open_array(&j);
  json_put_real(&j, 0.125, 2);
  json_put_real(&j, 1.0 / 0.0, 2);
  json_put_bool(&j, true);
  json_put_text_n(&j, "a\0b", 3);
  json_put_text(&j, NULL);
  json_close(&j);
  json_close(&j);
  ck_assert_int_eq(json_finish(&j), 0);
  fclose(out);
  ck_assert_str_eq(text, "{\n  \"empty\": [],\n"
                         "  \"row\": {\"a\": -9223372036854775808, \"b\": 18446744073709551615},\n"
                         "  \"list\": [\n    0.12,\n    null,\n    true,\n    \"a\xef\xbf\xbd"
                         "b\",\n    null\n  ]\n}\n");
  document = json_loads(text, JSON_DECODE_INT_AS_REAL, NULL);
  ck_assert_ptr_nonnull(document);
  json_decref(document);
  free(text);
}
END_TEST

START_TEST(names_of_formats)
{
  char *names = format_names(SHAPE_TABLE), *graphs = format_names(SHAPE_GRAPH), *help = format_help(SHAPE_SPACE);

  ck_assert_str_eq(names, "text, json or csv");
  ck_assert_str_eq(graphs, "text, folded or svg");
  ck_assert_str_eq(help, "svg (a figure for browsers; the default)");
  ck_assert_ptr_null(format_find("folded", SHAPE_TABLE));
  ck_assert_ptr_null(format_find("xml", ~0u));
  ck_assert_str_eq(formats()[0]->name, "text");
  free(names);
  free(graphs);
  free(help);
}
END_TEST

int main(void)
{
  Suite *suite = suite_create("formats");
  TCase *tcase = unit_case(suite, "formats", 60);

  tcase_add_test(tcase, widths);
  tcase_add_test(tcase, golden_table);
  tcase_add_test(tcase, hostile_names);
  tcase_add_test(tcase, wide_characters);
  tcase_add_test(tcase, json_of_a_table);
  tcase_add_test(tcase, csv_of_a_table);
  tcase_add_test(tcase, folded_graph);
  tcase_add_test(tcase, text_graph_inverted);
  tcase_add_test(tcase, flame_graph);
  tcase_add_test(tcase, address_spaces);
  tcase_add_test(tcase, json_writer);
  tcase_add_test(tcase, names_of_formats);
  return unit_main(suite);
}
