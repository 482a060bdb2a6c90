/*
 * The rules of query/verdict/verdict.c, each with what is just inside and just outside
 * of it, on sightings made by hand.
 */
#include <check.h>
#include <string.h>

#include "query/verdict/verdict.h"
#include "vmtrace/format.h"

#include "unit.h"

#define ANON (VT_PG_PRESENT | VT_PG_ZERO_KNOWN)
#define OWN (ANON | VT_PG_EXCLUSIVE)
#define OF_FILE (ANON | VT_PG_FILE)
#define END 1000 /* when processes end, unless a test says otherwise */

#define SIGHTINGS_MAX 16

/* Processes 0 to 2 are one family, 3 a stranger on the same boot, 4 and 5 ran on another boot, under the same family
 * number. */
static const struct kin kin[] = {{0, 0}, {0, 0}, {0, 0}, {0, 3}, {4, 0}, {4, 0}};
enum { STRANGER = 3, OTHER_BOOT = 4 };

static const struct vma anonymous = {.flags = VT_VMA_R | VT_VMA_W, .path = ""};
static const struct vma text = {.flags = VT_VMA_R | VT_VMA_X, .inode = 7, .path = "/lib/libc.so.6"};
static const struct vma shared_readonly = {.flags = VT_VMA_R | VT_VMA_SHARED, .inode = 8, .path = "/data"};
static const struct vma shared_writable = {.flags = VT_VMA_R | VT_VMA_W | VT_VMA_SHARED, .inode = 8, .path = "/data"};
static const struct vma memfd = {.flags = VT_VMA_R | VT_VMA_SHARED, .inode = 9, .path = "/memfd:x (deleted)"};
static const struct vma memory = {
    .flags = VT_VMA_R | VT_VMA_W | VT_VMA_SHARED, .dev = 1, .inode = 9, .path = "/dev/zero"};
static const struct vma other_memory = {
    .flags = VT_VMA_R | VT_VMA_W | VT_VMA_SHARED, .dev = 1, .inode = 10, .path = "/dev/zero"};
static const struct vma other_device = {
    .flags = VT_VMA_R | VT_VMA_W | VT_VMA_SHARED, .dev = 2, .inode = 9, .path = "/dev/zero"};
static const struct vma segment = {
    .flags = VT_VMA_R | VT_VMA_W | VT_VMA_SHARED, .dev = 1, .inode = 7, .path = "/SYSV00000000 (deleted)"};
static const struct vma same_number = {
    .flags = VT_VMA_R | VT_VMA_W | VT_VMA_SHARED, .dev = 1, .inode = 7, .path = "/memfd:x (deleted)"};
static const struct vma vdso = {.flags = VT_VMA_R | VT_VMA_X, .path = "[vdso]"};

static struct sighting sightings[SIGHTINGS_MAX];
static size_t count;

static void setup(void)
{
  memset(sightings, 0, sizeof sightings);
  count = 0;
}

/* The next sighting: of a process in the order of processes and times. */
static struct sighting *see(uint32_t process, uint32_t state, uint64_t pfn, uint64_t from, uint64_t until)
{
  struct sighting *s = &sightings[count++];

  *s = (struct sighting){.process = process, .state = state, .pfn = pfn, .first_ns = from, .until_ns = until};
  s->last_ns = until == END ? END : until - 10;
  if (s->last_ns < from)
    s->last_ns = from;
  s->look_ns = s->last_ns;
  s->page = 0x200;
  s->vma = &anonymous;
  s->current = s->standing = true;
  if (s > sightings && s[-1].process == process)
    s[-1].current = false;
  for (struct sighting *before = s; before > sightings && before[-1].process == process; before--)
    before[-1].standing = before->standing && before->pfn && before[-1].pfn == before->pfn;
  return s;
}

/* As picture_history does, for what a test has changed by hand, too. */
static void find_tenures(void)
{
  for (size_t i = 0; i < count; i++) {
    struct sighting *s = &sightings[i];
    bool goes_on = i && s[-1].process == s->process && s->pfn && s->pfn == s[-1].pfn && s[-1].until_ns == s->first_ns;

    s->tenure_ns = goes_on ? s[-1].tenure_ns : s->first_ns;
  }
  for (size_t i = count; i-- > 0;) {
    struct sighting *s = &sightings[i];
    bool goes_on = i + 1 < count && s[1].process == s->process && s[1].tenure_ns != s[1].first_ns;

    s->tenure_look_ns = goes_on ? s[1].tenure_look_ns : s->look_ns;
    s->tenure_last_ns = goes_on ? s[1].tenure_last_ns : s->last_ns;
  }
}

