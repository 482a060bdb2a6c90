/*
 * General records: what they are called and how their payload is taken apart.
 */
#ifndef VMTRACE_RECORD_H
#define VMTRACE_RECORD_H

#include "reader/reader.h"

/* A record's shape, from VT_RECORDS. */
struct record_shape {
  const char *op;    /* NULL: unknown number */
  const char *names; /* of the fields, separated by blanks; the tail's name ends in '*' */
  uint8_t fields;    /* numeric ones */
  bool tail;
};

/* Always a shape; that of an unknown number has no op, no fields and a tail. */
const struct record_shape *record_shape(uint32_t type);

/* Takes payload (len bytes) apart into event's type, field, fields, tail and tail_len; false when it is too short. */
bool record_parse(struct event *event, uint32_t type, const uint8_t *payload, size_t len);

#endif
