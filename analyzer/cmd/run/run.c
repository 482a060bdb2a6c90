/*
 * `vmtrace run`: starts copies of a program under the library, stays out of
 * their way, and says afterwards where the traces are and what is in them.
 *
 * The program's input and output are its own: everything that run itself has
 * to say goes to stderr.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cmd/arguments.h"
#include "cmd/command.h"
#include "cmd/machine_clock.h"
#include "cmd/run/run_launch.h"
#include "cmd/run/run_settings.h"
#include "cmd/run/run_target.h"
#include "cmd/run/run_traces.h"
#include "cmd/usage_message.h"
#include "reader/xalloc.h"
#include "vmtrace/format.h"
#include "vmtrace/options.h"

#define COPIES_MAX 10000

/* Keys of the library's options: OPTION_FIRST + enum vt_option. */
enum { OPTION_DURATION = 0x100, OPTION_NO_PACK, OPTION_FIRST = 0x200 };

struct run_options {
  size_t copies;
  const char *dir;
  uint64_t duration_ns;
  bool no_pack;
  const char *values[VT_OPT_COUNT]; /* NULL: not given */
  char **argv;                      /* the program and its arguments */
};

static const struct {
  const char *variable, *option, *standard, *values, *meaning;
} library_options[VT_OPT_COUNT] = {
#define X(id, variable, option, standard, values, meaning) {variable, option, standard, values, meaning},
    VT_OPTIONS(X)
#undef X
};

static void parse_copies(const char *arg, struct run_options *options, struct argp_state *state)
{
  uint64_t n = 0;

  if (!argument_number(arg, 1, COPIES_MAX, &n))
    argp_error(state, "-n takes a number from 1 to %d, not '%s'", COPIES_MAX, arg);
  else
    options->copies = (size_t)n;
}

static void parse_duration(const char *arg, struct run_options *options, struct argp_state *state)
{
  double seconds = 0;

  if (!argument_seconds(arg, &seconds) || !(seconds > 0) || seconds > 1e9)
    argp_error(state, "--duration takes a number of seconds, not '%s'", arg);
  else
    options->duration_ns = (uint64_t)(seconds * 1e9) + 1;
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
  struct run_options *options = state->input;

  if (key >= OPTION_FIRST && key < OPTION_FIRST + VT_OPT_COUNT) {
    options->values[key - OPTION_FIRST] = arg;
    if (!run_setting_holds((enum vt_option)(key - OPTION_FIRST), arg))
      argp_error(state, "--%s takes %s, not '%s'", library_options[key - OPTION_FIRST].option,
                 library_options[key - OPTION_FIRST].values, arg);
    return 0;
  }
  switch (key) {
  case 'n':
    parse_copies(arg, options, state);
    return 0;
  case 'o':
    options->dir = arg;
    if (!*arg)
      argp_error(state, "-o takes a directory");
    return 0;
  case OPTION_DURATION:
    parse_duration(arg, options, state);
    return 0;
  case OPTION_NO_PACK:
    options->no_pack = true;
    return 0;
  case ARGP_KEY_ARGS:
    options->argv = state->argv + state->next;
    state->next = state->argc;
    return 0;
  case ARGP_KEY_NO_ARGS:
    argp_error(state, "name the program to run");
    return 0;
  case ARGP_KEY_SUCCESS:
    if (options->dir && options->values[VT_OPT_OUT])
      argp_error(state, "--output and --out both say where the traces go: choose one");
    return 0;
  default:
    return ARGP_ERR_UNKNOWN;
  }
}

