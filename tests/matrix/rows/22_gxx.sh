# shellcheck shell=bash
# load: a C++ file full of templates of the standard library at -O2, again at -O0 -g and linked, and the program run
# compared: all output, the assembly
version() { g++ -dumpfullversion | sed 's/^/g++ /'; }

prepare() {
  cat >large.cc <<'END'
#include <algorithm>
#include <functional>
#include <iostream>
#include <map>
#include <memory>
#include <numeric>
#include <regex>
#include <set>
#include <sstream>
#include <string>
#include <thread>
#include <unordered_map>
#include <variant>
#include <vector>
template <int N> struct Box { std::map<std::string, std::vector<std::variant<int, std::string, double>>> items;
  int run() { for (int i = 0; i < N; i++) items[std::to_string(i % 7)].push_back(i % 2 ? std::variant<int, std::string, double>(i) : std::to_string(i));
    return static_cast<int>(items.size()) + Box<N - 1>().run(); } };
template <> struct Box<0> { int run() { return 0; } };
int main() {
  std::cout << Box<10>().run() << "\n";
  std::unordered_map<std::string, std::function<int(int)>> table;
  for (int i = 0; i < 1000; i++) table["f" + std::to_string(i)] = [i](int x) { return x + i; };
  std::cout << table["f77"](1) << " " << std::regex_replace(std::string("a1b22c333"), std::regex("[0-9]+"), "#") << "\n";
  std::vector<std::thread> threads;
  std::vector<long> sums(4);
  for (int t = 0; t < 4; t++) threads.emplace_back([t, &sums] { std::set<int> s; for (int i = 0; i < 50000; i++) s.insert(i * 7919 % 10007); sums[t] = std::accumulate(s.begin(), s.end(), 0L) + t; });
  for (auto &t : threads) t.join();
  std::cout << std::accumulate(sums.begin(), sums.end(), 0L) << "\n";
  try { throw std::runtime_error("thrown"); } catch (const std::exception &e) { std::cout << e.what() << "\n"; }
}
END
}
run() {
  traced g++ -std=c++20 -O2 -S -o large.s large.cc
  sha256sum large.s
  traced g++ -std=c++20 -O0 -g -o large large.cc -pthread
  traced ./large
}