static struct claim judge_with(const struct elsewhere *elsewhere, size_t elsewhere_count)
{
  const struct sighting *order[SIGHTINGS_MAX];
  uint32_t chain[sizeof kin / sizeof *kin];

  find_tenures();
  return verdict_page(kin, sightings, count, elsewhere, elsewhere_count, &(struct verdict_room){order, chain});
}

static struct claim judge(void)
{
  return judge_with(NULL, 0);
}

static void expect(enum verdict verdict, enum evidence evidence)
{
  struct claim claim = judge();

  ck_assert_str_eq(verdict_name(claim.verdict), verdict_name(verdict));
  ck_assert_str_eq(evidence_name(claim.evidence), evidence_name(evidence));
}

START_TEST(different_frames_are_private)
{
  see(0, OWN, 100, 0, END);
  see(STRANGER, OWN, 200, 0, END);
  expect(VERDICT_PRIVATE, EVIDENCE_FRAMES);
  ck_assert(!judge().changed);
}
END_TEST

START_TEST(reuse_is_no_sharing)
{
  see(0, ANON, 100, 0, 500);
  see(STRANGER, ANON, 100, 491, END);
  expect(VERDICT_UNKNOWN, EVIDENCE_NONE);
  sightings[1].first_ns = 490; /* seen in both at one time */
  expect(VERDICT_UNKNOWN, EVIDENCE_FRAMES);
  sightings[1].process = 1;
  expect(VERDICT_SHARED_COW, EVIDENCE_FRAMES);
  sightings[1].first_ns = 500;
  expect(VERDICT_UNKNOWN, EVIDENCE_NONE);
}
END_TEST

/* A relative by fork dropped its page behind the last look at it, and the other got the frame anew: alone. */
START_TEST(reused_frame_is_exclusive)
{
  see(0, ANON, 100, 0, 500)->given_up = true;
  sightings[0].last_ns = sightings[0].look_ns = 0;
  see(1, OWN, 100, 300, END);
  verdict_drop_given_up(kin, sightings, count);
  expect(VERDICT_EXCLUSIVE, EVIDENCE_EXCLUSIVE);
  ck_assert(!judge().changed);
  sightings[0].current = sightings[0].standing = true;
  sightings[1].state = ANON; /* mapped more than once: it is the inherited one */
  expect(VERDICT_SHARED_COW, EVIDENCE_FRAMES);
  sightings[1].page++; /* at another address it is not */
  ck_assert_int_ne(judge().verdict, VERDICT_SHARED_COW);
}
END_TEST

/* Killed long behind the last look: what stood there last counts for what it can be only. */
START_TEST(behind_the_last_look)
{
  see(0, ANON, 100, 0, END)->look_ns = 10;
  see(1, OWN, 100, 300, END);
  expect(VERDICT_UNKNOWN, EVIDENCE_NONE);
  sightings[1].state = ANON;
  expect(VERDICT_SHARED_COW, EVIDENCE_FRAMES);
  sightings[1].process = STRANGER;
  expect(VERDICT_UNKNOWN, EVIDENCE_NONE);
  sightings[0].vma = sightings[1].vma = &text;
  sightings[0].state = sightings[1].state = OF_FILE; /* the same page of the same file */
  expect(VERDICT_SHARED_FILE, EVIDENCE_FRAMES);
  sightings[1].offset = 4096;
  ck_assert(!sightings_share(kin, &sightings[0], &sightings[1]).found);
}
END_TEST

START_TEST(differ_behind_the_last_look)
{
  see(0, OWN, 100, 0, END)->look_ns = 10;
  see(1, OWN, 200, 300, END);
  expect(VERDICT_PRIVATE, EVIDENCE_FRAMES);
  sightings[1].state = ANON; /* 100 may have moved to 200 before the fork */
  expect(VERDICT_UNKNOWN, EVIDENCE_NONE);
  sightings[1].process = STRANGER;
  expect(VERDICT_PRIVATE, EVIDENCE_FRAMES);
}
END_TEST

