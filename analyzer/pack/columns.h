/*
 * The packed form of a chunk: its records taken apart into columns (all codes, all
 * sizes, all distances ...), each compressed by itself.  FORMAT.md,
 * section 6.
 *
 * Packing never fails for the sake of the content: what the columns cannot
 * give back byte by byte is compressed as it is (VT_PACKED_ZSTD).
 */
#ifndef VMTRACE_COLUMNS_H
#define VMTRACE_COLUMNS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "reader/unpack.h"

struct columns;

#define COLUMNS_PAD UNPACK_PAD

/* For chunks whose addresses are in units of 1 << shift.  One serves any number of chunks. */
struct columns *columns_new(unsigned shift);
void columns_free(struct columns *c);

/* No more bytes come out of columns_pack. */
size_t columns_bound(size_t raw_size);

/*
 * Packs raw_size bytes of whole records (1 to VT_CHUNK_MAX) to out, of columns_bound bytes; *form becomes
 * VT_PACKED_*.  level is zstd's.  The number of bytes.
 */
size_t columns_pack(struct columns *c, const uint8_t *raw, size_t raw_size, int level, uint8_t *out, uint32_t *form);

/* Unpacks n bytes of that form to raw, of raw_size + COLUMNS_PAD bytes.  False when they are not what was packed. */
bool columns_unpack(struct columns *c, uint32_t form, const uint8_t *packed, size_t n, uint8_t *raw, size_t raw_size);

/* From now on the reader can read packed traces: see unpack.h. */
void columns_serve_reader(void);

#endif
