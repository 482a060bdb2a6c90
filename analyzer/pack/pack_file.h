/*
 * Writing a trace anew, packed: the chunks of each stream joined and packed.
 */
#ifndef VMTRACE_PACK_FILE_H
#define VMTRACE_PACK_FILE_H

#include <stdint.h>

enum pack_file_result {
  PACK_FILE_DONE,
  PACK_FILE_ALREADY, /* it is packed: nothing was written */
  PACK_FILE_FAILED   /* after one line on stderr */
};

/* Called now and then with how far it has come, 0 to 1. */
typedef void pack_file_step(void *arg, double done);

/*
 * Writes the trace that is open as trace, path in messages, to fd, an empty file, named name in messages.  A
 * damaged trace is refused: what cannot be read would be gone.  The file is complete, read back and on
 * its disk when this returns PACK_FILE_DONE, and not a trace (no magic) before.  Takes two threads.
 */
enum pack_file_result pack_file(int trace, const char *path, int fd, const char *name, int level, pack_file_step *step,
                                void *arg);

#endif
