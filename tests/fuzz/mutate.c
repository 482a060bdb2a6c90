/*
 * mutate [-n COUNT] [-s SEED] [-j JOBS] [TRACE...]: changes traces in COUNT
 * (100,000) random ways and has the analyzer read each result, in this
 * process.  Without TRACEs it makes some.  A crash, a sanitizer's report, ten seconds without an end or memory
 * beyond reason ends it with exit code 1 and the command that repeats the case.
 *
 * Meant to be built with -fsanitize=address,undefined (make fuzz).
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "capture.h"
#include "exercise.h"
#include "mutation.h"
#include "pack/columns.h"
#include "pack/pack_file.h"
#include "reader/xalloc.h"
#include "trace_maker.h"

#define JOBS_MAX 64
#define ROOM_MORE 65536
#define SECONDS_MAX 10
#define RSS_MAX_KIB (1L << 20)

/* No command may take more than a gigabyte; what is freed does not count. */
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
  return "max_allocation_size_mb=512:hard_rss_limit_mb=1024:quarantine_size_mb=16:detect_leaks=1:allocator_may_return_"
         "null=0";
}

struct options {
  uint64_t count, seed;
  unsigned jobs;
};

static void die(const char *what)
{
  fprintf(stderr, "mutate: %s: %s\n", what, strerror(errno));
  exit(2);
}

static struct image load(const char *path)
{
  struct image image = {0};
  struct stat st;
  int fd = open(path, O_RDONLY | O_CLOEXEC);

  if (fd < 0 || fstat(fd, &st) < 0)
    die(path);
  image.size = (size_t)st.st_size;
  image.room = image.size + ROOM_MORE;
  image.bytes = malloc(image.room);
  if (!image.bytes || read(fd, image.bytes, image.size) != st.st_size)
    die(path);
  close(fd);
  return image;
}

static void no_step(void *arg, double done)
{
  (void)arg;
  (void)done;
}

/* The same trace as `vmtrace pack` leaves it. */
static const char *pack(const char *path)
{
  const char *packed = temp_path("packed.vmt");
  int fd = open(packed, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600), trace = open(path, O_RDONLY | O_CLOEXEC);

  if (fd < 0 || trace < 0 || pack_file(trace, path, fd, packed, 1, no_step, NULL) != PACK_FILE_DONE)
    die(packed);
  close(fd);
  close(trace);
  return packed;
}

/* Traces of every kind, small, because most of the time goes into reading them. */
static unsigned make_traces(struct image *images)
{
  static const struct maker_shape shapes[] = {
      {.seed = 1, .threads = 1, .events = 1500, .grain = 16},
      {.seed = 2, .threads = 4, .events = 3000, .grain = 16, .sampler = true},
      {.seed = 3, .threads = 3, .events = 3000, .grain = 5, .sampler = true, .packed = true},
      {.seed = 4, .threads = 12, .events = 2000, .grain = 0, .sampler = true},
  };
  unsigned n = 0;

  for (; n < sizeof shapes / sizeof *shapes; n++) {
    maker_random(temp_path("seed.vmt"), &shapes[n]);
    images[n] = load(temp_path("seed.vmt"));
  }
  images[n++] = load(pack(temp_path("seed.vmt")));
  return n;
}

static void timed_out(int signo)
{
  static const char text[] = "mutate: no end after 10 seconds\n";

  (void)signo;
  if (write(STDERR_FILENO, text, sizeof text - 1) < 0)
    _exit(3);
  abort();
}

/* Builds without AddressSanitizer, which has a limit of its own. */
static void check_memory(void)
{
  struct rusage usage;

  if (getrusage(RUSAGE_SELF, &usage) == 0 && usage.ru_maxrss > RSS_MAX_KIB) {
    dprintf(STDERR_FILENO, "mutate: %ld KiB of memory\n", usage.ru_maxrss);
    abort();
  }
}

