/*
 * Values as text.  See value_text.h.  Called by reports and relations.
 */
#include "track/pages/value_text.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "vmtrace/format.h"

const char *value_text(char *buf, uint32_t type, uint64_t bits)
{
  double number;

  switch (type) {
  case VT_VALUE_INT:
    snprintf(buf, VALUE_TEXT_MAX, "%" PRId32, (int32_t)bits);
    break;
  case VT_VALUE_UINT:
    snprintf(buf, VALUE_TEXT_MAX, "%" PRIu32, (uint32_t)bits);
    break;
  case VT_VALUE_LONG:
    snprintf(buf, VALUE_TEXT_MAX, "%" PRId64, (int64_t)bits);
    break;
  case VT_VALUE_ULONG:
    snprintf(buf, VALUE_TEXT_MAX, "%" PRIu64, bits);
    break;
  case VT_VALUE_DOUBLE:
    memcpy(&number, &bits, sizeof number);
    snprintf(buf, VALUE_TEXT_MAX, "%.15g", number);
    if (strtod(buf, NULL) != number)
      snprintf(buf, VALUE_TEXT_MAX, "%.17g", number);
    break;
  default:
    snprintf(buf, VALUE_TEXT_MAX, "0x%" PRIx64, bits);
    break;
  }
  return buf;
}

const char *value_type_name(uint32_t type)
{
  static const char *const names[VT_VALUE_TYPES] = {
      [VT_VALUE_INT] = "int",     [VT_VALUE_UINT] = "uint",     [VT_VALUE_LONG] = "long",
      [VT_VALUE_ULONG] = "ulong", [VT_VALUE_DOUBLE] = "double", [VT_VALUE_PTR] = "ptr",
  };

  return type < VT_VALUE_TYPES ? names[type] : NULL;
}
