/*
 * Opens traces for tests and judges what the reader says of them.  See
 * reader_assert.h; called by check_reader*.c and check_digest.c.
 */
#include "reader_assert.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "capture.h"

struct reader *reader_opened(const char *path)
{
  struct reader *r = reader_open(path, READER_ALL);

  ck_assert_ptr_nonnull(r);
  return r;
}

void reader_assert_refused(const char *path, const char *words)
{
  char *text;
  struct reader *r;

  capture_begin(STDERR_FILENO);
  r = reader_open(path, READER_ALL);
  text = capture_end();
  ck_assert_ptr_null(r);
  ck_assert_msg(!strncmp(text, "vmtrace: ", 9) && strstr(text, words), "message: %s", text);
  ck_assert_ptr_eq(strchr(text, '\n'), text + strlen(text) - 1);
  if (!strchr(path, '\n'))
    ck_assert_ptr_nonnull(strstr(text, path));
  free(text);
}

void reader_assert_undamaged(const struct reader *r)
{
  ck_assert_uint_eq(reader_damage(r)->bad_chunks, 0);
  ck_assert_uint_eq(reader_damage(r)->bad_records, 0);
  ck_assert_uint_eq(reader_damage(r)->first_offset, 0);
  ck_assert(!reader_damage(r)->cut);
}
