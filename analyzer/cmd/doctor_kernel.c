/*
 * Checks of what the kernel offers to this user, by trying it.  Called through
 * the table in cmd/doctor.c.  Leaves nothing mapped or open.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/perf_event.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "cmd/doctor_checks.h"

#define LOW_START UINT64_C(0x200000) /* the pinned heap's first segment */
#define LOW_SIZE UINT64_C(0x200000)

#define PM_PRESENT (UINT64_C(1) << 63)
#define PM_EXCLUSIVE (UINT64_C(1) << 56)
#define PM_PFN ((UINT64_C(1) << 55) - 1)

/* Linux 6.7; headers may be older than the kernel. */
struct scan_argument {
  uint64_t size, flags, start, end, walk_end, vec, vec_len, max_pages;
  uint64_t category_inverted, category_mask, category_anyof_mask, return_mask;
};
struct scan_region {
  uint64_t start, end, categories;
};
#define SCAN_IOCTL _IOWR('f', 16, struct scan_argument)
#define SCAN_PRESENT 8u

void doctor_kernel_version(struct finding *f)
{
  struct utsname name;
  int major = 0, minor = 0;

  if (uname(&name) < 0 || sscanf(name.release, "%d.%d", &major, &minor) != 2) {
    finding_set(f, FINDING_LIMITED, "unknown");
    finding_advise(f, "Linux 4.14 or newer is needed");
    return;
  }
  finding_set(f, major > 4 || (major == 4 && minor >= 14) ? FINDING_OK : FINDING_MISSING, "%s %.200s on %s",
              name.sysname, name.release, name.machine);
  if (f->result != FINDING_OK)
    finding_advise(f, "Linux 4.14 or newer is needed");
}

/* A page of our own, touched. */
static volatile char *touched_page(size_t size)
{
  volatile char *page = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

  if (page == MAP_FAILED)
    return NULL;
  page[0] = 1;
  return page;
}

/* The pagemap entry of a page that is certainly there.  0, or an errno. */
static int read_own_entry(uint64_t *entry)
{
  size_t size = (size_t)sysconf(_SC_PAGESIZE);
  volatile char *page = touched_page(size);
  int fd, error = 0;

  if (!page)
    return ENOMEM;
  fd = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
  if (fd < 0 || pread(fd, entry, sizeof *entry, (off_t)((uintptr_t)page / size * sizeof *entry)) != sizeof *entry)
    error = errno ? errno : EIO;
  if (fd >= 0)
    close(fd);
  munmap((void *)page, size);
  return error;
}

void doctor_pagemap(struct finding *f)
{
  uint64_t entry;
  int error = read_own_entry(&entry);

  if (error) {
    finding_set(f, FINDING_LIMITED, "/proc/self/pagemap: %s", strerror(error));
    finding_advise(
        f, "pages cannot be observed, only allocations: mount /proc, with CONFIG_PROC_PAGE_MONITOR in the kernel");
  } else if (!(entry & PM_PRESENT) || !(entry & PM_EXCLUSIVE)) {
    finding_set(f, FINDING_LIMITED, "readable, but bit 56 does not mark a page that is mapped once");
    finding_advise(f, "without frame numbers nothing can be proven private: Linux 4.2 or newer is needed");
  } else {
    finding_set(f, FINDING_OK, "readable; bit 56 marks pages that are mapped exactly once");
  }
}

void doctor_frame_numbers(struct finding *f)
{
  uint64_t entry;

  if (read_own_entry(&entry) == 0 && entry & PM_PRESENT && entry & PM_PFN) {
    finding_set(f, FINDING_OK, "visible (the page tried has frame 0x%" PRIx64 ")", entry & PM_PFN);
    return;
  }
  finding_set(f, FINDING_LIMITED, "hidden from this user");
  finding_advise(f, "`vmtrace pages` shows bit 56 instead of numbers: to see them, run the traced program as root "
                    "(CAP_SYS_ADMIN; capabilities on its file do not help, they would keep the library out)");
}

void doctor_pagemap_scan(struct finding *f)
{
  size_t size = (size_t)sysconf(_SC_PAGESIZE);
  volatile char *page = touched_page(size);
  struct scan_region region = {0};
  struct scan_argument argument = {.size = sizeof argument,
                                   .start = (uintptr_t)page,
                                   .end = (uintptr_t)page + size,
                                   .vec = (uintptr_t)&region,
                                   .vec_len = 1,
                                   .category_anyof_mask = SCAN_PRESENT,
                                   .return_mask = SCAN_PRESENT};
  int fd = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
  long found = page && fd >= 0 ? ioctl(fd, SCAN_IOCTL, &argument) : -1;

  if (found == 1 && region.start == (uintptr_t)page) {
    finding_set(f, FINDING_OK, "works");
  } else {
    finding_set(f, FINDING_LIMITED, "not available");
    finding_advise(f, "samples of large processes cost more and are taken less often; Linux 6.7 has it");
  }
  if (fd >= 0)
    close(fd);
  if (page)
    munmap((void *)page, size);
}

