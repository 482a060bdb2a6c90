/*
 * The library's options as `vmtrace run` takes them: a wrong one is found
 * before the program starts, where the library could only use the default.
 */
#ifndef VMTRACE_RUN_SETTINGS_H
#define VMTRACE_RUN_SETTINGS_H

#include <stdbool.h>

#include "vmtrace/options.h"

/* Whether the library understands this value of the option: the rules of preload/base/option.c. */
bool run_setting_holds(enum vt_option option, const char *value);

#endif
