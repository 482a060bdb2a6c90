/*
 * Tests of the reader on files that are no traces, and on headers that no
 * library writes: one clear line, or what can be told without harm.
 */
#include <check.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "capture.h"
#include "reader/unpack.h"
#include "reader_assert.h"
#include "trace_maker.h"
#include "unit.h"

/* A file with these bytes. */
static const char *file_with(const char *name, const void *bytes, size_t n)
{
  const char *path = temp_path(name);
  int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0644);

  ck_assert_int_ge(fd, 0);
  ck_assert_int_eq(write(fd, bytes, n), n);
  close(fd);
  return path;
}

static struct vt_file_header good_header(void)
{
  const char *path = temp_path("header.vmt");
  struct vt_file_header h;
  int fd;

  maker_finish(maker_new(path));
  fd = open(path, O_RDONLY);
  ck_assert_int_eq(read(fd, &h, sizeof h), sizeof h);
  close(fd);
  return h;
}

START_TEST(other_files)
{
  struct vt_file_header h = good_header();

  reader_assert_refused(temp_path("not there"), "cannot be opened");
  reader_assert_refused("/dev", "not a regular file");
  reader_assert_refused("/dev/null", "not a regular file");
  reader_assert_refused(file_with("empty", "", 0), "empty");
  reader_assert_refused(file_with("text", "hello\n", 6), "not a vmtrace trace");
  reader_assert_refused("/proc/self/exe", "not a vmtrace trace");
  reader_assert_refused(file_with("two\nlines", "hello\n", 6), "not a vmtrace trace");
  reader_assert_refused(file_with("magic", VT_MAGIC, 8), "cut within its header");
  reader_assert_refused(file_with("half", &h, sizeof h / 2), "cut within its header");
  h.version = VT_VERSION + 1;
  reader_assert_refused(file_with("newer", &h, sizeof h), "newer vmtrace");
  h.version = 1;
  reader_assert_refused(file_with("older", &h, sizeof h), "before the first release");
  h.version = 0;
  reader_assert_refused(file_with("damaged", &h, sizeof h), "header is damaged");
}
END_TEST

START_TEST(fifo_is_refused_at_once)
{
  const char *path = temp_path("fifo");

  ck_assert_int_eq(mkfifo(path, 0600), 0);
  reader_assert_refused(path, "not a regular file");
}
END_TEST

START_TEST(header_numbers)
{
  static const struct {
    size_t offset;
    uint32_t value;
  } bad[] = {
      {offsetof(struct vt_file_header, header_size), 0},
      {offsetof(struct vt_file_header, header_size), 8193},
      {offsetof(struct vt_file_header, header_size), 0x80000000},
      {offsetof(struct vt_file_header, addr_shift), 77},
      {offsetof(struct vt_file_header, page_size), 0},
      {offsetof(struct vt_file_header, page_size), 4097},
  };

  for (unsigned i = 0; i < sizeof bad / sizeof *bad; i++) {
    struct vt_file_header h = good_header();

    memcpy((char *)&h + bad[i].offset, &bad[i].value, sizeof bad[i].value);
    reader_assert_refused(file_with("number", &h, sizeof h), "header is damaged");
  }
}
END_TEST

/* Nobody has handed over the operations that unpack: better no report than one of a trace without events. */
START_TEST(packed_without_an_unpacker)
{
  struct vt_file_header h = good_header();

  h.flags |= VT_F_PACKED;
  unpack_with(NULL);
  reader_assert_refused(file_with("packed", &h, sizeof h), "cannot unpack");
}
END_TEST

START_TEST(strings_without_an_end)
{
  struct vt_file_header h = good_header();
  struct reader *r;

  memset(h.exe, 'e', sizeof h.exe);
  memset(h.host, 'h', sizeof h.host);
  memset(h.cwd, 'c', sizeof h.cwd);
  memset(h.cmdline, 'a', sizeof h.cmdline);
  h.cmdline_len = UINT32_MAX;
  r = reader_opened(file_with("strings", &h, sizeof h));
  ck_assert_uint_eq(strlen(reader_header(r)->exe), sizeof h.exe - 1);
  ck_assert_uint_eq(strlen(reader_header(r)->host), sizeof h.host - 1);
  ck_assert_uint_eq(reader_header(r)->cmdline_len, sizeof h.cmdline);
  ck_assert(reader_damage(r)->cut);
  reader_close(r);
}
END_TEST

int main(void)
{
  Suite *suite = suite_create("reader_refused");
  TCase *tcase = unit_case(suite, "refused", 60);

  temp_path("");
  tcase_add_test(tcase, other_files);
  tcase_add_test(tcase, fifo_is_refused_at_once);
  tcase_add_test(tcase, header_numbers);
  tcase_add_test(tcase, packed_without_an_unpacker);
  tcase_add_test(tcase, strings_without_an_end);
  return unit_main(suite);
}
