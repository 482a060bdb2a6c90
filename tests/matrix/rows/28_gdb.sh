# shellcheck shell=bash
# load: gdb debugging a traced program: breakpoint, watchpoint, calls of the program's functions, catch fork; then gdb traced itself
# compared: all output but the thread's number and its outermost frames
# note: `gdb` shows what the library adds: the sampler's thread, and one frame at the beginning of each thread.
version() { gdb --version | sed -E 's/.* ([0-9.]+)$/gdb \1/;q'; }

prepare() {
  cat >target.c <<'END'
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
struct node { struct node *next; int value; };
int total;
int twice(int x) { char *copy = malloc(100); strcpy(copy, "twice"); x *= 2; free(copy); return x; }
static void *work(void *arg) { struct node *n = calloc(1, sizeof *n); n->value = *(int *)arg; total += twice(n->value); free(n); return NULL; }
int main(void) {
  struct node *list = NULL;
  pthread_t thread;
  int arg = 21;
  for (int i = 0; i < 5; i++) { struct node *n = malloc(sizeof *n); n->value = i; n->next = list; list = n; }
  pthread_create(&thread, NULL, work, &arg);
  pthread_join(thread, NULL);
  pid_t pid = fork();
  if (pid == 0) { free(list); _exit(3); }
  int status;
  waitpid(pid, &status, 0);
  printf("%d %d\n", total, WEXITSTATUS(status));
  return 0;
}
END
  gcc -g -O0 -o target target.c -pthread
  cat >commands.gdb <<'END'
set pagination off
set confirm off
set print thread-events off
set breakpoint pending off
break twice
run
backtrace
info args
finish
continue
END
  cat >more.gdb <<'END'
set pagination off
set confirm off
set print thread-events off
break main
run
advance 16
print list->value
print *list->next
print twice(50)
tbreak work
continue
print *(int *)arg
call (void *)malloc(64) != 0
watch total
continue
print total
delete
continue
END
}
run() {
  gdb -nx -batch -ex "set exec-wrapper env ${traced_env[*]}" -x commands.gdb ./target 2>&1
  gdb -nx -batch -ex "set exec-wrapper env ${traced_env[*]}" -x more.gdb ./target 2>&1
  traced gdb -nx -batch -x more.gdb ./target 2>&1
}
# Numbers of threads and processes, addresses of stacks, and what the library shows of itself: gdb names the thread that
# stopped once there are several, and a thread begins in a function of the library's.
normalise() {
  sed -E '/^#[2-9] /d; s/^Thread [0-9]+ "target" hit //; s/0x[0-9a-f]{6,}/ADDRESS/g; s/LWP [0-9]+/LWP N/g; s/process [0-9]+/process N/g'
}
