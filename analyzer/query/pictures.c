/*
 * Loading pictures by a session.  See pictures.h.  Called by cmd/pages.c and
 * cmd/run/run_traces.c.
 */
#include "query/pictures.h"

#include <stdlib.h>

#include "query/session/session.h"
#include "reader/xalloc.h"
#include "track/trackers.h"

struct picture **pictures_load(char *const *paths, size_t count, size_t *loaded, size_t *failed)
{
  struct session *s = session_open(paths, count);
  struct picture **pictures = xcalloc(session_count(s) + 1, sizeof(struct picture *));

  session_want(s, &tracker_history);
  session_run(s);
  for (size_t i = 0; i < session_count(s); i++) {
    struct history *h = session_state(session_trace(s, i), &tracker_history);

    pictures[i] = h->picture;
    h->picture = NULL;
  }
  *loaded = session_count(s);
  *failed = session_failed(s);
  session_close(s);
  if (*loaded)
    return pictures;
  free(pictures);
  return NULL;
}
