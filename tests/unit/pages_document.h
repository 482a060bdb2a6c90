/*
 * The JSON report as the tests of pages ask it.  A function that does not find what it is asked for ends the test,
 * unless it says otherwise.
 */
#ifndef VMTRACE_PAGES_DOCUMENT_H
#define VMTRACE_PAGES_DOCUMENT_H

#include <jansson.h>
#include <stdint.h>

/* The report on all traces made so far (pages_made): of pages [first, end), or of all.  The caller releases it. */
json_t *report_range(uint64_t first, uint64_t end);
json_t *report(void);

/* The page of that address; NULL: none. */
json_t *page_at(const json_t *json, uint64_t addr);
/* Its verdict; "none" when there is no such page. */
const char *verdict_at(const json_t *json, uint64_t addr);

json_int_t number(const json_t *object, const char *key);
const char *string(const json_t *object, const char *key);

#endif