/* Every jobs-th mutation from first on; *at tells the parent which one is running. */
static void work(const struct options *o, uint64_t first, const struct image *images, unsigned n, volatile uint64_t *at)
{
  int fd = memfd_create("trace", MFD_CLOEXEC);
  char path[64];

  snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
  signal(SIGALRM, timed_out);
  stderr = fopen("/dev/null", "w"); /* messages of the analyzer; sanitizers write to the descriptor */
  for (uint64_t i = first; i < o->count; i += o->jobs) {
    const struct image *from = &images[i % n];
    struct image image = {.size = from->size, .room = from->room, .bytes = malloc(from->room)};

    if (!image.bytes)
      abort();
    *at = i;
    memcpy(image.bytes, from->bytes, from->size);
    mutate_image(&image, o->seed + i);
    if (ftruncate(fd, 0) < 0 || pwrite(fd, image.bytes, image.size, 0) != (ssize_t)image.size)
      abort();
    free(image.bytes);
    alarm(SECONDS_MAX);
    exercise(path);
    alarm(0);
    check_memory();
  }
  exit(EXIT_SUCCESS);
}

/* A process of its own for the mutations from first on. */
static pid_t job_start(const struct options *o, uint64_t first, const struct image *images, unsigned n, uint64_t *at)
{
  pid_t pid;

  *at = first;
  pid = fork();
  if (pid < 0)
    die("fork");
  if (pid == 0)
    work(o, first, images, n, at);
  return pid;
}

/* The job's exit status.  A trace that claims too much ends the process with a line, as it should: the next one goes on
 * behind it. */
static int job_wait(const struct options *o, pid_t pid, const struct image *images, unsigned n, uint64_t *at,
                    uint64_t *refused)
{
  int status;

  while (waitpid(pid, &status, 0) == pid && WIFEXITED(status) && WEXITSTATUS(status) == XALLOC_EXIT) {
    ++*refused;
    pid = job_start(o, *at + o->jobs, images, n, at);
  }
  return status;
}

static int run(const struct options *o, const struct image *images, unsigned n, int argc, char **traces)
{
  uint64_t *at = mmap(NULL, JOBS_MAX * sizeof *at, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  pid_t pids[JOBS_MAX];
  uint64_t refused = 0;
  int failed = 0;

  if (at == MAP_FAILED)
    die("mmap");
  fflush(NULL);
  for (unsigned j = 0; j < o->jobs; j++) {
    pids[j] = job_start(o, j, images, n, &at[j]);
  }
  for (unsigned j = 0; j < o->jobs; j++) {
    if (job_wait(o, pids[j], images, n, &at[j], &refused) == 0)
      continue;
    failed++;
    fprintf(stderr, "mutate: failed at mutation %lu; to repeat: mutate -j 1 -n %u -s %lu", at[j], n,
            o->seed + at[j] - at[j] % n);
    for (int i = 0; i < argc; i++)
      fprintf(stderr, " %s", traces[i]);
    fputc('\n', stderr);
  }
  printf("%lu mutations of %u traces, %d failed, %lu refused for what they claim\n", o->count, n, failed, refused);
  return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
  struct options o = {.count = 100000, .seed = 1, .jobs = (unsigned)sysconf(_SC_NPROCESSORS_ONLN)};
  struct image images[256];
  unsigned n = 0;
  int option;

  columns_serve_reader();
  while ((option = getopt(argc, argv, "n:s:j:")) != -1) {
    if (option == 'n')
      o.count = strtoull(optarg, NULL, 0);
    else if (option == 's')
      o.seed = strtoull(optarg, NULL, 0);
    else if (option == 'j')
      o.jobs = (unsigned)strtoul(optarg, NULL, 0);
    else
      return 2;
  }
  if (o.jobs < 1 || o.jobs > JOBS_MAX)
    o.jobs = o.jobs < 1 ? 1 : JOBS_MAX;
  for (int i = optind; i < argc && n < 256; i++)
    images[n++] = load(argv[i]);
  if (!n)
    n = make_traces(images);
  option = run(&o, images, n, argc - optind, argv + optind);
  for (unsigned i = 0; i < n; i++)
    free(images[i].bytes);
  return option;
}
