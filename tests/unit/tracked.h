/*
 * What single trackers make of a trace, without a session.
 */
#ifndef VMTRACE_TESTS_TRACKED_H
#define VMTRACE_TESTS_TRACKED_H

#include <jansson.h>

#include "track/digest.h"
#include "track/pages/process_picture.h"

/* A digest of all events that r has; tracker_digest.release frees what is in it. */
struct digest digest_made(struct reader *r);

/* The whole history of a trace's pages, which the caller frees; ends the test program when it cannot be read. */
struct picture *picture_made(const char *path);

/* What `vmtrace info --format=json` says of it; the caller's. */
json_t *digest_json(const struct digest *d);

#endif
