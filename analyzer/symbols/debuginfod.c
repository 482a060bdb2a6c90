/*
 * A client of debuginfod.  See debuginfod.h.
 *
 * The library has limits of its own (DEBUGINFOD_TIMEOUT, DEBUGINFOD_MAXTIME),
 * the first of which is 90 seconds without data: here nothing may keep a report waiting for so long.
 */
#include "symbols/debuginfod.h"

#include <dlfcn.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "reader/complain.h"
#include "reader/terminal.h"

#define LIBRARY "libdebuginfod.so.1"
#define SILENCE_S 10 /* without an answer or a byte: the server is left alone */

struct client;
typedef int (*progress_fn)(struct client *c, long done, long whole);

/* The library's functions that are needed, as its header declares them. */
struct api {
  struct client *(*begin)(void);
  int (*find)(struct client *c, const unsigned char *build_id, int length, char **path);
  void (*set_progress)(struct client *c, progress_fn fn);
  void (*end)(struct client *c);
};

static struct {
  struct api api;
  struct client *client;
  bool tried, given_up;
  bool terminal;
  struct timespec heard; /* when a byte came last */
  long done;             /* how many had come then */
} server;

static bool load_function(void *library, const char *name, void *function)
{
  void *found = dlsym(library, name);

  memcpy(function, &found, sizeof found);
  return found != NULL;
}

static bool connect_client(void)
{
  const char *urls = getenv("DEBUGINFOD_URLS");
  struct api *api = &server.api;
  void *library;

  if (server.tried)
    return server.client && !server.given_up;
  server.tried = true;
  if (!urls || !*urls)
    return false;
  library = dlopen(LIBRARY, RTLD_NOW | RTLD_LOCAL);
  if (!library) {
    complain("DEBUGINFOD_URLS is set, but %s is not installed: no debug files from there", LIBRARY);
    return false;
  }
  if (load_function(library, "debuginfod_begin", &api->begin) &&
      load_function(library, "debuginfod_find_debuginfo", &api->find) &&
      load_function(library, "debuginfod_set_progressfn", &api->set_progress) &&
      load_function(library, "debuginfod_end", &api->end))
    server.client = api->begin();
  server.terminal = terminal_can_erase(STDERR_FILENO);
  return server.client != NULL;
}

/* Called by the library all the time; not 0: it gives up.  Before the size is known done counts nothing but calls. */
static int show_progress(struct client *c, long done, long whole)
{
  struct timespec now;

  (void)c;
  clock_gettime(CLOCK_MONOTONIC, &now);
  if (whole > 0 && done != server.done) {
    server.done = done;
    server.heard = now;
  } else if (now.tv_sec - server.heard.tv_sec > SILENCE_S) {
    server.given_up = true;
    return 1;
  }
  if (server.terminal)
    fprintf(stderr,
            whole > 0 ? "\rvmtrace: debug file from a server: %ld of %ld KiB "
                      : "\rvmtrace: debug file from a server ...",
            done / 1024, whole / 1024);
  return 0;
}

int debuginfod_fetch(const char *build_id, char **path)
{
  int fd;

  if (!connect_client())
    return -1;
  server.done = -1;
  clock_gettime(CLOCK_MONOTONIC, &server.heard);
  server.api.set_progress(server.client, show_progress);
  /* A length of 0: the id is in hexadecimal digits. */
  fd = server.api.find(server.client, (const unsigned char *)build_id, 0, path);
  if (server.terminal)
    fputs("\r\033[K", stderr);
  if (server.given_up || fd == -ETIME || fd == -ETIMEDOUT) {
    server.given_up = true;
    complain("the debuginfod server does not answer: no more debug files from there");
  } else if (fd == -ECONNREFUSED || fd == -EHOSTUNREACH || fd == -ENETUNREACH) {
    server.given_up = true;
    complain("the debuginfod server cannot be reached (%s): no more debug files from there", strerror(-fd));
  }
  return fd < 0 ? -1 : fd;
}
