/*
 * Output for people that is higher than their terminal goes through a pager: $PAGER, else `less -FRX`.
 */
#ifndef VMTRACE_PAGER_H
#define VMTRACE_PAGER_H

#include <stddef.h>
#include <stdio.h>

struct pager {
  FILE *out;      /* where to write to */
  FILE *terminal; /* where it goes in the end; NULL: out is that */
  char *kept;
  size_t size;
};

/* Output for `terminal` (stdout): p->out is where to write.  Without a terminal behind it, or with an empty $PAGER or
 * "cat", that is the same. */
void pager_begin(struct pager *p, FILE *terminal);

/* Shows what was written, by the pager if it is too high; without one, or if it cannot be started, as it is. */
void pager_end(struct pager *p);

#endif