void doctor_page_flags(struct finding *f)
{
  int fd = open("/proc/kpageflags", O_RDONLY | O_CLOEXEC);
  uint64_t flags;

  if (fd >= 0 && pread(fd, &flags, sizeof flags, 0) == sizeof flags) {
    finding_set(f, FINDING_OK, "/proc/kpageflags is readable");
  } else {
    finding_set(f, FINDING_LIMITED, "/proc/kpageflags: %s", strerror(errno));
    finding_advise(f, "pages merged by KSM cannot be told from shared ones: run the traced program as root");
  }
  if (fd >= 0)
    close(fd);
}

void doctor_faults(struct finding *f)
{
  struct perf_event_attr attr = {.type = PERF_TYPE_SOFTWARE,
                                 .size = sizeof attr,
                                 .config = PERF_COUNT_SW_PAGE_FAULTS_MIN,
                                 .sample_period = 1,
                                 .sample_type = PERF_SAMPLE_IP | PERF_SAMPLE_TID | PERF_SAMPLE_TIME | PERF_SAMPLE_ADDR |
                                                PERF_SAMPLE_PHYS_ADDR,
                                 .disabled = 1};
  long fd = syscall(SYS_perf_event_open, &attr, 0, -1, -1, PERF_FLAG_FD_CLOEXEC);
  long paranoid = doctor_read_number("/proc/sys/kernel/perf_event_paranoid");

  if (fd >= 0) {
    finding_set(
        f, FINDING_OK,
        "the kernel would tell each fault with its frame, but this version records none (perf_event_paranoid is %ld)",
        paranoid);
    close((int)fd);
    return;
  }
  finding_set(f, FINDING_LIMITED, "perf_event_open: %s (perf_event_paranoid is %ld)", strerror(errno), paranoid);
  finding_advise(f, "nothing is lost by it: this version records no faults, VMTRACE_FAULTS=on or not");
}

void doctor_wipe_on_fork(struct finding *f)
{
  size_t size = (size_t)sysconf(_SC_PAGESIZE);
  volatile char *page = touched_page(size);

  if (page && madvise((void *)page, size, MADV_WIPEONFORK) == 0) {
    finding_set(f, FINDING_OK, "works");
  } else {
    finding_set(f, FINDING_MISSING, "%s", strerror(errno));
    finding_advise(f,
                   "children made behind the library's back would write into their parent's trace; Linux 4.14 has it");
  }
  if (page)
    munmap((void *)page, size);
}

void doctor_fixed_noreplace(struct finding *f)
{
  size_t size = (size_t)sysconf(_SC_PAGESIZE);
  volatile char *page = touched_page(size);
  void *second =
      page ? mmap((void *)page, size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0) : MAP_FAILED;

  if (page && second == MAP_FAILED && errno == EEXIST) {
    finding_set(f, FINDING_OK, "works");
  } else {
    finding_set(f, FINDING_LIMITED, "not known to this kernel");
    finding_advise(f, "addresses are asked for as hints and checked after, which is slower; Linux 4.17 has it");
  }
  if (second != MAP_FAILED && second != (void *)page)
    munmap(second, size);
  if (page)
    munmap((void *)page, size);
}

void doctor_low_segment(struct finding *f)
{
  long least = doctor_read_number("/proc/sys/vm/mmap_min_addr");
  void *want = (void *)(uintptr_t)LOW_START;
  void *got = mmap(want, LOW_SIZE, PROT_READ | PROT_WRITE,
                   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED_NOREPLACE, -1, 0);

  if (got == want) {
    finding_set(f, FINDING_OK, "free (mmap_min_addr is %ld)", least);
  } else {
    finding_set(f, FINDING_LIMITED, "cannot be mapped here: %s (mmap_min_addr is %ld)",
                got == MAP_FAILED ? strerror(errno) : "taken", least);
    finding_advise(f, "the first block is not at 0x200000 but in the fallback region%s",
                   least > (long)LOW_START ? ": set vm.mmap_min_addr to 65536" : "");
  }
  if (got != MAP_FAILED)
    munmap(got, LOW_SIZE);
}