/* The table of options: run's own, then the library's, each with its values and default. */
static void fill_options(struct argp_option *table, char *texts[VT_OPT_COUNT])
{
  static const struct argp_option own[] = {
      {"copies", 'n', "N", 0, "run N copies at once (1)", 0},
      {"output", 'o', "DIR", 0, "directory for the traces, made if it is missing (the present one)", 0},
      {"duration", OPTION_DURATION, "SECONDS", 0, "end the copies after that time", 0},
      {"no-pack", OPTION_NO_PACK, NULL, 0, "leave the traces as they were written, not compressed", 0},
      {NULL, 0, NULL, 0, "What the library does (each is an environment variable, too):", 1},
  };
  size_t n = sizeof own / sizeof *own;

  memcpy(table, own, sizeof own);
  for (int i = 0; i < VT_OPT_COUNT; i++) {
    texts[i] = xasprintf("%s: %s (%s)", library_options[i].variable, library_options[i].meaning,
                         *library_options[i].standard ? library_options[i].standard : "none");
    table[n++] = (struct argp_option){library_options[i].option, OPTION_FIRST + i, "VALUE", 0, texts[i], 1};
  }
}

static void parse_options(int argc, char **argv, struct run_options *options)
{
  struct argp_option table[8 + VT_OPT_COUNT] = {0};
  char *texts[VT_OPT_COUNT] = {0};
  const struct argp argp = {
      .options = table,
      .parser = parse,
      .args_doc = "[--] PROG [ARGS...]",
      .doc = "Runs PROG under libvmtrace.so, in several copies at once if asked to, and then says on stderr where the "
             "traces are and what is in them.\vExits with PROG's own status (128 + N if signal N killed it); with "
             "several copies, 0 if all of them did, else 1.  126: PROG cannot be traced; 127: there is no PROG."};

  fill_options(table, texts);
  argp_err_exit_status = EXIT_USAGE;
  /* In order: what follows PROG is PROG's. */
  usage_parse(&argp, argc, argv, ARGP_IN_ORDER, options);
  for (int i = 0; i < VT_OPT_COUNT; i++)
    free(texts[i]);
}

/* Makes dir and what is missing above it. */
static int make_dirs(const char *dir)
{
  char path[PATH_MAX];
  struct stat st;

  if (snprintf(path, sizeof path, "%s", dir) >= (int)sizeof path)
    return -ENAMETOOLONG;
  for (char *slash = path + 1; (slash = strchr(slash, '/')); slash++) {
    *slash = '\0';
    mkdir(path, 0777);
    *slash = '/';
  }
  if (mkdir(path, 0777) == 0 || (stat(path, &st) == 0 && S_ISDIR(st.st_mode)))
    return 0;
  return errno ? -errno : -ENOTDIR;
}

/* dir with its % doubled, and the file's name. */
static bool make_template(const char *dir, char *template, size_t size)
{
  static const char name[] = "/vmtrace.%p.vmt";
  size_t at = 0;

  for (; *dir && at + 2 < size; dir++) {
    template[at++] = *dir;
    if (*dir == '%')
      template[at++] = '%';
  }
  if (*dir || at + sizeof name > size)
    return false;
  memcpy(template + at, name, sizeof name);
  return true;
}

/* Where the library puts traces into it by their usual names. */
static bool is_directory(const char *template)
{
  struct stat st;

  return stat(template, &st) == 0 && S_ISDIR(st.st_mode);
}

/*
 * Decides where the traces go and sets VMTRACE_OUT.  dir becomes the directory
 * to look for them in, or "" when there will be none, or when a template of the
 * user's own leads elsewhere.  An exit code.
 */
static int choose_output(const struct run_options *options, char dir[PATH_MAX])
{
  const char *template = options->values[VT_OPT_OUT];
  char own[2 * PATH_MAX];
  const char *slash;
  int error;

  if (!template && !options->dir)
    template = getenv(library_options[VT_OPT_OUT].variable);
  if (template && *template) {
    slash = is_directory(template) ? template + strlen(template) : strrchr(template, '/');
    if (slash ? snprintf(own, sizeof own, "%.*s", slash == template ? 1 : (int)(slash - template), template) >= PATH_MAX
              : !realpath(".", own))
      return command_error(EXIT_USAGE, "%s: the path is too long", template);
    strcpy(dir, !strcmp(template, "off") || (slash && strchr(own, '%')) ? "" : own);
    xsetenv(library_options[VT_OPT_OUT].variable, template);
    return EXIT_FINE;
  }
  error = options->dir ? make_dirs(options->dir) : 0;
  if (error || !realpath(options->dir ? options->dir : ".", dir))
    return command_error(EXIT_USAGE, "%s: %s", options->dir, strerror(error ? -error : errno));
  if (!make_template(dir, own, sizeof own))
    return command_error(EXIT_USAGE, "%s: the path is too long", dir);
  xsetenv(library_options[VT_OPT_OUT].variable, own);
  return EXIT_FINE;
}