/* Numbers hidden: that a page is mapped once after the others' ends says nothing of before. */
START_TEST(outlived_and_hidden)
{
  see(0, OF_FILE, 0, 0, 510)->vma = &memory;
  see(0, OF_FILE | VT_PG_EXCLUSIVE, 0, 510, END)->vma = &memory;
  see(1, OF_FILE, 0, 0, 505)->vma = &memory;
  expect(VERDICT_SHARED_MEMORY, EVIDENCE_FLAGS);
  sightings[1].first_ns = 490; /* while the other was there, it was not the same page */
  expect(VERDICT_UNKNOWN, EVIDENCE_NONE);
}
END_TEST

/* Two pairs, each with one frame of its own shared memory: no four share. */
static void two_pairs(uint64_t first_frame, uint64_t second_frame, const struct vma *second_memory)
{
  setup();
  for (uint32_t i = 0; i < 4; i++) {
    struct sighting *s = see(i, OF_FILE, i < 2 ? first_frame : second_frame, 0, END);

    s->vma = i < 2 ? &memory : second_memory;
  }
}

START_TEST(two_pairs_are_not_four)
{
  two_pairs(100, 200, &other_memory);
  expect(VERDICT_PRIVATE, EVIDENCE_FRAMES);
  two_pairs(100, 200, &other_memory);
  sightings[2].process = OTHER_BOOT, sightings[3].process = OTHER_BOOT + 1;
  expect(VERDICT_UNKNOWN, EVIDENCE_NONE);
  sightings[2].pfn = sightings[3].pfn = 100;
  expect(VERDICT_UNKNOWN, EVIDENCE_NONE);
  two_pairs(100, 200, &other_memory);
  for (int i = 0; i < 2; i++)
    sightings[i].look_ns = sightings[i].last_ns = sightings[i].until_ns = 400;
  sightings[2].first_ns = sightings[3].first_ns = 500; /* one after the other */
  expect(VERDICT_UNKNOWN, EVIDENCE_NONE);
  two_pairs(0, 0, &other_memory);
  expect(VERDICT_UNKNOWN, EVIDENCE_NONE);
  two_pairs(0, 0, &memory);
  expect(VERDICT_SHARED_MEMORY, EVIDENCE_FLAGS);
  sightings[3].offset = 4096; /* another page of it */
  expect(VERDICT_UNKNOWN, EVIDENCE_NONE);
  two_pairs(0, 0, &other_device);
  expect(VERDICT_UNKNOWN, EVIDENCE_NONE);
  two_pairs(0, 0, &memory);
  sightings[3].state |= VT_PG_EXCLUSIVE;
  expect(VERDICT_UNKNOWN, EVIDENCE_NONE);
}
END_TEST

/* The kernel's own objects: a System V segment and a memfd may have one device and one number. */
START_TEST(objects_of_the_kernel)
{
  see(0, OF_FILE, 0, 0, END)->vma = &segment;
  see(1, OF_FILE, 0, 0, END)->vma = &segment;
  expect(VERDICT_SHARED_MEMORY, EVIDENCE_FLAGS);
  sightings[1].vma = &same_number;
  expect(VERDICT_UNKNOWN, EVIDENCE_NONE);
  sightings[1].vma = &segment;
  sightings[1].process = STRANGER; /* segment 7 of another IPC namespace, maybe */
  expect(VERDICT_UNKNOWN, EVIDENCE_NONE);
}
END_TEST

/* One side gives the page up and the other keeps it: what it was before, it is no more. */
START_TEST(given_up_by_one)
{
  struct claim claim;

  see(0, ANON, 100, 0, 500);
  see(0, OWN, 100, 500, END);
  see(1, ANON, 100, 0, 500)->given_up = true;
  verdict_drop_given_up(kin, sightings, count);
  expect(VERDICT_EXCLUSIVE, EVIDENCE_EXCLUSIVE);
  claim = judge();
  ck_assert(claim.changed);
  ck_assert_int_eq(claim.before, VERDICT_SHARED_COW);
  ck_assert_uint_eq(claim.before_ns, 500);
  ck_assert(!sightings[2].current && !sightings[2].standing);
  ck_assert(sightings[1].current && sightings[0].standing);
}
END_TEST

