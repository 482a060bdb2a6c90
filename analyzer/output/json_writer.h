/*
 * JSON as it is written: no document in memory.  What comes out is always valid, and UTF-8 whatever the names are.
 *
 *   json_begin(&j, out);
 *   json_open_object(&j);
 *   json_put_key(&j, "pids");
 *   json_open_array(&j);
 *   json_put_number(&j, 4711);
 *   json_close(&j);           the array
 *   json_close(&j);           the object
 *   json_finish(&j);
 */
#ifndef VMTRACE_JSON_WRITER_H
#define VMTRACE_JSON_WRITER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define JSON_DEPTH_MAX 64 /* of objects and arrays: of the writers' shapes, not of what they write about */

struct json_writer {
  struct emit *out;
  unsigned depth;
  bool keyed; /* a key was written and waits for its value */
  struct {
    char close;   /* '}' or ']' */
    bool filled;  /* a comma comes before the next value */
    bool in_line; /* without line breaks */
  } level[JSON_DEPTH_MAX];
};

void json_begin(struct json_writer *j, FILE *out);
/* Ends the line, writes out what is left, and gives back the writer's memory.  0, or -1: not all could be written. */
int json_finish(struct json_writer *j);
/* Instead, when nothing was written: nothing is. */
void json_drop(struct json_writer *j);

/* Begin an object or an array: as a value, or as the whole. */
void json_open_object(struct json_writer *j);
void json_open_array(struct json_writer *j);
/* The same on one line: a row, a frame. */
void json_open_object_row(struct json_writer *j);
void json_open_array_row(struct json_writer *j);
/* Ends the innermost of them. */
void json_close(struct json_writer *j);

/* In an object, before each value. */
void json_put_key(struct json_writer *j, const char *key);

void json_put_text(struct json_writer *j, const char *text); /* NULL: null */
void json_put_text_n(struct json_writer *j, const char *text, size_t n);
void json_put_number(struct json_writer *j, int64_t n);
void json_put_u64(struct json_writer *j, uint64_t n);
void json_put_real(struct json_writer *j, double n, unsigned decimals); /* not finite: null */
void json_put_bool(struct json_writer *j, bool value);
void json_put_null(struct json_writer *j);
void json_put_address(struct json_writer *j, uint64_t n); /* "0x200000" */

/* A key and its value. */
void json_member_text(struct json_writer *j, const char *key, const char *text);
void json_member_number(struct json_writer *j, const char *key, int64_t n);
void json_member_u64(struct json_writer *j, const char *key, uint64_t n);
void json_member_bool(struct json_writer *j, const char *key, bool value);
void json_member_address(struct json_writer *j, const char *key, uint64_t n);

#endif
