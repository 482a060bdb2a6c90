/*
 * Checks of how this machine and this installation are set up.  Called through
 * the table in cmd/doctor.c.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cmd/doctor_checks.h"
#include "cmd/run/run_launch.h"
#include "reader/xalloc.h"

#define MIB (UINT64_C(1) << 20)
#define ADDRESS_SPACE_LOW (4096 * MIB) /* below this, large programs fail under the tracer before they do alone */
#define DESCRIPTORS_LOW 64
#define MAPPINGS_USUAL 65530
#define TRIAL_SIZE 65536

long doctor_read_number(const char *path)
{
  FILE *file = fopen(path, "re");
  long number = -1;

  if (!file)
    return -1;
  if (fscanf(file, "%ld", &number) != 1)
    number = -1;
  fclose(file);
  return number;
}

void doctor_overcommit(struct finding *f)
{
  long mode = doctor_read_number("/proc/sys/vm/overcommit_memory");

  finding_set(f, mode == 2 ? FINDING_LIMITED : FINDING_OK, "vm.overcommit_memory is %ld", mode);
  if (mode == 2)
    finding_advise(f, "the heap works (it reserves nothing), but all private memory counts: watch CommitLimit");
}

void doctor_map_count(struct finding *f)
{
  long most = doctor_read_number("/proc/sys/vm/max_map_count");

  finding_set(f, most >= 0 && most < MAPPINGS_USUAL ? FINDING_LIMITED : FINDING_OK, "vm.max_map_count is %ld", most);
  if (f->result != FINDING_OK)
    finding_advise(f, "programs with many threads or large blocks may run out: sysctl vm.max_map_count=%d",
                   MAPPINGS_USUAL);
}

static rlim_t soft_limit(int resource)
{
  struct rlimit limit;

  return getrlimit((__rlimit_resource_t)resource, &limit) == 0 ? limit.rlim_cur : RLIM_INFINITY;
}

void doctor_limits(struct finding *f)
{
  rlim_t space = soft_limit(RLIMIT_AS), file = soft_limit(RLIMIT_FSIZE), descriptors = soft_limit(RLIMIT_NOFILE);

  finding_set(f, FINDING_OK, "no limit on address space and file size, %" PRIu64 " descriptors", (uint64_t)descriptors);
  if (space != RLIM_INFINITY && space < ADDRESS_SPACE_LOW) {
    finding_set(f, FINDING_LIMITED, "address space is limited to %" PRIu64 " MiB (ulimit -v)", (uint64_t)(space / MIB));
    finding_advise(f, "the tracer needs some of it for itself");
  } else if (file != RLIM_INFINITY) {
    finding_set(f, FINDING_LIMITED, "files are limited to %" PRIu64 " MiB (ulimit -f)", (uint64_t)(file / MIB));
    finding_advise(f, "a trace ends when it reaches that size; the program goes on");
  } else if (descriptors < DESCRIPTORS_LOW) {
    finding_set(f, FINDING_LIMITED, "%" PRIu64 " descriptors (ulimit -n)", (uint64_t)descriptors);
    finding_advise(f, "the trace needs one of them");
  } else if (descriptors == RLIM_INFINITY) {
    finding_set(f, FINDING_OK, "no limit on address space, file size and descriptors");
  }
}

