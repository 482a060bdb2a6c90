/*
 * Single trackers over a whole trace.  See tracked.h.
 */
#include "tracked.h"

#include <stdlib.h>

#include "query/pictures.h"
#include "report/info_report.h"

struct digest digest_made(struct reader *r)
{
  struct boot_group group = {.wanted = false};
  struct digest d = {0};
  const struct event *e;

  tracker_digest.begin(&d, r, &group);
  while ((e = reader_next(r)))
    tracker_digest.event(&d, e);
  tracker_digest.finish(&d);
  return d;
}

struct picture *picture_made(const char *path)
{
  char *paths[] = {(char *)path};
  size_t count, failed;
  struct picture **pictures = pictures_load(paths, 1, &count, &failed), *picture;

  if (!pictures)
    abort();
  picture = pictures[0];
  free(pictures);
  return picture;
}

json_t *digest_json(const struct digest *d)
{
  struct json_writer j;
  json_t *document;
  char *text = NULL;
  size_t size;
  FILE *out = open_memstream(&text, &size);

  json_begin(&j, out);
  info_json(&j, d);
  json_finish(&j);
  fclose(out);
  document = json_loadb(text, size, 0, NULL);
  if (!document)
    abort();
  free(text);
  return document;
}
