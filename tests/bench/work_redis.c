/*
 * Workload: redis-server with redis-benchmark as its client; an operation is
 * one SET of a random key.  The server alone runs under what WORK_PRELOAD
 * names (this program and the client are not to be measured), on a socket in a
 * directory of its own, without persistence.  Started by the bench driver.
 *
 *   work_redis SERVER BENCHMARK
 */
#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>

#include "work.h"

#define REQUESTS 100000
#define TRIES 500 /* of 10 ms each: until the server listens */

static char dir[] = "/tmp/work_redis.XXXXXX";
static char path[sizeof dir + 8];

static pid_t start(char *const *argv, int out, const char *preload)
{
  pid_t pid = fork();

  if (pid < 0)
    work_fail("cannot start a process");
  if (pid > 0)
    return pid;
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  dup2(out, 1);
  if (preload)
    setenv("LD_PRELOAD", preload, 1);
  execv(argv[0], argv);
  _exit(127);
}

static bool listens(void)
{
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  bool yes;

  snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
  yes = !connect(fd, (const struct sockaddr *)&address, sizeof address);
  close(fd);
  return yes;
}

/* Requests per second, as the client prints it: "SET","12345.67",... */
static double run_client(const char *client)
{
  char count[16], line[512] = "";
  const char *argv[] = {client, "-s", path, "-t", "set", "-n", count, "-r", "100000", "-d", "64", "--csv", NULL};
  double per_second = 0;
  FILE *in;
  int fds[2];
  pid_t pid;

  snprintf(count, sizeof count, "%d", REQUESTS);
  if (pipe(fds))
    work_fail("no pipe");
  pid = start((char *const *)argv, fds[1], NULL);
  close(fds[1]);
  in = fdopen(fds[0], "r");
  while (in && fgets(line, sizeof line, in))
    sscanf(line, "\"SET\",\"%lf\"", &per_second);
  fclose(in);
  waitpid(pid, NULL, 0);
  return per_second;
}

int main(int argc, char **argv)
{
  const char *server[] = {
      argc > 1 ? argv[1] : "", "--port", "0", "--unixsocket", path, "--save", "", "--dir", dir, NULL};
  const char *preload = getenv("WORK_PRELOAD");
  int null, status;
  double per_second;
  pid_t pid;

  if (argc < 3)
    return 2;
  if (!mkdtemp(dir))
    work_fail("no directory");
  snprintf(path, sizeof path, "%s/socket", dir);
  null = open("/dev/null", O_WRONLY | O_CLOEXEC);
  pid = start((char *const *)server, null, preload && *preload ? preload : NULL);
  for (int i = 0; i < TRIES && !listens(); i++) {
    if (waitpid(pid, &status, WNOHANG) == pid)
      work_fail("the server did not start");
    usleep(10000);
  }
  per_second = run_client(argv[2]);
  kill(pid, SIGTERM);
  waitpid(pid, &status, 0);
  unlink(path);
  rmdir(dir);
  if (!(per_second > 0))
    work_fail("no result from the client");
  work_print(1e9 / per_second, REQUESTS);
  return 0;
}
