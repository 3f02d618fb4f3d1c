#pragma once

#include <cstdint>
#include <random>
#include <string>
#include <vector>

namespace bramble::testing {

/// The seed of this run, printed when first asked for: BRAMBLE_TEST_SEED repeats a run.
std::uint64_t test_seed();

/// The same choices for the same seed, on every machine.  Threads: a value of one thread.
class Random {
 public:
  explicit Random(std::uint64_t seed) : engine_(seed) {}

  std::uint64_t next() { return engine_(); }
  /// 0 to `bound` - 1; `bound` > 0.
  std::uint64_t below(std::uint64_t bound) { return engine_() % bound; }
  /// `from` to `to`, both included.
  std::uint64_t between(std::uint64_t from, std::uint64_t to) { return from + below(to - from + 1); }
  bool one_in(std::uint64_t n) { return below(n) == 0; }
  std::string bytes(std::size_t size);
  template <class T>
  const T& pick(const std::vector<T>& from) {
    return from[below(from.size())];
  }

 private:
  std::mt19937_64 engine_;
};

}  // namespace bramble::testing
