/*
 * argp's and getopt's messages repeat arguments as they are, and an argument
 * may hold any bytes: here they go through the cleaner of names, as all that is shown
 * to people does.
 */
#ifndef VMTRACE_USAGE_MESSAGE_H
#define VMTRACE_USAGE_MESSAGE_H

#include <argp.h>

/* argp_parse, whose messages are two lines at most: what is wrong, and where the options are described.  A line feed of
 * an argument's makes no third. */
int usage_parse(const struct argp *argp, int argc, char **argv, unsigned flags, void *input);

#endif