/* Who cannot write there would get no trace, and learn of it when the program has ended. */
static int check_writable(const char *dir)
{
  if (!*dir || faccessat(AT_FDCWD, dir, W_OK | X_OK, AT_EACCESS) == 0)
    return EXIT_FINE;
  return command_error(EXIT_USAGE, "%s: no trace can be written there: %s", dir, strerror(errno));
}

/* Those options that come from the environment; the others were checked as they were read. */
static int check_environment(const struct run_options *options)
{
  for (int i = 0; i < VT_OPT_COUNT; i++) {
    const char *value = options->values[i] ? NULL : getenv(library_options[i].variable);

    if (value && !run_setting_holds((enum vt_option)i, value))
      return command_error(EXIT_USAGE, "%s=%s: it takes %s", library_options[i].variable, value,
                           library_options[i].values);
  }
  return EXIT_FINE;
}

static int set_environment(const struct run_options *options, char dir[PATH_MAX])
{
  char library[PATH_MAX];
  int code = check_environment(options);

  if (!code)
    code = choose_output(options, dir);
  if (!code)
    code = check_writable(dir);
  if (code)
    return code;
  for (int i = 0; i < VT_OPT_COUNT; i++) {
    if (i != VT_OPT_OUT && options->values[i])
      xsetenv(library_options[i].variable, options->values[i]);
  }
  return launch_find_library(library) && launch_preload(library) ? EXIT_FINE : TARGET_UNFIT;
}

/* What this command exits with when the copies ended like that.  time_up: they were told to. */
static int exit_code(const struct copy *copies, size_t count, bool time_up)
{
  int code = EXIT_FINE;

  for (size_t i = 0; i < count; i++) {
    int status = copies[i].status;

    if (time_up && WIFSIGNALED(status) && (WTERMSIG(status) == SIGTERM || WTERMSIG(status) == SIGKILL))
      continue;
    if (count == 1)
      return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
    if (status)
      code = EXIT_FINDINGS;
  }
  return code;
}

/* What the traces of this run are known by. */
static void give_run_id(uint8_t id[16])
{
  char text[33];

  /* It has no other source: a guess of it must not be possible. */
  while (getrandom(id, 16, 0) != 16)
    continue;
  for (unsigned i = 0; i < 16; i++)
    snprintf(text + 2 * i, 3, "%02x", id[i]);
  xsetenv(VT_RUN_VARIABLE, text);
}

static int run(const struct run_options *options, const char *program, const char *dir)
{
  struct copy *copies = xcalloc(options->copies, sizeof *copies);
  struct run_traces traces = {.dir = -1};
  uint8_t run_id[16];
  bool time_up;
  int code;

  give_run_id(run_id);
  code = launch_start(program, options->argv, copies, options->copies);
  if (!code) {
    time_up = launch_wait(copies, options->copies, options->duration_ns);
    code = exit_code(copies, options->copies, time_up);
    if (*dir && run_traces_find(&traces, dir, run_id) == 0) {
      run_traces_complete(&traces, copies, options->copies);
      if (!options->no_pack)
        run_traces_pack(&traces);
      run_traces_report(&traces, copies, options->copies);
    }
    run_traces_free(&traces);
  }
  free(copies);
  return code;
}

int cmd_run(int argc, char **argv)
{
  struct run_options options = {.copies = 1};
  char program[PATH_MAX], dir[PATH_MAX];
  int code;

  parse_options(argc, argv, &options);
  code = target_find(options.argv[0], program);
  if (!code)
    code = set_environment(&options, dir);
  if (!code)
    code = run(&options, program, dir);
  return code;
}
