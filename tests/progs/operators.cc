// C++'s operators new and delete, each called once from a function of its own
// with a size of its own, and how they fail.  Built by tests/e2e/check_operators.c where there is a C++ compiler.
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <dlfcn.h>
#include <new>
#include <thread>
#include <vector>

#define NOINLINE __attribute__((noinline, noclone))

// The size, by which the event is found in the trace: nothing else has it.  Libraries round up to the alignment.
enum {
  PLAIN = 100001,
  ARRAY,
  PLAIN_NOTHROW,
  ARRAY_NOTHROW,
  ALIGNED = 400 * 256,
  ARRAY_ALIGNED = 401 * 256,
  ALIGNED_NOTHROW = 402 * 256,
  ARRAY_ALIGNED_NOTHROW = 403 * 256
};

static const std::align_val_t wide{256};

static NOINLINE void use(void *p, std::size_t align)
{
  if (!p || reinterpret_cast<std::uintptr_t>(p) % align)
    std::puts("wrong block");
  *static_cast<volatile char *>(p) = 1;
}

static NOINLINE void call_plain()
{
  void *p = ::operator new(PLAIN);
  use(p, 16);
  ::operator delete(p);
}

static NOINLINE void call_array()
{
  void *p = ::operator new[](ARRAY);
  use(p, 16);
  ::operator delete[](p);
}

static NOINLINE void call_plain_nothrow()
{
  void *p = ::operator new(PLAIN_NOTHROW, std::nothrow);
  use(p, 16);
  ::operator delete(p, std::nothrow);
}

static NOINLINE void call_array_nothrow()
{
  void *p = ::operator new[](ARRAY_NOTHROW, std::nothrow);
  use(p, 16);
  ::operator delete[](p, std::nothrow);
}

static NOINLINE void call_aligned()
{
  void *p = ::operator new(ALIGNED, wide);
  use(p, 256);
  ::operator delete(p, wide);
}

static NOINLINE void call_array_aligned()
{
  void *p = ::operator new[](ARRAY_ALIGNED, wide);
  use(p, 256);
  ::operator delete[](p, wide);
}

static NOINLINE void call_aligned_nothrow()
{
  void *p = ::operator new(ALIGNED_NOTHROW, wide, std::nothrow);
  use(p, 256);
  ::operator delete(p, wide, std::nothrow);
}

static NOINLINE void call_array_aligned_nothrow()
{
  void *p = ::operator new[](ARRAY_ALIGNED_NOTHROW, wide, std::nothrow);
  use(p, 256);
  ::operator delete[](p, wide, std::nothrow);
}

static NOINLINE void sized_deletes()
{
  ::operator delete(::operator new(1000), std::size_t{1000});
  ::operator delete[](::operator new[](1000), std::size_t{1000});
  ::operator delete(::operator new(1000, wide), std::size_t{1000}, wide);
  ::operator delete[](::operator new[](1000, wide), std::size_t{1000}, wide);
  ::operator delete(nullptr);
  ::operator delete[](nullptr, std::size_t{10}, wide);
}

static bool can_fail = true;
static int handled;
static const volatile std::size_t too_much = PTRDIFF_MAX;

static void handler()
{
  if (++handled == 3)
    std::set_new_handler(nullptr);
}

template <typename Call> static void expect_bad_alloc(const char *what, Call call)
{
  handled = 0;
  std::set_new_handler(handler);
  try {
    void *p = call();
    std::printf("%s: %s, handler %d times\n", what, p ? "a block" : "null", handled);
  } catch (const std::bad_alloc &e) {
    std::printf("%s: %s, handler %d times\n", what, e.what(), handled);
  }
  std::set_new_handler(nullptr);
}

static void failures()
{
  expect_bad_alloc("new", [] { return ::operator new(too_much); });
  expect_bad_alloc("new[]", [] { return ::operator new[](too_much); });
  expect_bad_alloc("new nothrow", [] { return ::operator new(too_much, std::nothrow); });
  expect_bad_alloc("new[] nothrow", [] { return ::operator new[](too_much, std::nothrow); });
  expect_bad_alloc("new aligned", [] { return ::operator new(too_much, wide); });
  expect_bad_alloc("new aligned nothrow", [] { return ::operator new(too_much, wide, std::nothrow); });
}

struct Thrower {
  char room[5000];
  Thrower() { throw 7; }
};

static void constructors_that_throw()
{
  int caught = 0;

  for (int i = 0; i < 1000; i++) {
    try {
      delete new Thrower;
    } catch (int v) {
      caught += v;
    }
  }
  std::printf("caught %d\n", caught);
}

static void containers()
{
  std::vector<std::thread> threads;
  std::size_t sum = 0;

  for (int i = 0; i < 4; i++)
    threads.emplace_back([] {
      std::vector<std::vector<int>> all;
      for (int k = 0; k < 300; k++)
        all.emplace_back(static_cast<std::size_t>(k % 50), k);
    });
  for (auto &t : threads)
    t.join();
  std::vector<int> v;
  for (int i = 0; i < 100000; i++)
    v.push_back(i);
  for (int i : v)
    sum += static_cast<std::size_t>(i);
  std::printf("sum %zu\n", sum);
}

// For programs that load this file as a shared object into a process without C++.
extern "C" int operators_main()
{
  call_plain();
  call_array();
  call_plain_nothrow();
  call_array_nothrow();
  call_aligned();
  call_array_aligned();
  call_aligned_nothrow();
  call_array_aligned_nothrow();
  sized_deletes();
  if (can_fail)
    failures();
  constructors_that_throw();
  containers();
  std::puts("done");
  return 0;
}

// With an argument: not how they fail.  An allocator built without exceptions ends the process there.
int main(int argc, char **)
{
  can_fail = argc == 1;
  return operators_main();
}
