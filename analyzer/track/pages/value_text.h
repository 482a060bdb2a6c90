/*
 * Watched values (VMTRACE_WATCH) for people.
 */
#ifndef VMTRACE_VALUE_TEXT_H
#define VMTRACE_VALUE_TEXT_H

#include <stdint.h>

/* A value as a program would print it; buf has room for VALUE_TEXT_MAX bytes and is returned.  type: enum
 * vt_value_type. */
#define VALUE_TEXT_MAX 40
const char *value_text(char *buf, uint32_t type, uint64_t bits);

/* "int" ..., as VMTRACE_WATCH takes it; NULL for types of later versions. */
const char *value_type_name(uint32_t type);

#endif
