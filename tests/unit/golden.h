/*
 * Texts that are kept in tests/golden, to be compared word by word.
 */
#ifndef TESTS_GOLDEN_H
#define TESTS_GOLDEN_H

/* Fails unless text is what tests/golden/NAME.txt holds.  With GOLDEN_UPDATE in the environment the file is written
 * first. */
void golden_expect(const char *name, const char *text);

#endif
