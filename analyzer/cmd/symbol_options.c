/*
 * The options of commands that name functions.  Called by cmd/heap_options.c
 * and cmd/info.c.
 */
#include "cmd/symbol_options.h"

#include <errno.h>
#include <string.h>

#include "cmd/command.h"
#include "symbols/call_site.h"
#include "symbols/symbols.h"

enum { OPTION_DEBUG_ROOT = 0x300, OPTION_SYSROOT, OPTION_NO_SYMBOLS, OPTION_NO_DEBUGINFOD, OPTION_SKIP };

static void add_pattern(const char *regex, struct argp_state *state)
{
  char error[256];

  if (!call_site_skip(regex, error, sizeof error))
    argp_error(state, "--skip takes a regular expression, not '%s': %s", regex, error);
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
  switch (key) {
  case OPTION_DEBUG_ROOT:
    symbols_debug_root(arg);
    return 0;
  case OPTION_SYSROOT:
    if (!symbols_sysroot(arg))
      argp_error(state, "--sysroot: %s: %s", arg, strerror(errno));
    return 0;
  case OPTION_NO_SYMBOLS:
    symbols_off();
    return 0;
  case OPTION_NO_DEBUGINFOD:
    symbols_stay_local();
    return 0;
  case OPTION_SKIP:
    add_pattern(arg, state);
    return 0;
  default:
    return ARGP_ERR_UNKNOWN;
  }
}

static const struct argp_option files[] = {
    {"debug-root", OPTION_DEBUG_ROOT, "DIR", 0, "separate debug files are looked for below DIR too", 0},
    {"sysroot", OPTION_SYSROOT, "DIR", 0, "all files that the traces name are looked for below DIR", 0},
    {"no-symbols", OPTION_NO_SYMBOLS, NULL, 0, "open none of these files: modules and offsets alone", 0},
    {"no-debuginfod", OPTION_NO_DEBUGINFOD, NULL, 0, "ask no server, even if DEBUGINFOD_URLS is set", 0},
    {0},
};
static const struct argp_option sites[] = {
    {"skip", OPTION_SKIP, "REGEX", 0, "functions that match are no sites: who called them is (may be repeated)", 0},
    {0},
};

static const struct argp files_argp = {.options = files, .parser = parse};
static const struct argp sites_argp = {.options = sites, .parser = parse};

const struct argp_child symbol_options_files = {&files_argp, 0, NULL, 2};
const struct argp_child symbol_options_sites = {&sites_argp, 0, NULL, 1};
