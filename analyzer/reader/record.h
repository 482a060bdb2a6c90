/*
 * What the analyzer knows of each kind of general record, made from the table
 * in vmtrace/format.h, and how a payload is taken apart.
 */
#ifndef VMTRACE_RECORD_H
#define VMTRACE_RECORD_H

#include "reader/reader.h"
#include "vmtrace/codec.h"

struct record_field {
  const char *name; /* not NUL-terminated */
  uint8_t length;   /* of the name */
  char kind;        /* enum vt_field_kind */
};

struct record_shape {
  const char *op;    /* NULL: unknown number */
  const char *names; /* of the fields, separated by blanks; the tail's name ends in '*' */
  const char *kinds; /* enum vt_field_kind, a letter each */
  uint8_t fields;    /* numeric ones */
  uint8_t at_least;  /* how many of them must be there: older files lack the others, which then read as 0 */
  bool tail;
  struct record_field field[VT_FIELDS_MAX + 1]; /* the tail behind the numeric ones */
};

/* Always a shape; that of an unknown number has no op, no fields and a tail. */
const struct record_shape *record_shape(uint32_t type);

/* What the record says becomes event's type, field, fields, tail and tail_len; false when its payload is too short. */
bool record_parse(struct event *event, const struct vt_general *record);

#endif