START_TEST(given_up_by_all)
{
  see(0, ANON, 100, 0, 500)->given_up = true;
  see(1, ANON, 100, 0, 500)->given_up = true;
  verdict_drop_given_up(kin, sightings, count);
  expect(VERDICT_SHARED_COW, EVIDENCE_FRAMES);
  sightings[1].given_up = false; /* ended before the other gave it up */
  sightings[1].last_ns = sightings[1].until_ns = 400;
  verdict_drop_given_up(kin, sightings, count);
  ck_assert(sightings[0].current);
  expect(VERDICT_SHARED_COW, EVIDENCE_FRAMES);
}
END_TEST

START_TEST(one_after_the_other_is_never_private)
{
  see(0, OWN, 100, 0, 500);
  see(1, OWN, 200, 500, END);
  expect(VERDICT_EXCLUSIVE, EVIDENCE_EXCLUSIVE);
  sightings[1].first_ns = 490;
  expect(VERDICT_PRIVATE, EVIDENCE_FRAMES);
}
END_TEST

START_TEST(boots_are_never_compared)
{
  see(0, OWN, 100, 0, END);
  see(OTHER_BOOT, OWN, 200, 0, END);
  expect(VERDICT_EXCLUSIVE, EVIDENCE_EXCLUSIVE);
  setup();
  see(0, ANON, 100, 0, END);
  see(OTHER_BOOT, ANON, 100, 0, END);
  expect(VERDICT_UNKNOWN, EVIDENCE_NONE);
}
END_TEST

START_TEST(pairs_of_sightings)
{
  see(0, ANON, 100, 0, END);
  see(1, ANON, 100, 0, END);
  see(OTHER_BOOT, ANON, 100, 0, END);
  find_tenures();
  ck_assert(sightings_overlap(kin, &sightings[0], &sightings[1]));
  ck_assert(sightings_share(kin, &sightings[0], &sightings[1]).found);
  ck_assert(!sightings_overlap(kin, &sightings[0], &sightings[2]));
  ck_assert(!sightings_share(kin, &sightings[0], &sightings[2]).found);
}
END_TEST

/* Two states of one page found at one instant of the clock: no process shares with itself. */
START_TEST(alone_with_itself)
{
  see(0, ANON | VT_PG_HUGE, 100, 100, 100);
  see(0, ANON, 100, 100, END);
  expect(VERDICT_UNKNOWN, EVIDENCE_NONE);
}
END_TEST

START_TEST(hidden_numbers_are_never_equal)
{
  see(0, ANON, 0, 0, END);
  see(1, ANON, 0, 0, END);
  expect(VERDICT_UNKNOWN, EVIDENCE_NONE);
  sightings[0].state = sightings[1].state = OWN;
  expect(VERDICT_EXCLUSIVE, EVIDENCE_EXCLUSIVE);
  sightings[1].state = ANON;
  expect(VERDICT_UNKNOWN, EVIDENCE_NONE);
}
END_TEST

START_TEST(one_hidden_one_visible)
{
  see(0, OWN, 100, 0, END);
  see(1, ANON, 0, 0, END);
  expect(VERDICT_UNKNOWN, EVIDENCE_NONE);
  sightings[1].state = OWN;
  expect(VERDICT_EXCLUSIVE, EVIDENCE_EXCLUSIVE);
}
END_TEST

/* Two processes with one frame, mapped in the same way. */
static void two_with(uint32_t other, uint32_t state, const struct vma *vma)
{
  setup();
  see(0, state, 100, 0, END)->vma = vma;
  see(other, state, 100, 0, END)->vma = vma;
}