/* Traces are written through shared mappings of allocated space. */
void doctor_trace_files(struct finding *f)
{
  char name[] = ".vmtrace-doctor-XXXXXX";
  int fd = mkostemp(name, O_CLOEXEC), error;
  void *p;

  if (fd < 0) {
    finding_set(f, FINDING_LIMITED, "no file can be made in the present directory: %s", strerror(errno));
    finding_advise(f, "name another directory for traces: vmtrace run -o DIR, or VMTRACE_OUT");
    return;
  }
  unlink(name);
  error = posix_fallocate(fd, 0, TRIAL_SIZE);
  p = error ? MAP_FAILED : mmap(NULL, TRIAL_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (p != MAP_FAILED) {
    memset(p, 1, TRIAL_SIZE);
    munmap(p, TRIAL_SIZE);
    finding_set(f, FINDING_OK, "can be written here, mapped and allocated beforehand");
  } else {
    finding_set(f, FINDING_LIMITED, "the file system of the present directory: %s", strerror(error ? error : errno));
    finding_advise(f,
                   "traces are written in the slower way, and what was not written yet is lost with a killed program; "
                   "or name another directory for them: VMTRACE_OUT");
  }
  close(fd);
}

/* Runs this program with the library; its exit status, what it said in output. */
static int run_with_library(const char *library, const char *variable, char *output, size_t size)
{
  int fds[2], status = -1;
  size_t used = 0;
  ssize_t n;
  pid_t pid;

  if (pipe2(fds, O_CLOEXEC) < 0)
    return -1;
  pid = fork();
  if (pid == 0) {
    xsetenv("LD_PRELOAD", library);
    xsetenv("VMTRACE_OUT", "off");
    xsetenv(variable, "1");
    dup2(fds[1], STDOUT_FILENO);
    dup2(fds[1], STDERR_FILENO);
    execl("/proc/self/exe", "vmtrace", "--version", (char *)NULL);
    _exit(127);
  }
  close(fds[1]);
  while (pid > 0 && ((n = read(fds[0], output + used, size - 1 - used)) > 0 || (n < 0 && errno == EINTR)))
    used += n > 0 ? (size_t)n : 0;
  output[used] = '\0';
  close(fds[0]);
  while (pid > 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR)
    continue;
  return status;
}

void doctor_library(struct finding *f)
{
  char library[PATH_MAX], output[65536], *missing;
  int status;

  if (!launch_find_library(library)) {
    finding_set(f, FINDING_MISSING, "not found beside vmtrace nor in ../lib");
    finding_advise(f, "run make, or make install");
    return;
  }
  /* The loader says which objects it would load, and which it cannot find. */
  run_with_library(library, "LD_TRACE_LOADED_OBJECTS", output, sizeof output);
  missing = strstr(output, "not found");
  if (missing) {
    *missing = '\0';
    missing = strrchr(output, '\n');
    finding_set(f, FINDING_MISSING, "%.150s needs %.60s", library,
                missing ? missing + 1 + strspn(missing + 1, " \t") : "?");
    finding_advise(f, "install the library that it needs");
    return;
  }
  status = run_with_library(library, "VMTRACE_DOCTOR", output, sizeof output);
  if (status != 0 || strstr(output, "cannot be preloaded")) {
    finding_set(f, FINDING_MISSING, "%.200s: a program under it %s", library,
                status != 0 ? "does not run" : "runs without it");
    finding_advise(f, "it was built for another system: run make again");
    return;
  }
  finding_set(f, FINDING_OK, "%.200s: a program runs under it", library);
}

/* libunwind lies in the library's text: the pages of its data become writable at the start of a program. */
void doctor_stacks(struct finding *f)
{
  size_t page = (size_t)sysconf(_SC_PAGESIZE);
  int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
  char *text = fd < 0 ? MAP_FAILED : mmap(NULL, page, PROT_READ | PROT_EXEC, MAP_PRIVATE, fd, 0);

  if (text == MAP_FAILED) {
    finding_set(f, FINDING_LIMITED, "the program's own file cannot be mapped: %s", strerror(errno));
  } else if (mprotect(text, page, PROT_READ | PROT_WRITE) != 0) {
    finding_set(f, FINDING_LIMITED, "the protection of pages may not be changed: %s", strerror(errno));
    finding_advise(f, "no call stacks: a security policy forbids it");
  } else {
    finding_set(f, FINDING_OK, "libunwind, a part of the library, can be used");
  }
  if (text != MAP_FAILED)
    munmap(text, page);
  if (fd >= 0)
    close(fd);
}
