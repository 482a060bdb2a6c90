/*
 * The kept list of mappings, from /proc/self/maps parsed by hand: what
 * changed since it was read last goes to the sink.  The caller holds the
 * sampler's lock.
 */
#ifndef VMTRACE_VMAS_H
#define VMTRACE_VMAS_H

#include <stdbool.h>
#include <stdint.h>

struct sampler_sink;

struct vma {
  uint64_t start, end;
  uint64_t dev, inode, offset;
  uint64_t path_hash;
  uint32_t flags;  /* VT_VMA_* */
  uint32_t passes; /* readings that it was in, verbatim, before the latest one */
};

struct vma_list {
  struct vma *vma;
  uint64_t count, room;
};

#define VMAS_TEXT (UINT64_C(24) << 10) /* longer than any line: 4096 bytes of path, each byte escaped as \ooo */

struct vmas {
  struct vma_list now, next; /* sorted by address, without overlaps */
  uint64_t skip_start, skip_end;
  char text[VMAS_TEXT];
};

/*
 * Reads the mappings from the descriptor and reports differences in rising
 * order: every mapping that is not there as it was is first reported gone,
 * then what is in its place as new.  Mappings inside [skip_start, skip_end)
 * are left out.  False, with the list as it was: maps cannot be read.
 */
bool vmas_read(struct vmas *vmas, int maps, const struct sampler_sink *sink);

/* One line of a maps file, "start-end rwxp offset major:minor inode      path", NUL-terminated.  False: not a line of
 * that form. */
bool vmas_parse_line(const char *p, struct vma *vma, const char **path);

/* Index of the first kept mapping that ends after addr; now.count when there is none. */
uint64_t vmas_find(const struct vmas *vmas, uint64_t addr);

#endif