START_TEST(kinds_of_sharing)
{
  two_with(STRANGER, OF_FILE, &text);
  expect(VERDICT_SHARED_FILE, EVIDENCE_FRAMES);
  two_with(STRANGER, OF_FILE, &shared_readonly);
  expect(VERDICT_SHARED_FILE, EVIDENCE_FRAMES);
  two_with(STRANGER, OF_FILE, &shared_writable);
  expect(VERDICT_SHARED_MEMORY, EVIDENCE_FRAMES);
  two_with(STRANGER, OF_FILE, &memfd);
  expect(VERDICT_SHARED_MEMORY, EVIDENCE_FRAMES);
  two_with(STRANGER, OF_FILE, &vdso);
  expect(VERDICT_SHARED_FILE, EVIDENCE_FRAMES);
  two_with(STRANGER, OF_FILE, &shared_readonly);
  sightings[1].vma = &shared_writable; /* writable in one of them */
  expect(VERDICT_SHARED_MEMORY, EVIDENCE_FRAMES);
  two_with(1, ANON, &anonymous);
  expect(VERDICT_SHARED_COW, EVIDENCE_FRAMES);
  two_with(1, ANON, &text); /* written before the fork: no page of the file any more */
  expect(VERDICT_SHARED_COW, EVIDENCE_FRAMES);
  two_with(STRANGER, ANON, &anonymous);
  expect(VERDICT_UNKNOWN, EVIDENCE_FRAMES);
  two_with(STRANGER, ANON | VT_PG_KSM, &anonymous);
  expect(VERDICT_KSM, EVIDENCE_FRAMES);
  two_with(1, OF_FILE, NULL);
  expect(VERDICT_UNKNOWN, EVIDENCE_FRAMES);
}
END_TEST

START_TEST(zero_page_is_no_sharing)
{
  two_with(1, ANON | VT_PG_ZERO, &anonymous);
  expect(VERDICT_ZERO, EVIDENCE_FLAGS);
  sightings[0].pfn = 0; /* hidden in one of them: still the same page, and still nobody's */
  expect(VERDICT_ZERO, EVIDENCE_FLAGS);
  two_with(1, VT_PG_PRESENT, &anonymous); /* not known to be anything else */
  expect(VERDICT_UNKNOWN, EVIDENCE_FRAMES);
}
END_TEST

/* One has written, the other has not: no two frames, and nothing was copied. */
START_TEST(zero_page_beside_a_frame)
{
  see(0, ANON | VT_PG_ZERO, 1, 0, END);
  see(1, OWN, 100, 0, END);
  expect(VERDICT_EXCLUSIVE, EVIDENCE_EXCLUSIVE);
  ck_assert(judge().beside_zero);
  see(2, OWN, 200, 0, END);
  expect(VERDICT_PRIVATE, EVIDENCE_FRAMES);
  sightings[1].state = sightings[2].state = ANON;
  sightings[2].pfn = 100;
  expect(VERDICT_SHARED_COW, EVIDENCE_FRAMES);
  ck_assert(judge().beside_zero);
  count = 2;
  sightings[1].state = OWN;
  sightings[0].pfn = sightings[1].pfn = 0;
  expect(VERDICT_EXCLUSIVE, EVIDENCE_EXCLUSIVE);
}
END_TEST

START_TEST(swapped_pages)
{
  see(0, VT_PG_SWAPPED, 0, 0, END);
  see(1, VT_PG_SWAPPED, 0, 0, END);
  expect(VERDICT_SWAPPED, EVIDENCE_FLAGS);
  sightings[1].state = OWN;
  sightings[1].pfn = 100;
  expect(VERDICT_EXCLUSIVE, EVIDENCE_EXCLUSIVE);
}
END_TEST

/* What was shared and is now on the swap device in one of them: nobody knows whether it still is. */
START_TEST(swapped_in_one)
{
  struct claim claim;

  see(0, ANON, 100, 0, END);
  see(1, ANON, 100, 0, 500);
  see(1, VT_PG_SWAPPED, 0, 500, END);
  claim = judge();
  ck_assert_int_eq(claim.verdict, VERDICT_UNKNOWN);
  ck_assert(claim.changed);
  ck_assert_int_eq(claim.before, VERDICT_SHARED_COW);
}
END_TEST

START_TEST(broken_copy_on_write)
{
  struct claim claim;

  see(0, ANON, 100, 0, 600);
  see(0, OWN, 100, 600, END);
  see(1, ANON, 100, 200, 500);
  see(1, OWN, 300, 500, END);
  expect(VERDICT_PRIVATE, EVIDENCE_FRAMES);
  claim = judge();
  ck_assert(claim.changed);
  ck_assert_int_eq(claim.before, VERDICT_SHARED_COW);
  ck_assert_uint_eq(claim.before_ns, 500);
}
END_TEST

