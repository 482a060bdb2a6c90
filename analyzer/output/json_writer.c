/*
 * See json_writer.h.  Only the shape is kept: which brackets are open, and whether a comma is due.
 */
#include "output/json_writer.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>

#include "output/emit.h"
#include "reader/xalloc.h"

void json_begin(struct json_writer *j, FILE *out)
{
  *j = (struct json_writer){.out = xmalloc(sizeof *j->out)};
  emit_init(j->out, out);
}

int json_finish(struct json_writer *j)
{
  bool failed;

  assert(j->depth == 0 && !j->keyed);
  emit_char(j->out, '\n');
  emit_flush(j->out);
  failed = j->out->failed;
  free(j->out);
  j->out = NULL;
  return failed ? -1 : 0;
}

void json_drop(struct json_writer *j)
{
  free(j->out);
  j->out = NULL;
}

static void json_new_line(struct json_writer *j)
{
  emit_char(j->out, '\n');
  for (unsigned i = 0; i < j->depth; i++)
    emit_literal(j->out, "  ");
}

/* What stands before a value or a key. */
static void json_place(struct json_writer *j)
{
  if (j->keyed || !j->depth) {
    j->keyed = false;
    return;
  }
  if (j->level[j->depth - 1].filled)
    emit_char(j->out, ',');
  if (!j->level[j->depth - 1].in_line)
    json_new_line(j);
  else if (j->level[j->depth - 1].filled)
    emit_char(j->out, ' ');
  j->level[j->depth - 1].filled = true;
}

static void json_open_level(struct json_writer *j, char open, char close, bool in_line)
{
  bool inside = j->depth && j->level[j->depth - 1].in_line;

  assert(j->depth < JSON_DEPTH_MAX);
  json_place(j);
  emit_char(j->out, open);
  j->level[j->depth].close = close;
  j->level[j->depth].filled = false;
  j->level[j->depth++].in_line = in_line || inside;
}

void json_open_object(struct json_writer *j)
{
  json_open_level(j, '{', '}', false);
}

void json_open_array(struct json_writer *j)
{
  json_open_level(j, '[', ']', false);
}

void json_open_object_row(struct json_writer *j)
{
  json_open_level(j, '{', '}', true);
}

void json_open_array_row(struct json_writer *j)
{
  json_open_level(j, '[', ']', true);
}

void json_close(struct json_writer *j)
{
  assert(j->depth && !j->keyed);
  j->depth--;
  if (j->level[j->depth].filled && !j->level[j->depth].in_line)
    json_new_line(j);
  emit_char(j->out, j->level[j->depth].close);
}

void json_put_key(struct json_writer *j, const char *key)
{
  assert(j->depth && j->level[j->depth - 1].close == '}' && !j->keyed);
  json_place(j);
  emit_json_string(j->out, (const uint8_t *)key, strlen(key));
  emit_literal(j->out, ": ");
  j->keyed = true;
}

void json_put_text_n(struct json_writer *j, const char *text, size_t n)
{
  json_place(j);
  emit_json_string(j->out, (const uint8_t *)text, n);
}

void json_put_text(struct json_writer *j, const char *text)
{
  if (text)
    json_put_text_n(j, text, strlen(text));
  else
    json_put_null(j);
}

void json_put_number(struct json_writer *j, int64_t n)
{
  json_place(j);
  emit_i64(j->out, n);
}

void json_put_u64(struct json_writer *j, uint64_t n)
{
  json_place(j);
  emit_u64(j->out, n);
}

void json_put_real(struct json_writer *j, double n, unsigned decimals)
{
  char text[400];

  if (!isfinite(n)) {
    json_put_null(j);
    return;
  }
  json_place(j);
  snprintf(text, sizeof text, "%.*f", (int)decimals, n);
  emit_text(j->out, text);
}

void json_put_bool(struct json_writer *j, bool value)
{
  json_place(j);
  emit_text(j->out, value ? "true" : "false");
}

void json_put_null(struct json_writer *j)
{
  json_place(j);
  emit_literal(j->out, "null");
}

void json_put_address(struct json_writer *j, uint64_t n)
{
  json_place(j);
  emit_char(j->out, '"');
  emit_hex(j->out, n);
  emit_char(j->out, '"');
}

void json_member_text(struct json_writer *j, const char *key, const char *text)
{
  json_put_key(j, key);
  json_put_text(j, text);
}

void json_member_number(struct json_writer *j, const char *key, int64_t n)
{
  json_put_key(j, key);
  json_put_number(j, n);
}

void json_member_u64(struct json_writer *j, const char *key, uint64_t n)
{
  json_put_key(j, key);
  json_put_u64(j, n);
}

void json_member_bool(struct json_writer *j, const char *key, bool value)
{
  json_put_key(j, key);
  json_put_bool(j, value);
}

void json_member_address(struct json_writer *j, const char *key, uint64_t n)
{
  json_put_key(j, key);
  json_put_address(j, n);
}
