/*
 * The merged page report for people: who ran with whom, the table, the sums in
 * a sentence, frames at different addresses, watched values, and what could
 * not be seen.  Called by cmd/pages.c, and the short form by cmd/run/run.c.
 */
#include <inttypes.h>
#include <string.h>

#include "report/pages_parts.h"

/* Pages by how many of the processes hold them at that address. */
struct sums {
  const struct page_set *set;
  struct pages_tally by_all, by_some, by_one, apart;
};

static int add_run(void *context, const struct page_run *run)
{
  struct sums *sums = context;
  size_t holders = page_run_holders(run);

  if (holders == 1)
    pages_tally_add(&sums->by_one, run);
  else if (run->claim.apart)
    pages_tally_add(&sums->apart, run);
  else
    pages_tally_add(holders == sums->set->count ? &sums->by_all : &sums->by_some, run);
  return 0;
}

static size_t count_boots(const struct page_set *set)
{
  size_t boots = 0;

  for (uint32_t i = 0; i < set->count; i++)
    boots += set->kin[i].boot == i;
  return boots;
}

/* Whether a process ran here, since this machine was started. */
static bool ran_here(const struct picture *p)
{
  FILE *file = fopen("/proc/sys/kernel/random/boot_id", "re");
  char text[40] = "", own[40];
  const uint8_t *id = p->boot_id;

  if (!file)
    return false;
  if (fscanf(file, "%39s", text) != 1)
    *text = '\0';
  fclose(file);
  snprintf(own, sizeof own, "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x", id[0], id[1], id[2],
           id[3], id[4], id[5], id[6], id[7], id[8], id[9], id[10], id[11], id[12], id[13], id[14], id[15]);
  return !strcmp(text, own);
}

static void put_headline(FILE *out, const struct page_set *set)
{
  const struct picture *first = set->pictures[0];
  const char *where = ran_here(first) ? "this machine" : first->host;
  double overlap = (double)set->overlap_ns / 1e9;

  if (set->count == 1)
    fprintf(out, "1 process ran for %.2f s on %s\n", (double)(first->end_ns - first->start_ns) / 1e9, where);
  else if (!set->overlap_ns)
    fprintf(out, "%zu processes, no two of them at the same time on one machine: they are described, not compared\n",
            set->count);
  else if (set->together_ns)
    fprintf(out, "%zu processes ran side by side for %.2f s on %s\n", set->count, (double)set->together_ns / 1e9,
            where);
  else
    fprintf(out, "%zu processes, at most %zu of them side by side, for %.2f s\n", set->count, set->most_at_once,
            overlap);
  if (count_boots(set) > 1)
    fprintf(out,
            "They come from %zu machines (or from before and after a restart): frames are compared within one only.\n",
            count_boots(set));
}

static void put_tally(FILE *out, const struct pages_tally *tally, const char *who)
{
  const char *comma = "";

  if (!tally->total)
    return;
  fprintf(out, "Of %" PRIu64 " %s that %s: ", tally->total, tally->total == 1 ? "page" : "pages", who);
  for (int v = 0; v < VERDICT_COUNT; v++) {
    if (tally->verdicts[v]) {
      fprintf(out, "%s%" PRIu64 " %s", comma, tally->verdicts[v], verdict_name((enum verdict)v));
      comma = ", ";
    }
  }
  fputs(".\n", out);
}

/* before: what stands in front, when there is anything to sum up. */
static int put_sums(FILE *out, const struct page_set *set, const struct pages_view *view, const char *before)
{
  struct sums sums = {.set = set};
  char who[64];

  if (page_set_walk(set, view->first, view->end, add_run, &sums) < 0)
    return -1;
  if (sums.by_all.total + sums.by_some.total + sums.by_one.total + sums.apart.total)
    fputs(before, out);
  if (set->count == 1) {
    put_tally(out, &sums.by_one, "it has");
    return 0;
  }
  snprintf(who, sizeof who, set->count == 2 ? "both have at the same address" : "all %zu have at the same address",
           set->count);
  put_tally(out, &sums.by_all, who);
  put_tally(out, &sums.by_some, "some of them have at the same address");
  put_tally(out, &sums.apart,
            set->count == 2 ? "both had at the same address, one after the other"
                            : "several had at the same address, one after the other");
  put_tally(out, &sums.by_one, "one alone has at its address");
  return 0;
}

/* What the reader cannot see in the table, and how to see it. */
static void put_limits(FILE *out, const struct page_set *set)
{
  size_t hidden = 0;
  uint64_t refused = 0;

  for (size_t i = 0; i < set->count; i++) {
    hidden += !set->pictures[i]->pfn_visible;
    refused += set->pictures[i]->refused;
  }
  if (hidden)
    fprintf(out,
            "\nFrame numbers were hidden from %s: the kernel shows them only with CAP_SYS_ADMIN.  The evidence used\n"
            "instead is bit 56 of /proc/PID/pagemap: a page that is mapped exactly once belongs to nobody else.\n"
            "To see the numbers, run the traced program as root.\n",
            hidden < set->count ? "some of the processes" : (set->count == 1 ? "the process" : "the processes"));
  if (refused)
    fprintf(out, "\n%" PRIu64 " records that cannot be true were left out: the trace is damaged.\n", refused);
}

int pages_text_short(FILE *out, const struct page_set *set)
{
  const struct pages_view everything = {.end = PAGES_EVERYTHING};

  put_headline(out, set);
  return put_sums(out, set, &everything, "");
}

int pages_text(FILE *out, const struct page_set *set, const struct pages_view *view)
{
  put_headline(out, set);
  putc('\n', out);
  if (pages_table(out, set, view) < 0)
    return -1;
  if (put_sums(out, set, view, "\n") < 0 || pages_elsewhere_table(out, set, view) < 0 ||
      pages_values_table(out, set) < 0)
    return -1;
  pages_marks_list(out, set);
  put_limits(out, set);
  return 0;
}
