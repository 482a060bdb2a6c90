/*
 * Address spaces side by side, and the frames behind them: the figure of the textbooks.
 */
#ifndef VMTRACE_ADDRESS_SPACE_H
#define VMTRACE_ADDRESS_SPACE_H

#include <stddef.h>
#include <stdint.h>

/* What a page's frame is to the processes of the figure. */
enum space_sharing {
  SPACE_PRIVATE, /* its own */
  SPACE_SHARED,  /* another process of the figure has it too */
  SPACE_UNKNOWN  /* its number is hidden, or there is none */
};

/* Pages at one address, in all processes. */
struct space_row {
  uint64_t start, pages; /* address in bytes; how many alike follow each other */
  const char *what;      /* "heap", "libc.so.6" */
  const char *verdict;   /* "private", "shared-cow" */
};

/* One process's pages of a row. */
struct space_box {
  size_t process, row;
  size_t frame; /* behind the first of them; SPACE_NO_FRAME: hidden, or none */
  enum space_sharing sharing;
};
#define SPACE_NO_FRAME SIZE_MAX

struct space_frame {
  uint64_t pfn, count;
  size_t holders; /* boxes that lie on it */
};

struct address_space {
  const char *title;
  const char **processes; /* "4711 ./mem" */
  size_t process_count;
  struct space_row *rows; /* ascending */
  size_t row_count;
  struct space_box *boxes; /* by row, then by process */
  size_t box_count;
  struct space_frame *frames; /* ascending */
  size_t frame_count;
  uint64_t pages_left_out; /* that the figure has no room for */
  uint64_t page_size;
};

#endif
