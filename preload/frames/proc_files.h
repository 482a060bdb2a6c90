/*
 * The files of /proc that the sampler reads, opened for the calling thread's
 * descriptor table.
 */
#ifndef VMTRACE_PROC_FILES_H
#define VMTRACE_PROC_FILES_H

#include <stdbool.h>
#include <stdint.h>

#include "vmtrace/format.h"

struct proc_files {
  int maps, pagemap, kpageflags, statm; /* -1: not to be had */
  int merged;                           /* KSM's count of the machine; only where kpageflags tells which pages */
  unsigned flags;                       /* VT_SAMPLE_PFN, VT_SAMPLE_FLAGS, VT_SAMPLE_SCAN: what was found to work */
  int error;                            /* -errno of the pagemap when that is what is missing */
};

/* Opens what can be opened, close-on-exec, and finds out what works.  True when pages can be sampled at all. */
bool proc_files_open(struct proc_files *files);
void proc_files_close(struct proc_files *files);
/* Whether the pagemap, opened for the moment, shows frame numbers. */
bool proc_sees_frames(void);

/* Pages resident in memory now by the kernel's count, 0 when unknown. */
uint64_t proc_resident(const struct proc_files *files);
/* Frames of the whole machine that KSM has made of several, 0 when none or unknown. */
uint64_t proc_merged(const struct proc_files *files);
/* Pages in [start, end) that take memory, by PAGEMAP_SCAN; 0 without it. */
uint64_t proc_count(const struct proc_files *files, uint64_t start, uint64_t end);

/* Bytes per page of the mapping at addr, by a descriptor of /proc/PID/maps; 0: not known (before Linux 6.11). */
uint64_t proc_page_size(int maps, uint64_t addr);

/* PROCMAP_QUERY, as <linux/fs.h> has it. */
struct map_query {
  uint64_t size, flags;
  uint64_t addr;
  uint64_t start, end, vma_flags, page_size, offset, inode;
  uint32_t dev_major, dev_minor;
  uint32_t name_size, build_id_size;
  uint64_t name, build_id;
};

#define MAP_QUERY_IOCTL 0xc0686611ul /* _IOWR('f', 17, struct map_query) */

/* PAGEMAP_SCAN (Linux 6.7), as <linux/fs.h> of that version has it. */
struct scan_region {
  uint64_t start, end;
  uint64_t categories;
};

struct scan_arg {
  uint64_t size, flags;
  uint64_t start, end;
  uint64_t walk_end;
  uint64_t vec, vec_len;
  uint64_t max_pages;
  uint64_t category_inverted, category_mask, category_anyof_mask, return_mask;
};

#define SCAN_IOCTL 0xc0606610ul /* _IOWR('f', 16, struct scan_arg) */
#define SCAN_PRESENT 8u
#define SCAN_SWAPPED 16u
#define SCAN_ZERO 32u
#define SCAN_HUGE 64u

/*
 * Finds pages in [start, end) that are present or swapped; at most max
 * regions and pages pages.  *walked is where a following call goes on.
 * Regions found, or -errno.
 */
long proc_scan(int pagemap, uint64_t start, uint64_t end, uint64_t pages, struct scan_region *regions, unsigned max,
               uint64_t *walked);

#endif