/* The child writes just before it ends; the parent is found alone with its frame later.  While both lived, it was
 * broken. */
START_TEST(broken_at_the_very_end)
{
  struct claim claim;

  see(0, ANON, 100, 0, 900);
  see(0, OWN, 100, 900, END);
  see(1, ANON, 100, 0, 500);
  see(1, OWN, 300, 500, 510);
  expect(VERDICT_PRIVATE, EVIDENCE_FRAMES);
  claim = judge();
  ck_assert(claim.changed);
  ck_assert_uint_eq(claim.before_ns, 500);
}
END_TEST

/* The parent is looked at before and after a child that came and went: bit 56 of its page says nothing of between. */
START_TEST(short_child_between_two_looks)
{
  see(0, OWN, 100, 0, END);
  see(1, ANON, 100, 300, 400);
  expect(VERDICT_SHARED_COW, EVIDENCE_FRAMES);
}
END_TEST

START_TEST(exclusive_frame_that_was_given_up)
{
  see(0, OWN, 100, 0, 500); /* seen until 490 */
  see(1, ANON, 100, 491, END);
  ck_assert_int_ne(judge().verdict, VERDICT_SHARED_COW);
  sightings[1].first_ns = 490;
  ck_assert_int_eq(judge().verdict, VERDICT_SHARED_COW);
}
END_TEST

START_TEST(two_exclusives_of_one_frame)
{
  see(0, OWN, 100, 0, END);
  see(1, OWN, 100, 0, END);
  expect(VERDICT_EXCLUSIVE, EVIDENCE_EXCLUSIVE);
}
END_TEST

/* The first to end leaves the page to the other alone: what was shared while both lived is the verdict. */
START_TEST(one_outlives_the_other)
{
  see(0, OF_FILE, 100, 0, 500)->vma = &text;
  see(1, OF_FILE, 100, 0, 510)->vma = &text;
  see(1, OF_FILE | VT_PG_EXCLUSIVE, 100, 510, END)->vma = &text;
  expect(VERDICT_SHARED_FILE, EVIDENCE_FRAMES);
  ck_assert(!judge().changed);
}
END_TEST

START_TEST(three_processes)
{
  see(0, OWN, 100, 0, END);
  see(1, OWN, 200, 0, END);
  see(2, OWN, 300, 0, END);
  expect(VERDICT_PRIVATE, EVIDENCE_FRAMES);
  sightings[0].state = sightings[2].state = ANON;
  ck_assert(!judge().some);
  sightings[2].pfn = 100; /* two of the three share: the third has broken it */
  expect(VERDICT_SHARED_COW, EVIDENCE_FRAMES);
  ck_assert(judge().some);
  sightings[2].pfn = 0; /* it may be anybody's */
  expect(VERDICT_UNKNOWN, EVIDENCE_NONE);
  sightings[2].state = OWN;
  expect(VERDICT_PRIVATE, EVIDENCE_FRAMES);
}
END_TEST

START_TEST(those_who_never_met_do_not_count)
{
  see(0, OWN, 100, 0, 500);
  see(1, OWN, 200, 0, 500);
  see(2, ANON, 0, 491, END);
  ck_assert_int_eq(judge().verdict, VERDICT_PRIVATE);
  sightings[2].first_ns = 490;
  ck_assert_int_ne(judge().verdict, VERDICT_PRIVATE);
}
END_TEST

/* Process 0 lasts longest but has the same frame as 2 had before; 1 must still be found as the other frame. */
START_TEST(longest_has_the_same_frame)
{
  see(0, OWN, 100, 0, END);
  see(1, OWN, 200, 0, 600);
  see(2, OWN, 100, 500, 900);
  ck_assert_int_eq(judge().verdict, VERDICT_PRIVATE);
}
END_TEST

