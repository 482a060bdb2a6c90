// Exceptions through frames that allocate: thrown from different depths, caught and thrown again half-way,
// destructors that allocate while the stack is unwound, objects that need cleaning up.  For check_stacks, which
// builds it and runs it with VMTRACE_UNWIND=compare.
#include <cstdio>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

namespace
{

// Allocates when it goes away, in the middle of unwinding.
struct Noisy {
  std::vector<int> values;

  explicit Noisy(int n) : values(static_cast<std::size_t>(n) + 1) {}
  ~Noisy()
  {
    std::string text(values.size() + 40, 'x');

    values.push_back(static_cast<int>(text.size()));
  }
};

__attribute__((noinline)) int descend(int depth, int where)
{
  Noisy noisy(depth);
  auto block = std::make_unique<char[]>(static_cast<std::size_t>(depth) * 8 + 8);

  if (depth == where)
    throw std::runtime_error("thrown at depth " + std::to_string(depth));
  if (depth == 0)
    return 1;
  block[0] = static_cast<char>(descend(depth - 1, where));
  return block[0] + static_cast<int>(noisy.values.size());
}

__attribute__((noinline)) int rethrow(int depth, int where)
{
  try {
    return descend(depth, where);
  } catch (const std::exception &e) {
    std::string text = std::string("again: ") + e.what() + " and more than fits into the object";

    throw std::logic_error(text);
  }
}

void rounds()
{
  int caught = 0, sum = 0;

  for (int i = 0; i < 60; i++) {
    try {
      sum += rethrow(i % 20, i % 7);
    } catch (const std::logic_error &e) {
      caught += std::string(e.what()).size() > 10;
    }
    sum += descend(i % 5, -1);
  }
  std::printf("%d %d\n", caught, sum != 0);
}

} // namespace

int main()
{
  std::thread other(rounds);

  rounds();
  other.join();
}
