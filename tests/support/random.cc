#include "tests/support/random.h"

#include <cstdio>
#include <cstdlib>

namespace bramble::testing {
namespace {

std::uint64_t choose_seed() {
  const char* given = std::getenv("BRAMBLE_TEST_SEED");
  const std::uint64_t seed = given ? std::strtoull(given, nullptr, 10) : std::random_device{}();
  std::fprintf(stderr, "BRAMBLE_TEST_SEED=%llu\n", static_cast<unsigned long long>(seed));
  return seed;
}

}  // namespace

std::uint64_t test_seed() {
  static const std::uint64_t seed = choose_seed();
  return seed;
}

std::string Random::bytes(std::size_t size) {
  std::string bytes(size, '\0');
  for (char& byte : bytes) byte = static_cast<char>(engine_() & 0xFF);
  return bytes;
}

}  // namespace bramble::testing