START_TEST(one_process_alone)
{
  see(0, OWN, 100, 0, END);
  expect(VERDICT_EXCLUSIVE, EVIDENCE_EXCLUSIVE);
  sightings[0].state = ANON;
  expect(VERDICT_UNKNOWN, EVIDENCE_NONE);
  sightings[0].state = OF_FILE;
  expect(VERDICT_UNKNOWN, EVIDENCE_NONE); /* nothing is known of the mapping */
  sightings[0].vma = &text;
  expect(VERDICT_SHARED_FILE, EVIDENCE_FLAGS);
  sightings[0].vma = &shared_writable;
  expect(VERDICT_SHARED_MEMORY, EVIDENCE_FLAGS);
  sightings[0].state = OF_FILE | VT_PG_EXCLUSIVE;
  expect(VERDICT_EXCLUSIVE, EVIDENCE_EXCLUSIVE);
  sightings[0].state = ANON | VT_PG_KSM;
  expect(VERDICT_KSM, EVIDENCE_FLAGS);
}
END_TEST

START_TEST(merged_pages_are_nobodys_own)
{
  see(0, ANON | VT_PG_KSM, 100, 0, END);
  see(1, OWN, 200, 0, END);
  expect(VERDICT_KSM, EVIDENCE_FLAGS);
}
END_TEST

START_TEST(frames_elsewhere)
{
  struct elsewhere elsewhere = {.owner = 0, .process = 1, .page = 77};
  struct sighting there;
  struct claim claim;

  see(0, OF_FILE, 100, 0, END)->vma = &text;
  there = *see(1, OF_FILE, 100, 0, END);
  count = 1;
  elsewhere.share = sightings_share(kin, &sightings[0], &there);
  ck_assert(elsewhere.share.found && elsewhere.share.in_force);
  claim = judge_with(&elsewhere, 1);
  ck_assert_int_eq(claim.verdict, VERDICT_SHARED_FILE);
  ck_assert_int_eq(claim.evidence, EVIDENCE_FRAMES);

  /* A child that has copied the page: what stands at another address hides that no more. */
  see(1, OWN, 500, 0, END);
  claim = judge_with(&elsewhere, 1);
  ck_assert_int_eq(claim.verdict, VERDICT_PRIVATE);
}
END_TEST

int main(void)
{
  Suite *suite = suite_create("verdict");
  TCase *tcase = unit_case(suite, "verdict", 60);

  tcase_add_checked_fixture(tcase, setup, NULL);
  tcase_add_test(tcase, different_frames_are_private);
  tcase_add_test(tcase, reuse_is_no_sharing);
  tcase_add_test(tcase, reused_frame_is_exclusive);
  tcase_add_test(tcase, behind_the_last_look);
  tcase_add_test(tcase, differ_behind_the_last_look);
  tcase_add_test(tcase, outlived_and_hidden);
  tcase_add_test(tcase, two_pairs_are_not_four);
  tcase_add_test(tcase, objects_of_the_kernel);
  tcase_add_test(tcase, given_up_by_one);
  tcase_add_test(tcase, given_up_by_all);
  tcase_add_test(tcase, one_after_the_other_is_never_private);
  tcase_add_test(tcase, boots_are_never_compared);
  tcase_add_test(tcase, pairs_of_sightings);
  tcase_add_test(tcase, alone_with_itself);
  tcase_add_test(tcase, hidden_numbers_are_never_equal);
  tcase_add_test(tcase, one_hidden_one_visible);
  tcase_add_test(tcase, kinds_of_sharing);
  tcase_add_test(tcase, zero_page_is_no_sharing);
  tcase_add_test(tcase, zero_page_beside_a_frame);
  tcase_add_test(tcase, swapped_pages);
  tcase_add_test(tcase, swapped_in_one);
  tcase_add_test(tcase, broken_copy_on_write);
  tcase_add_test(tcase, broken_at_the_very_end);
  tcase_add_test(tcase, short_child_between_two_looks);
  tcase_add_test(tcase, exclusive_frame_that_was_given_up);
  tcase_add_test(tcase, two_exclusives_of_one_frame);
  tcase_add_test(tcase, one_outlives_the_other);
  tcase_add_test(tcase, three_processes);
  tcase_add_test(tcase, those_who_never_met_do_not_count);
  tcase_add_test(tcase, longest_has_the_same_frame);
  tcase_add_test(tcase, one_process_alone);
  tcase_add_test(tcase, merged_pages_are_nobodys_own);
  tcase_add_test(tcase, frames_elsewhere);
  return unit_main(suite);
}
