/*
 * Ten ways to get memory, in known amounts, for check_heap_known.  Each
 * function takes BLOCKS blocks of the given size (an even number of pages),
 * writes to the first half of each and to nothing else of it, and TEMPORARIES
 * blocks more that it frees at once, untouched.  After the mark "full" the
 * first FREED blocks of each are freed; then comes the mark "freed".  All
 * functions are inlined into one.  The test finds lines by the names in their comments.
 *
 * Usage: known SIZE
 */
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>
#include <vector>

#include "vmtrace/vmtrace.h"

#define INLINED static inline __attribute__((always_inline))
/* The phases of each function; all keep first, so that no block is where one was that was freed. */
enum phase { KEEP, PASS };

#define EACH for (int i = 0; phase == KEEP && i < BLOCKS; i++)
#define EACH_PASSED for (int i = 0; phase == PASS && i < TEMPORARIES; i++)

enum { BLOCKS = 20, FREED = 2, TEMPORARIES = 3, MISER_BLOCKS = 20000, MISER_SIZE = 416 };

static void *blocks[BLOCKS], *zeroed[BLOCKS], *grown[BLOCKS], *aligned[BLOCKS], *objects[BLOCKS], *mapped[BLOCKS];
static char *arrays[BLOCKS];
static std::vector<char> vectors[BLOCKS];
static std::string strings[BLOCKS];
static std::unique_ptr<char[]> uniques[BLOCKS];

/* A compiler may leave out what it sees allocated and freed; not what has been shown to somebody. */
INLINED void show(const void *p)
{
  __asm__ volatile("" : : "r"(p) : "memory");
}

INLINED void *touch(void *p, size_t size)
{
  memset(p, 1, size / 2);
  show(p);
  return p;
}

INLINED void by_malloc(size_t size, enum phase phase)
{
  EACH blocks[i] = touch(malloc(size), size); /* kept by malloc */
  EACH_PASSED
  {
    void *p = malloc(size); /* passed by malloc */
    show(p);
    free(p);
  }
}

INLINED void by_calloc(size_t size, enum phase phase)
{
  EACH zeroed[i] = touch(calloc(size / 64, 64), size); /* kept by calloc */
  EACH_PASSED
  {
    void *p = calloc(size / 64, 64); /* passed by calloc */
    show(p);
    free(p);
  }
}

INLINED void by_realloc(size_t size, enum phase phase)
{
  EACH
  {
    grown[i] = malloc(16); /* begun by realloc */
    show(grown[i]);
    grown[i] = touch(realloc(grown[i], size), size); /* kept by realloc */
  }
  EACH_PASSED
  {
    void *p = realloc(NULL, size); /* passed by realloc */
    show(p);
    free(p);
  }
}

INLINED void by_aligned_alloc(size_t size, enum phase phase)
{
  EACH aligned[i] = touch(aligned_alloc(4096, size), size); /* kept by aligned_alloc */
  EACH_PASSED
  {
    void *p = aligned_alloc(4096, size); /* passed by aligned_alloc */
    show(p);
    free(p);
  }
}

INLINED void by_new(size_t size, enum phase phase)
{
  EACH objects[i] = touch(operator new(size), size); /* kept by new */
  EACH_PASSED
  {
    void *p = operator new(size); /* passed by new */
    show(p);
    operator delete(p);
  }
}

INLINED void by_new_array(size_t size, enum phase phase)
{
  EACH arrays[i] = static_cast<char *>(touch(new char[size], size)); /* kept by new_array */
  EACH_PASSED
  {
    char *p = new char[size]; /* passed by new_array */
    show(p);
    delete[] p;
  }
}

INLINED void by_vector(size_t size, enum phase phase)
{
  EACH
  {
    vectors[i].reserve(size); /* kept by vector */
    vectors[i].resize(size / 2);
    show(vectors[i].data());
  }
  EACH_PASSED
  {
    std::vector<char> v;
    v.reserve(size); /* passed by vector */
    show(v.data());
  }
}

/* The zero byte behind the text is the last one of the first half. */
INLINED void by_string(size_t size, enum phase phase)
{
  EACH
  {
    strings[i].reserve(size - 1); /* kept by string */
    strings[i].append(size / 2 - 1, 'x');
    show(strings[i].data());
  }
}

INLINED void by_make_unique(size_t size, enum phase phase)
{
  EACH
  {
    uniques[i] = std::make_unique_for_overwrite<char[]>(size); /* kept by make_unique */
    touch(uniques[i].get(), size);
  }
  EACH_PASSED
  {
    auto p = std::make_unique_for_overwrite<char[]>(size); /* passed by make_unique */
    show(p.get());
  }
}

INLINED void by_mmap(size_t size, enum phase phase)
{
  EACH mapped[i] =
      touch(mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), size); /* kept by mmap */
}

/* Small blocks that nobody touches, of a size that nobody else uses. */
INLINED void by_miser()
{
  for (int i = 0; i < MISER_BLOCKS; i++)
    show(malloc(MISER_SIZE)); /* kept by miser */
}

INLINED void all(size_t size, enum phase phase)
{
  by_malloc(size, phase);
  by_calloc(size, phase);
  by_realloc(size, phase);
  by_aligned_alloc(size, phase);
  by_new(size, phase);
  by_new_array(size, phase);
  by_vector(size, phase);
  by_string(size, phase);
  by_make_unique(size, phase);
  by_mmap(size, phase);
}

__attribute__((noinline)) static void work(size_t size)
{
  all(size, KEEP);
  by_miser();
  all(size, PASS);
}

static void free_some(size_t size)
{
  for (int i = 0; i < FREED; i++) {
    free(blocks[i]);
    free(zeroed[i]);
    free(grown[i]);
    free(aligned[i]);
    operator delete(objects[i]);
    delete[] arrays[i];
    std::vector<char>().swap(vectors[i]);
    std::string().swap(strings[i]);
    uniques[i].reset();
    munmap(mapped[i], size);
  }
}

int main(int argc, char **argv)
{
  size_t size = argc > 1 ? strtoul(argv[1], NULL, 0) : 65536;

  prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0);
  work(size);
  VMTRACE_SNAPSHOT("full");
  free_some(size);
  VMTRACE_SNAPSHOT("freed");
  _exit(0); /* without the destructors, which would free the rest */
}
