# shellcheck shell=bash
# load: 80 modules of Python's own regression tests, in two processes
# compared: the result of every module, the number of tests run, failed and skipped in each
# note: `python3` runs those of its own test modules that take seconds and need neither network nor display.
version() { /usr/bin/python3 --version | sed 's/P/p/'; }

modules=(test_abc test_array test_ast test_atexit test_augassign test_base64 test_bigmem test_binascii test_bisect test_bool
  test_buffer test_bytes test_calendar test_class test_cmath test_codecs test_collections test_compile test_complex test_contextlib
  test_copy test_coroutines test_csv test_ctypes test_dataclasses test_dbm test_deque test_descr test_dict test_difflib test_dis
  test_dynamic test_enum test_enumerate test_exceptions test_fileinput test_float test_fork1 test_fractions test_frame test_fstring
  test_functools test_gc test_generators test_genericclass test_glob test_grammar test_hash test_heapq test_import test_inspect
  test_int test_iter test_itertools test_json test_list test_long test_marshal test_memoryview test_mmap test_operator
  test_ordered_dict test_os test_pathlib test_posix test_queue test_range test_re test_scope test_set test_shelve test_shutil
  test_sqlite3 test_str test_struct test_sys test_tempfile test_thread test_threading test_tuple test_weakref test_zlib)

run() {
  traced /usr/bin/python3 -m test -j2 --timeout 600 "${modules[@]}" >log 2>&1 || echo "status $?"
  # The order of modules and how long they took depend on the machine.
  grep -oE '(test_[a-z0-9_]+) (passed|failed|skipped|crashed|ran no tests|timed out)' log | sort
  grep -E '^(ERROR|FAIL):' log | sort || :
}
